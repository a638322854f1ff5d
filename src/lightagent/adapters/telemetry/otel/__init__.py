"""Telemetry over OpenTelemetry."""
