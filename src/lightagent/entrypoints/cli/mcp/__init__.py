"""``lightagent mcp``: MCP servers."""
