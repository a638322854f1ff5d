"""A model with prepared replies: for tests, documentation, and dry runs of a configuration."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.chat._message_deltas import count_usage, message_deltas, whole_reply
from lightagent.adapters.registry import Adapter
from lightagent.domain.conversation.deltas import Delta, ModelReply
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import plain_object
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.ports.models import ChatModel, ChatRequest

Reply: TypeAlias = str | AssistantMessage | ModelReply | ToolCall | Sequence[ToolCall | Delta | Exception] | Exception
"""One prepared answer: a text; a message; calls of tools; deltas that are streamed as they are, an exception among them
breaking the stream off; or an exception that is raised."""

Program: TypeAlias = Callable[[ChatRequest], Reply]
"""Makes the answer from the request; must be safe to call from several threads."""


def call_tool(name: str, /, **arguments: JsonInput) -> ToolCall:
    """A call for a scripted model to make; the model gives it an id."""
    return ToolCall("", name, json.dumps(plain_object(arguments), ensure_ascii=False))


class ScriptedModel(ChatModel):
    """Gives the prepared replies in their order, and raises when none is left. Safe to share between threads.

    Args:
        replies: the answers in order, each a `Reply` or a `Program`; or one `Program` that answers every request,
            which serves any number of users at once.
        name: the model's name.
        record: keep every request in `requests`; switch it off for very many runs.
    """

    def __init__(
        self, replies: Sequence[Reply | Program] | Program, name: str = "scripted", *, record: bool = True
    ) -> None:
        self._replies = replies if callable(replies) else [replies] if isinstance(replies, str) else list(replies)
        self._name = name
        self._record = record
        self._requests: list[ChatRequest] = []
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def requests(self) -> tuple[ChatRequest, ...]:
        """What the model was asked so far."""
        with self._lock:
            return tuple(self._requests)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        reply, number = self._next(request)
        # A network would let other runs go on here; a test should see what that does.
        await asyncio.sleep(0)
        for delta in _deltas(reply(request) if callable(reply) else reply, request, number, self._name):
            if isinstance(delta, Exception):
                raise delta
            yield delta
            if request.stream:
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Nothing is open."""

    def _next(self, request: ChatRequest) -> tuple[Reply | Program, int]:
        with self._lock:
            number = self._asked = self._asked + 1
            if self._record:
                self._requests.append(request)
            if callable(self._replies):
                return self._replies, number
            if number <= len(self._replies):
                return self._replies[number - 1], number
            raise self._out_of_replies(request)

    def _out_of_replies(self, request: ChatRequest) -> ConfigurationError:
        count = len(self._replies) if isinstance(self._replies, list) else 0
        last = request.messages[-1] if request.messages else None
        asked = f"{last.role}: {_shorten(last.content)}" if last else "no message"
        return ConfigurationError(
            f"The scripted model {self._name!r} has {count} {'reply' if count == 1 else 'replies'} "
            f"and was asked for number {self._asked}; the request ends with {asked}.",
            guidance="Add a reply, or find out why the run asks so often.",
        )


def _deltas(reply: Reply, request: ChatRequest, number: int, model: str) -> Iterator[Delta | Exception]:
    match reply:
        case Exception():
            yield reply
            return
        case str() | AssistantMessage() | ModelReply():
            whole = whole_reply(reply)
        case ToolCall():
            whole = whole_reply(AssistantMessage(None, (reply,)))
        case _:
            calls = tuple(item for item in reply if isinstance(item, ToolCall))
            if not calls:
                yield from (item for item in reply if not isinstance(item, ToolCall))
                return
            whole = whole_reply(AssistantMessage(None, calls))
    # An id by the number of the request: the same in a plain and a streamed run, and unique in the conversation.
    named = tuple(
        call if call.id else replace(call, id=f"call_{number}_{index}")
        for index, call in enumerate(whole.message.tool_calls, 1)
    )
    message = replace(whole.message, tool_calls=named)
    end = replace(whole.end, usage=whole.end.usage or count_usage(request, message), model=whole.end.model or model)
    yield from message_deltas(message, end, in_words=request.stream)


def _shorten(content: object) -> str:
    text = repr(content)
    return text if len(text) <= 200 else f"{text[:200]}…"


class ScriptedCall(BaseModel):
    """A call in a configured reply."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str = Field(description="the tool's name")
    id: str = Field(default="", description="its id; if empty, the model makes one")
    arguments: JsonObject | str = Field(
        default_factory=dict, description="its arguments; a text is sent as it is, even if it is not JSON"
    )


class ScriptedReply(BaseModel):
    """A configured reply that is more than a text."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    content: str | None = Field(default=None, description="the text of the answer")
    tool_calls: list[ScriptedCall] = Field(default_factory=list, description="the tools it calls")


class ScriptedOptions(BaseModel):
    """Options of the kind `scripted`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    replies: list[str | ScriptedReply] = Field(description="the answers in order: texts, or content and tool_calls")
    name: str = Field(default="scripted", description="the model's name")


def _open(options: ScriptedOptions) -> ScriptedModel:
    return ScriptedModel([_configured(reply) for reply in options.replies], options.name)


def _configured(reply: str | ScriptedReply) -> str | AssistantMessage:
    if isinstance(reply, str):
        return reply
    calls = tuple(
        ToolCall(call.id, call.name, call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments))
        for call in reply.tool_calls
    )
    return AssistantMessage(reply.content, calls)


ADAPTER = Adapter(ScriptedOptions, _open)
