"""Sources of tools that are made of others: a list of functions, and wrappers."""
