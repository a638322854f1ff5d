"""Runs as OpenTelemetry traces, metrics and events, by the semantic conventions for generative AI."""
