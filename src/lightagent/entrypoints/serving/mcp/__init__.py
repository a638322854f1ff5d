"""``/mcp``: an MCP server whose tools are the served models."""
