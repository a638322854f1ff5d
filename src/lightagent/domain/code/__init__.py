"""Programs that a model writes, and the report of what became of them."""
