"""Sinks of telemetry."""
