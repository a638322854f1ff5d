"""An MCP server that adds, for `mcp_calls.py`: `python benchmarks/mcp_server.py stdio` or a port."""

import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("adding")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
