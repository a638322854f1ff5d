"""From a tool as its server declares it to one that a model is shown, and how a changed declaration is noticed."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from lightagent.domain.foreign_schemas import BeyondRepair, mend
from lightagent.domain.json_bytes import whole_characters, whole_json
from lightagent.domain.mcp.servers import McpServer, McpTool
from lightagent.domain.policy.capabilities import MCP
from lightagent.domain.tools.foreign_names import model_name
from lightagent.domain.tools.spec import ToolSpec

MOST_DESCRIPTION: Final = 1024
"""Characters of a description; OpenAI refuses a request with a longer one."""


def mcp_tool_spec(
    tool: McpTool, server: McpServer | None = None, *, timeout: float | None = None
) -> ToolSpec | BeyondRepair:
    """What the model is shown: a name and a schema that every provider takes, and a description that is not too long.

    A server's hints say nothing that a run could rely on, so the tool counts as one with an effect.

    Args:
        server: what the application says of the server's tools; None: nothing.
    """
    mended = mend(whole_json(tool.schema))
    if isinstance(mended, BeyondRepair):
        return mended
    return ToolSpec(
        name=model_name(tool.server, tool.name),
        description=shortened(described(tool)),
        parameters=mended.schema,
        title=whole_characters(tool.title),
        timeout=timeout,
        requires_approval=server is not None and server.waits_for_approval(tool.name),
        capabilities=() if server is None else tuple(server.capabilities),
        risk=None if server is None else server.risk,
        provider=f"{MCP}{whole_characters(tool.server)}",
        original=whole_characters(f"{tool.server}/{tool.name}"),
    )


def described(tool: McpTool) -> str:
    """What the tool is for. It begins with the tool's own name where that is not ASCII."""
    text = tool.description.strip() or tool.title.strip()
    if not tool.name.isascii() and tool.name not in text:
        text = f"{tool.name}: {text}" if text else tool.name
    return whole_characters(text)


def shortened(text: str) -> str:
    """At most as much of a text as every provider takes, with a mark where something is missing."""
    mark = " […]"
    return text if len(text) <= MOST_DESCRIPTION else text[: MOST_DESCRIPTION - len(mark)].rstrip() + mark


def definition_hash(tool: McpTool) -> str:
    """SHA-256 over everything that the server says of the tool, in hexadecimal.

    What an annotation claims counts as well: "only reads" may be why a human approved the tool.
    """
    said = [tool.name, tool.title, tool.description, tool.schema, tool.annotations]
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
