"""Puts right what would make the SDK refuse a whole list for one wrong tool in it.

The SDK checks a page of tools as one value: a tool without a schema, or with one that is no object, costs all of them.
Here such a tool gets an empty schema, and its own goes along beside it: schemas are judged elsewhere.
"""

from __future__ import annotations

from contextvars import Context
from typing import Final, Self

import anyio.lowlevel
import mcp_types as types
from mcp.shared.message import SessionMessage

from lightagent.adapters.mcp.sdk.message_streams import Incoming
from lightagent.domain.json_types import JsonValue

_ROUNDS: Final = 2
"""Rounds of the event loop in which a task that was made begins."""

SCHEMA_KEY: Final = "lightagent/schema"
"""In a tool's `_meta`: the schema as the server gave it, where the SDK would have refused it."""


class TidyReader(Incoming):
    """The messages of another reader, tidied, with the context that the SDK carries along with each.

    The SDK handles a notification in a task of its own and an answer at once. So an answer waits until the tasks of
    what came before it have begun: else a caller would have it first, and hear of progress and logs later or never.
    """

    def __init__(self, inner: Incoming) -> None:
        self._inner = inner
        self._notified = False

    @property
    def last_context(self) -> Context | None:
        """That in which the request was made that the last message answers, where the transport knows it."""
        found: object = getattr(self._inner, "last_context", None)
        return found if isinstance(found, Context) else None

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return await self._in_order(await self._inner.receive())

    async def aclose(self) -> None:
        """No more are read."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return await self._in_order(await anext(self._inner))

    async def _in_order(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, SessionMessage):
            notifies = isinstance(item.message, types.JSONRPCNotification)
            if self._notified and not notifies:
                for _ in range(_ROUNDS):
                    await anyio.lowlevel.checkpoint()
            self._notified = notifies
        return tidied(item)


def tidied(item: SessionMessage | Exception) -> SessionMessage | Exception:
    """The message, with its list of tools put right where it has one."""
    if isinstance(item, SessionMessage) and isinstance(item.message, types.JSONRPCResponse):
        tools: object = item.message.result.get("tools")
        if isinstance(tools, list) and not all(map(_is_plain, tools)):
            item.message.result["tools"] = [_plain(tool) for tool in tools if _is_named(tool)]
    return item


def _is_named(tool: object) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("name"), str)


def _is_plain(tool: object) -> bool:
    if not isinstance(tool, dict) or not _is_named(tool):
        return False
    schema: object = tool.get("inputSchema")
    described = isinstance(tool.get("description", ""), str | None)
    return described and isinstance(schema, dict) and schema.get("type") == "object"


def _plain(tool: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if _is_plain(tool):
        return tool
    kept: dict[str, JsonValue] = {
        key: tool[key] for key in ("name", "annotations") if isinstance(tool.get(key), str | dict)
    }
    kept |= {key: tool[key] for key in ("title", "description") if isinstance(tool.get(key), str)}
    schema: JsonValue = tool.get("inputSchema")
    return {**kept, "inputSchema": {"type": "object"}, "_meta": {SCHEMA_KEY: schema}}
