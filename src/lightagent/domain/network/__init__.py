"""Requests over the network as values, and the addresses that may be reached."""
