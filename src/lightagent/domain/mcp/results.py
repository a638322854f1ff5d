"""The result of an MCP call as the text that a model reads."""

from __future__ import annotations

import json
from typing import assert_never

from lightagent.domain.errors import ToolError
from lightagent.domain.json_copies import same_json
from lightagent.domain.json_types import JsonValue
from lightagent.domain.mcp.servers import EmbeddedResource, McpPart, McpResult, MediaPart, ResourceLink, TextPart


def result_text(tool: str, result: McpResult) -> str | None:
    """Return the parts of the result in order, each on its own lines, or None if the server returned nothing.

    Images, sounds and binary resources are named with their type and size: the messages of tools hold text. Structured
    content follows as JSON unless one of the texts is the same JSON, as the protocol recommends to servers.

    Args:
        tool: the name in the error.

    Raises:
        ToolError: the tool says that it failed; the text says why.
    """
    lines = [_shown(part) for part in result.parts]
    if result.structured is not None and not _is_repeated_in_text(result.structured, result.parts):
        lines.append(json.dumps(result.structured, ensure_ascii=False))
    text = "\n".join(lines) if lines else None
    if result.is_error:
        raise ToolError(f"{tool} failed: {text or 'the server does not say why.'}", guidance="")
    return text


def _shown(part: McpPart) -> str:
    match part:
        case TextPart(text):
            return text
        case MediaPart(kind, data, mime_type):
            return f"[{_listed(kind, mime_type, _size(_bytes_in(data)))}]"
        case ResourceLink():
            label = part.title or part.name
            about = _listed(label, part.mime_type, "" if part.size is None else _size(part.size))
            told = f" - {part.description}" if part.description else ""
            return f"[resource {part.uri}{f' ({about})' if about else ''}]{told}"
        case EmbeddedResource(uri, mime_type, text, data):
            if text is not None:
                return f"[resource {uri}]\n{text}"
            return f"[{_listed(f'resource {uri}', mime_type, _size(_bytes_in(data or '')))}]"
        case _:
            assert_never(part)


def _listed(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _size(count: int) -> str:
    return f"{count:,} bytes"


def _bytes_in(base64: str) -> int:
    """How many bytes a base64 text stands for, without making them."""
    return len(base64) * 3 // 4 - base64[-2:].count("=")


def _is_repeated_in_text(structured: JsonValue, parts: tuple[McpPart, ...]) -> bool:
    return any(_is_json_of(structured, part.text) for part in parts if isinstance(part, TextPart))


def _is_json_of(structured: JsonValue, text: str) -> bool:
    """Whether a text is this JSON, or the one value in it: servers wrap what is not an object."""
    try:
        said: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        said = text
    if same_json(said, structured):
        return True
    wrapped = structured.get("result") if isinstance(structured, dict) and len(structured) == 1 else None
    return wrapped is not None and (same_json(said, wrapped) or text == wrapped)
