"""Journals in a store: codecs, leases, reading, copying and verifying."""
