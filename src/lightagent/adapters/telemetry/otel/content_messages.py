"""Messages, instructions and tools in the form of the semantic conventions.

The form is that of the JSON schemas which the conventions for generative AI publish with version 1.41.1:
``gen-ai-input-messages.json``, ``gen-ai-output-messages.json``, ``gen-ai-system-instructions.json``,
``gen-ai-tool-definitions.json`` and ``gen-ai-retrieval-documents.json``, in
https://github.com/open-telemetry/semantic-conventions/tree/v1.41.1/docs/gen-ai. Where a list has no room for all, an
entry says how many are missing; it is valid by the same schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import Final, TypeAlias

from lightagent.adapters.telemetry.otel.content_cleaning import Cleaner, read_leniently
from lightagent.adapters.telemetry.otel.content_parts import user_part
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.telemetry.capture import ContentLimits
from lightagent.domain.telemetry.cuts import ROOM, fitted_name, fitted_text, newest, written_size
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.content_policy import ContentKind

_MEMORIES: Final = frozenset({"memory", "lessons"})
"""The sources of context that tell what is remembered."""

_MOST_PARSED: Final = 1_000_000
"""Characters of a text that is read as JSON; a longer one is shown as a text."""

_REASONS: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}
"""Finish reasons of providers that the conventions call something else."""

_ENTRY: Final = 120
"""Characters that the entry takes which says how many are missing; a finish reason takes twice as many at most."""

Part: TypeAlias = Callable[[int], JsonObject | None]
"""Makes a part of a message within a room; None where it is left out."""


class MessageWriter:
    """Writes messages within limits.

    Args:
        cleaner: what may be recorded of each text.
        limits: how much.
    """

    def __init__(self, cleaner: Cleaner, limits: ContentLimits) -> None:
        self._cleaner = cleaner
        self._most = limits.text

    def inputs(self, messages: Sequence[Message], room: int) -> list[JsonValue]:
        """``gen_ai.input.messages``; the newest have precedence."""
        makers = (partial(self._input, message) for message in reversed(messages))
        made, missing = newest(makers, len(messages), room - _ENTRY)
        made.reverse()
        return [_missing_messages(missing), *made] if missing else made

    def output(self, message: AssistantMessage, finish_reason: str | None, room: int) -> list[JsonValue]:
        """``gen_ai.output.messages``."""
        reason = "unknown" if finish_reason is None else _REASONS.get(finish_reason, finish_reason)
        made = self._message(
            "assistant", message.name, self._assistant_parts(message, "output_messages"), room - 2 * _ENTRY
        )
        return [{**made, "finish_reason": fitted_name(reason)}]

    def plain(self, kind: ContentKind, role: str, text: str, room: int) -> JsonObject:
        """A message of one text."""
        return self._message(role, None, iter([self._text(kind, text)]), room)

    def instructions(self, messages: Sequence[SystemMessage], room: int) -> list[JsonValue]:
        """``gen_ai.system_instructions``."""
        texts = iter([self._text("system_instructions", message.content) for message in messages])
        return self._parts(texts, room)

    def tools(self, specs: Sequence[ToolSpec], room: int) -> list[JsonValue]:
        """``gen_ai.tool.definitions``; those that come first have precedence."""
        made, missing = newest((partial(self._tool, spec) for spec in specs), len(specs), room - _ENTRY)
        if missing:
            made.append({"type": "lightagent.left_out", "name": f"[{missing:,} more left out]"})
        return made

    def documents(self, found: Sequence[tuple[str, float, str]], room: int) -> list[JsonValue]:
        """``gen_ai.retrieval.documents``, best first; those that do not fit are left out."""
        return newest((partial(self._document, *one) for one in found), len(found), room)[0]

    def _input(self, message: Message, room: int) -> JsonObject:
        match message:
            case SystemMessage(content=content):
                return self.plain("system_instructions", "system", content, room)
            case ContextMessage(source=source):
                return self.plain(
                    "memory" if source in _MEMORIES else "input_messages", "user", message.delimited, room
                )
            case ToolMessage(name=name):
                return self._message("tool", name, iter([partial(self._response, message)]), room)
            case UserMessage(name=name):
                return self._message("user", name, self._user_parts(message), room)
            case AssistantMessage(name=name):
                return self._message("assistant", name, self._assistant_parts(message, "input_messages"), room)

    def _user_parts(self, message: UserMessage) -> Iterator[Part]:
        if isinstance(message.content, str):
            yield self._text("input_messages", message.content)
        else:
            yield from (partial(user_part, self._cleaner, self._most, content) for content in message.content)

    def _assistant_parts(self, message: AssistantMessage, kind: ContentKind) -> Iterator[Part]:
        """Reasoning counts as said where it was said; few providers are given it again."""
        if message.reasoning and kind == "output_messages":
            yield self._text(kind, message.reasoning, "reasoning")
        if message.content:
            yield self._text(kind, message.content)
        if message.refusal:
            yield self._text(kind, message.refusal)
        for call in message.tool_calls:
            yield partial(self._call, call)

    def _message(self, role: str, name: str | None, parts: Iterator[Part], room: int) -> JsonObject:
        made: JsonObject = {"role": role, "parts": []}
        if name is not None:
            made["name"] = fitted_name(name)
        made["parts"] = self._parts(parts, room - written_size(made))
        return made

    def _parts(self, parts: Iterator[Part], room: int) -> list[JsonValue]:
        made: list[JsonValue] = []
        room -= ROOM // 2  # For the part that says how many are missing.
        for part in parts:
            if room < ROOM // 2:
                made.append(_text_part(f"… [{1 + sum(1 for _ in parts):,} parts left out]"))
                break
            if (one := part(room - 1)) is not None:
                made.append(one)
                room -= written_size(one) + 1
        return made

    def _text(self, kind: ContentKind, text: str, type_: str = "text") -> Part:
        return partial(self._text_of, kind, text, type_)

    def _text_of(self, kind: ContentKind, text: str, type_: str, room: int) -> JsonObject | None:
        long = self._cleaner.text(kind, text)
        if long is None:
            return None
        return {"type": type_, "content": fitted_text(long, self._most, room - len('{"type":"reasoning","content":}'))}

    def _call(self, call: ToolCall, room: int) -> JsonObject:
        part: JsonObject = {"type": "tool_call", "id": fitted_name(call.id), "name": fitted_name(call.name)}
        arguments = self._value("tool_arguments", call.arguments, room - written_size(part) - len(',"arguments":'))
        return part if arguments is None else {**part, "arguments": arguments}

    def _response(self, message: ToolMessage, room: int) -> JsonObject | None:
        part: JsonObject = {"type": "tool_call_response", "id": fitted_name(message.tool_call_id)}
        response = self._value("tool_result", message.content, room - written_size(part) - len(',"response":'))
        return {**part, "response": response}

    def _value(self, kind: ContentKind, text: str, room: int) -> JsonValue | None:
        """An object or a list as it is, anything else as a text."""
        value = structured(text)
        if value is not None:
            return self._cleaner.json(kind, value, room)
        long = self._cleaner.text(kind, text)
        return None if long is None else fitted_text(long, self._most, room)

    def _tool(self, spec: ToolSpec, room: int) -> JsonObject:
        made: JsonObject = {"type": "function", "name": fitted_name(spec.name)}
        room -= written_size(made) + len(',"description":,"parameters":')
        if (long := self._cleaner.text("tool_definitions", spec.description)) is not None:
            made["description"] = fitted_text(long, self._most, room // 2)
            room -= written_size(made["description"])
        parameters = self._cleaner.json("tool_definitions", spec.parameters, room)
        return {**made, "parameters": parameters} if isinstance(parameters, dict) else made

    def _document(self, id_: str, score: float, text: str, room: int) -> JsonObject:
        made: JsonObject = {"id": fitted_name(id_), "score": score}
        long = self._cleaner.text("memory", text)
        if long is not None:
            made["content"] = fitted_text(long, self._most, room - written_size(made) - len(',"content":'))
        return made


def leading_instructions(messages: Sequence[Message]) -> list[SystemMessage]:
    """The messages of the developer before all others."""
    return [message for message in takewhile(_is_system, messages) if isinstance(message, SystemMessage)]


def structured(text: str) -> JsonObject | list[JsonValue] | None:
    """The object or the list that a text is; None where it is neither, or too long to be read."""
    if len(text) > _MOST_PARSED or not text.lstrip().startswith(("{", "[")):
        return None
    value = read_leniently(text)
    return value if isinstance(value, (dict, list)) else None


def _is_system(message: Message) -> bool:
    return isinstance(message, SystemMessage)


def _text_part(text: str) -> JsonObject:
    return {"type": "text", "content": text}


def _missing_messages(missing: int) -> JsonObject:
    return {"role": "system", "parts": [_text_part(f"… [{missing:,} earlier messages left out]")]}
