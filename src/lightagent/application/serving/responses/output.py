"""The items of a response as they are created, and the events that report them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue

Spoken: TypeAlias = Literal["message", "reasoning"]
"""The kinds of item whose text arrives in pieces."""

_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "mcp_call": "mcp",
    "mcp_approval_request": "mcpr",
}

_TEXTS: Final[dict[Spoken, str]] = {"message": "response.output_text", "reasoning": "response.reasoning_summary_text"}
_PARTS: Final[dict[Spoken, str]] = {"message": "response.content_part", "reasoning": "response.reasoning_summary_part"}
"""The event names of a text and of the part that holds it begin with these. Reasoning is sent as summaries, the only
form that LangChain and the Vercel SDK read."""


@dataclass(slots=True)
class OpenItem:
    """A message or reasoning item that still grows."""

    kind: Spoken
    id: str
    index: int
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


class ResponseOutput:
    """The items so far. Each method returns the events that report what it did, as whole frames.

    Args:
        stem: the prefix of the ids of the items.
        after: the number of the last event that the client has; events up to this one are not sent.
    """

    def __init__(self, stem: str, after: int = -1) -> None:
        self._stem = stem
        self._after = after
        self._sequence = 0
        self._open: dict[Spoken, OpenItem] = {}
        self.items: list[JsonObject] = []

    @property
    def speaks(self) -> bool:
        """Whether a message is open."""
        return "message" in self._open

    def frame(self, kind: str, **more: JsonValue) -> bytes:
        """Return one event with the next number; empty if the client has it already."""
        number = self._sequence
        self._sequence += 1
        if number <= self._after:
            return b""
        told: JsonObject = {"type": kind, "sequence_number": number, **more}
        return b"event: " + kind.encode() + b"\ndata: " + encode_json(told) + b"\n\n"

    def say(self, kind: Spoken, text: str) -> bytes:
        """Add a piece of text."""
        item, frames = self._open.get(kind), b""
        if item is None:
            item = OpenItem(kind, self._id(kind), len(self.items))
            self._open[kind] = item
            self.items.append(spoken(kind, item.id, "", "in_progress"))
            frames = self._added(item.index) + self._part("added", item, "")
        item.pieces.append(text)
        more: JsonObject = {"logprobs": []} if kind == "message" else {}
        return frames + self.frame(f"{_TEXTS[kind]}.delta", **_place(item), delta=text, **more)

    def close(self, status: str = "completed", *, said: str | None = None) -> bytes:
        """Complete the open message and reasoning.

        Args:
            said: the recorded text of the message, which replaces the streamed text.
        """
        frames = b""
        for kind, item in self._open.items():
            text = said if said is not None and kind == "message" else item.text
            more: JsonObject = {"logprobs": []} if kind == "message" else {}
            frames += self.frame(f"{_TEXTS[kind]}.done", **_place(item), text=text, **more)
            frames += self._part("done", item, text)
            frames += self._done(item.index, spoken(kind, item.id, text, status))
        self._open = {}
        return frames

    def add(self, item: JsonObject, item_id: str = "") -> bytes:
        """Add an item that is complete from the start, such as a call.

        Args:
            item_id: the id of the item, if it has one of its own.
        """
        whole: JsonObject = {"id": item_id or self._id(str(item["type"])), **item}
        self.items.append(whole)
        return self._added(len(self.items) - 1) + self._done(len(self.items) - 1, whole)

    def _id(self, kind: str) -> str:
        return f"{_PREFIXES[kind]}_{self._stem}_{len(self.items)}"

    def _added(self, index: int) -> bytes:
        return self.frame("response.output_item.added", output_index=index, item=self.items[index])

    def _done(self, index: int, item: JsonObject) -> bytes:
        self.items[index] = item
        return self.frame("response.output_item.done", output_index=index, item=item)

    def _part(self, event: str, item: OpenItem, text: str) -> bytes:
        return self.frame(f"{_PARTS[item.kind]}.{event}", **_place(item), part=_text_part(item.kind, text))


def spoken(kind: Spoken, item_id: str, text: str, status: str) -> JsonObject:
    """Return a message or reasoning item."""
    parts: list[JsonValue] = [_text_part(kind, text)] if text or status != "in_progress" else []
    item: JsonObject = {"id": item_id, "type": kind, "status": status}
    if kind == "message":
        return {**item, "role": "assistant", "content": parts}
    return {**item, "summary": parts}


def _text_part(kind: Spoken, text: str) -> JsonObject:
    if kind == "message":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "summary_text", "text": text}


def _place(item: OpenItem) -> JsonObject:
    part = "content_index" if item.kind == "message" else "summary_index"
    return {"item_id": item.id, "output_index": item.index, part: 0}
