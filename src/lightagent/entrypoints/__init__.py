"""Doors from outside: the command line."""
