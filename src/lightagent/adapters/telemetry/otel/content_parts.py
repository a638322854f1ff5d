"""What users say besides plain text: images, sounds and files, as parts in the form of the semantic conventions.

Bytes are recorded in no mode: no detector reads them, and they are longer than any limit. What stands for them says
what they were and how long.
"""

from __future__ import annotations

import re
from typing import Final

from lightagent.adapters.telemetry.otel.content_cleaning import Cleaner
from lightagent.domain.json_types import JsonObject
from lightagent.domain.telemetry.cuts import fitted_name, fitted_text

_BYTES: Final = "lightagent.bytes_left_out"
"""The type of the part that stands for bytes."""

_MIME_TYPE: Final = re.compile(r"[a-z]{1,20}/[A-Za-z0-9.+-]{1,60}")

_KNOWN: Final = frozenset(
    {
        *("text", "reasoning", "blob", "file", "uri"),
        *("tool_call", "tool_call_response", "server_tool_call", "server_tool_call_response"),
    }
)
"""Types whose form the conventions say."""


def user_part(cleaner: Cleaner, most: int, content: JsonObject, room: int) -> JsonObject | None:
    """A part of what a user said, in OpenAI's form, as the conventions write it; None where it is left out.

    Args:
        cleaner: what may be recorded of each text.
        most: characters of a text.
        content: the part.
        room: characters of the result as JSON.
    """
    match content:
        case {"type": "text", "text": str(text)}:
            long = cleaner.text("input_messages", text)
            return None if long is None else {"type": "text", "content": fitted_text(long, most, room - 50)}
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return _reference(cleaner, "image", url, room)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(format_)}}:
            return _bytes("audio", f"audio/{format_}", data)
        case {"type": "file", "file": {"file_id": str(id_)}}:
            return {"type": "file", "modality": "document", "file_id": fitted_name(id_)}
        case {"type": "file", "file": {"file_data": str(data)}}:
            return _reference(cleaner, "document", data, room)
        case _:
            return _other(cleaner, content, room)


def _reference(cleaner: Cleaner, modality: str, url: str, room: int) -> JsonObject | None:
    """Something behind an address, or in it."""
    if "://" not in url[:40]:
        return _bytes(modality, url[:100].removeprefix("data:").partition(",")[0].partition(";")[0], url)
    long = cleaner.text("input_messages", url)
    return None if long is None else {"type": "uri", "modality": modality, "uri": fitted_text(long, 2_000, room - 60)}


def _bytes(modality: str, mime_type: str, data: str) -> JsonObject:
    part: JsonObject = {"type": _BYTES, "modality": modality, "characters": len(data)}
    # An invalid MIME type may be anything, even the content of the data URL.
    return {**part, "mime_type": mime_type} if _MIME_TYPE.fullmatch(mime_type) else part


def _other(cleaner: Cleaner, content: JsonObject, room: int) -> JsonObject | None:
    """A part that the conventions have no form for: with its own type and what else it holds."""
    told = content.get("type")
    type_ = fitted_name(told) if isinstance(told, str) and told not in _KNOWN else "lightagent.unknown"
    value = cleaner.json("input_messages", {name: one for name, one in content.items() if name != "type"}, room - 250)
    if value is None:
        return None
    return {**value, "type": type_} if isinstance(value, dict) else {"type": type_, "content": value}
