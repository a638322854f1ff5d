"""MCP servers as values: how they are reached, what they declare and send, and what can go wrong."""
