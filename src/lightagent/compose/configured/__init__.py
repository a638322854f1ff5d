"""What settings describe, opened: backends, tools, and the engine and the store of flows."""
