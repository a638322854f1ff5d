"""Traces: recorded, exported and read back."""
