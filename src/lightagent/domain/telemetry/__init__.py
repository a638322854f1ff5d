"""Telemetry: which texts it may contain, how they are shortened, tags, and the summary of a trace."""
