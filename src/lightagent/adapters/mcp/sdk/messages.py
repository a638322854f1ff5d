"""Reads messages of servers, also those that are JSON and that the parser of the SDK refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

import mcp_types as types
from pydantic import TypeAdapter

from lightagent.adapters.mcp.sdk.lines import request_id_in
from lightagent.domain.json_bytes import whole_json
from lightagent.domain.json_types import JsonValue

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that is not a message of the protocol.

    Attributes:
        why: what is wrong with it.
        request_id: the id of the request that it was to answer, where it says so.
    """

    why: str
    request_id: int | str | None


def read_message(data: bytes | str) -> types.JSONRPCMessage | Unreadable:
    """The message that is written there.

    Many programs cut texts in the middle of a character and write the half of it as an escape. The parser of the SDK
    refuses the whole message for that; here U+FFFD stands for such a half.
    """
    try:
        return types.jsonrpc_message_adapter.validate_json(data, by_name=False)
    except ValueError:
        pass
    try:
        document = whole_json(_JSON.validate_python(json.loads(data)))
    except (ValueError, RecursionError):
        return Unreadable("it is not sound JSON", request_id_in(data.encode() if isinstance(data, str) else data))
    try:
        return types.jsonrpc_message_adapter.validate_python(document, by_name=False)
    except ValueError:
        return Unreadable("it is not a message of the protocol", _answered(document))


def _answered(document: JsonValue) -> int | str | None:
    """The request that a wrong answer names; what has a method is none."""
    if not isinstance(document, dict) or "method" in document:
        return None
    named = document.get("id")
    return named if isinstance(named, int | str) and not isinstance(named, bool) else None
