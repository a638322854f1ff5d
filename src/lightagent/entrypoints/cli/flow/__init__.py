"""``lightagent flow`` and ``lightagent worker``: run flows, and see what became of their runs."""
