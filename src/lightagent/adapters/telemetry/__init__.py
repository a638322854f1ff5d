"""Adapters of the port to telemetry."""
