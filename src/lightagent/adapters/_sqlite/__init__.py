"""Shared by all stores in an SQLite file: opening the file, transactions, and the meaning of errors.

This is not a family of adapters, and does not depend on any of them.
"""
