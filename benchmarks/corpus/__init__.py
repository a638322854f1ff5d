"""Texts by which detectors are measured: private data and keys, and what only looks like them."""
