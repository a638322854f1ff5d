"""MCP servers for tests: one of ours that fails as told, with the standard library alone, and where to find others."""
