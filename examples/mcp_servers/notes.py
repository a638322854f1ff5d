"""A small MCP server over standard input and output: notes that are kept while it runs.

lightagent mcp inspect notes    (with the settings of docs/mcp.md)
"""

from mcp.server.mcpserver import MCPServer

server = MCPServer("notes")
NOTES = {"tea": "Buy green tea."}


@server.tool()
def read_note(title: str) -> str:
    """Read a note by its title."""
    return NOTES[title]


@server.tool()
def write_note(title: str, text: str) -> str:
    """Write a note; one of the same title is replaced."""
    NOTES[title] = text
    return f"{title} is written."


if __name__ == "__main__":
    server.run()
