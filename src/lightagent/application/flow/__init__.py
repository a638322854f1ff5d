"""Workflows: carries out what the flow's machine decides, and keeps it on record."""
