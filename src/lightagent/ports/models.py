"""The port to chat models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.messages import Message
from lightagent.domain.conversation.provider_fields import ModelOrigin
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import NO_ORIGIN, Origin
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.tools.spec import ToolSpec


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to a model.

    Attributes:
        messages: the conversation so far.
        tools: the tools that the model may call.
        params: request parameters of the provider (temperature, max_tokens …), passed on unchanged.
        output_schema: JSON Schema that the answer must satisfy, if the provider supports it.
        stream: whether deltas are shown as they arrive; otherwise a model may answer in one piece.
        origin: the run, turn and attempt that makes the request; its `trace_headers` must be sent along.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    params: JsonObject = field(default_factory=dict)
    output_schema: JsonObject | None = None
    stream: bool = False
    origin: Origin = field(default=NO_ORIGIN, compare=False)


@runtime_checkable
class ChatModel(Protocol):
    """A chat model. Serves any number of requests at once, from any event loop."""

    @property
    def name(self) -> str:
        """The model's name, as its provider knows it."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield the answer to `request` as deltas that fold to one reply; raises `ProviderError`, and never retries.

        A whole answer has a `ReplyEnd`, as a rule its last delta. A stream that ends without one was cut off: that
        attempt has failed (LA-500, tried again like other failures that pass), whatever text came. What is no `Delta`
        fails the request for good.
        """
        ...

    async def aclose(self) -> None:
        """Close connections; a later request opens them again."""
        ...


@runtime_checkable
class ServedModel(Protocol):
    """A chat model that also knows the endpoint that serves it."""

    @property
    def endpoint(self) -> ModelEndpoint:
        """The provider, and the address and port of the server."""
        ...


@runtime_checkable
class KeyedModel(Protocol):
    """A chat model that can tell, without a request, that a key is missing."""

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """Return a sentence that says what `environ` lacks; empty if nothing is known to be missing."""
        ...


@runtime_checkable
class WritingModel(Protocol):
    """A chat model that can also show what it would send."""

    def body(self, request: ChatRequest) -> JsonObject:
        """Return the body of the HTTP request, as JSON, without sending it."""
        ...


@runtime_checkable
class ReplayingModel(Protocol):
    """A chat model that also gets back the fields which its provider added to earlier answers."""

    @property
    def origin(self) -> ModelOrigin:
        """The origin that its answers carry (`ReplyEnd.provider_fields`)."""
        ...


def model_origin(model: ChatModel) -> ModelOrigin:
    """Return the origin of a model's answers; by its name if the model does not define one."""
    return model.origin if isinstance(model, ReplayingModel) else ModelOrigin(model.name)
