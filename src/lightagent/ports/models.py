"""The port to chat models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from lightagent.domain.agent_heads import ModelEndpoint
from lightagent.domain.deltas import Delta
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import Message
from lightagent.domain.origin import NO_ORIGIN, Origin
from lightagent.domain.provider_fields import ModelOrigin
from lightagent.domain.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to a model.

    Attributes:
        messages: the conversation so far.
        tools: what the model may call.
        params: request parameters of the provider (temperature, max_tokens …), passed on as they are.
        output_schema: JSON Schema that the answer must satisfy, where the provider can be told.
        stream: whether deltas are shown as they come; without, a model may answer in one piece.
        origin: the run, turn and attempt that asks; its `trace_headers` are to be sent along.
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
        """The answer to `request` as deltas that fold to one reply; raises `ProviderError`, and retries nothing.

        A whole answer has a `ReplyEnd`, as a rule its last delta. A stream that ends without one was cut off: that
        attempt has failed (LA-500, tried again like other failures that pass), whatever text came. What is no `Delta`
        fails the request for good.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections; a later request opens them again."""
        ...


@runtime_checkable
class ServedModel(Protocol):
    """A chat model that tells where it is served, beside what every one does."""

    @property
    def endpoint(self) -> ModelEndpoint:
        """Its provider, and the address and port of its server."""
        ...


@runtime_checkable
class KeyedModel(Protocol):
    """A chat model that can tell, without a request, that a key is missing."""

    def missing_key(self, environ: Mapping[str, str]) -> str:
        """What is missing, as a sentence, with `environ` as the environment; empty where nothing is known to be."""
        ...


@runtime_checkable
class WritingModel(Protocol):
    """A chat model that can tell what it would send, beside what every one does."""

    def body(self, request: ChatRequest) -> JsonObject:
        """The body of the HTTP request, as JSON; nothing is sent."""
        ...


@runtime_checkable
class ReplayingModel(Protocol):
    """A chat model that is given back what its provider added to its answers, beside what every one does."""

    @property
    def origin(self) -> ModelOrigin:
        """What its answers say that they come from (`ReplyEnd.provider_fields`)."""
        ...


def model_origin(model: ChatModel) -> ModelOrigin:
    """The origin of what a model says; one that does not tell it is known by its name."""
    return model.origin if isinstance(model, ReplayingModel) else ModelOrigin(model.name)
