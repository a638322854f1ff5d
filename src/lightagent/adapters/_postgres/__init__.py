"""Shared by the adapters of a PostgreSQL server: the address, connections per event loop, retries and errors.

This is not a family of adapters: it knows nothing about the data that is stored.
"""
