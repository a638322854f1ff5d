"""Detectors: private data, keys and addresses in texts."""
