"""Sources of tools made from other tools: a list of functions, wrappers, and external services."""
