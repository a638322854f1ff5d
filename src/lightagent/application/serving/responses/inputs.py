"""The input items of a response: the messages that started its run, or what was sent to a run that waited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.responses.ids import ResponseId
from lightagent.domain.conversation.messages import AssistantMessage, Message, UserMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.events import Admitted, Event, RunStarted

MOST_ITEMS: Final = 100
"""The maximum number of items on a page."""

_USUAL: Final = 20


def input_items(response_id: ResponseId, events: Sequence[Event]) -> list[JsonObject]:
    """Return the messages of users and models before the response, oldest first. Tool messages are internal."""
    messages = list[Message]()
    for event in response_id.part(events):
        if isinstance(event, RunStarted):
            messages += event.messages
        elif isinstance(event, Admitted):
            messages.append(event.message)
    items = (_item(message, f"{response_id.stem}_{place}") for place, message in enumerate(messages))
    return [item for item in items if item is not None]


def listing(items: Sequence[JsonObject], *, order: str = "", after: str = "", limit: str = "") -> JsonObject:
    """Return one page of the items.

    Args:
        order: `asc`, or `desc` (newest first), which is the default.
        after: the id of the last item on the previous page.
        limit: the maximum number of items, as text.

    Raises:
        RequestRefused: one of these is invalid.
    """
    if order not in ("", "asc", "desc"):
        raise RequestRefused(400, "order: must be asc or desc.", "", param="order")
    if limit and not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MOST_ITEMS):
        raise RequestRefused(400, f"limit: must be a number from 1 to {MOST_ITEMS}.", "", param="limit")
    found = [*items] if order == "asc" else [*reversed(items)]
    if after:
        ids = [item["id"] for item in found]
        if after not in ids:
            raise RequestRefused(400, "after: no item has this id.", "", param="after")
        found = found[ids.index(after) + 1 :]
    page = found[: int(limit or _USUAL)]
    data: list[JsonValue] = [*page]
    return {
        "object": "list",
        "data": data,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(found) > len(page),
    }


def _item(message: Message, name: str) -> JsonObject | None:
    match message:
        case UserMessage(content=str(text)):
            content: list[JsonValue] = [{"type": "input_text", "text": text}]
        case UserMessage(content=parts):
            content = [_part(part) for part in parts if not isinstance(part, str)]
        case AssistantMessage(content=str(text)) if text:
            content = [{"type": "output_text", "text": text, "annotations": []}]
        case _:
            return None
    role = "user" if isinstance(message, UserMessage) else "assistant"
    return {"id": f"msg_{name}_in", "type": "message", "role": role, "status": "completed", "content": content}


def _part(part: JsonObject) -> JsonObject:
    if part.get("type") == "text":
        return {"type": "input_text", "text": part.get("text")}
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return {"type": "input_image", "image_url": url, "detail": "auto"}
