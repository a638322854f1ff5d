"""What the adapters of a PostgreSQL server share: the address, connections of each event loop, trying again, faults.

This is no family: it knows nothing of what is kept.
"""
