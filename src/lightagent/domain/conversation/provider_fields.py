"""What a provider adds to an answer for itself: opaque to us, and of use only to the model that said it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from typing_extensions import TypeIs

from lightagent.domain.conversation.call_forms import IdForm
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import require_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject

REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text")
"""The names under which providers send reasoning as text, the most common first."""

MESSAGE_FIELDS: Final = (
    "reasoning_details",
    "thinking_blocks",
    "extra_content",
    "reasoning_opaque",
    "reasoning_signature",
    "thought_signature",
    "provider_specific_fields",
)
"""Fields of an assistant message, beside those of reasoning text, that some provider wants back."""

CALL_FIELDS: Final = ("extra_content", "thought_signature", "provider_specific_fields")
"""Fields of a tool call that some provider wants back."""


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """Which model said something, and where it was served: the same model at another server is another one.

    Attributes:
        model: the model's name, as it is asked for.
        address, port: those of the server; empty without a server, or if they are unknown.
    """

    model: str
    address: str = ""
    port: int | None = None


UNKNOWN_MODEL: Final = ModelOrigin("")
"""Of an answer whose reader was not told which model is asked."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is about to read a conversation, which decides how its messages are written.

    Attributes:
        origin: the model that is asked.
        reasoning_fields: the fields of assistant messages that its provider takes back; None: all that it sent.
        call_ids: the form that ids of calls must have.
        call_reasoning: the field of reasoning that every message with calls must have, and what stands in it where
            there is none, such as ``("reasoning_content", "")``; None: no field is needed.
        first_call: fields that the first call of every message must have, where its model did not add them.
        null_content: whether a message with calls may have no content; else it is an empty text.
        alters_calls: whether it takes calls in another form than most servers.
    """

    origin: ModelOrigin
    reasoning_fields: tuple[str, ...] | None = None
    call_ids: IdForm = "visible"
    call_reasoning: tuple[str, str] | None = None
    first_call: JsonObject | None = None
    null_content: bool = True
    alters_calls: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked of every message at every turn, so it is worked out once.
        usual = self.call_ids == "visible" and self.call_reasoning is None and self.first_call is None
        object.__setattr__(self, "alters_calls", not (usual and self.null_content))

    def takes(self, name: str) -> bool:
        """Whether the field of this name may go back."""
        return self.reasoning_fields is None or name in self.reasoning_fields

    def with_call_fields(self, message: JsonObject) -> JsonObject:
        """A message with calls, with the content and the field of reasoning that it must have."""
        if not self.null_content and message.get("content") is None:
            message = {**message, "content": ""}
        if self.call_reasoning is None:
            return message
        name, stand_in = self.call_reasoning
        return message if message.get(name) else {**message, name: stand_in}

    def with_first_call(self, calls: list[JsonObject]) -> list[JsonObject]:
        """The calls of a message, with the fields that the first of them must have."""
        return calls if self.first_call is None else [copy_json(self.first_call) | calls[0], *calls[1:]]


@dataclass(frozen=True, slots=True)
class ProviderFields:
    """What the provider of one assistant message added to it.

    Attributes:
        origin: the model that said the message.
        fields: as they came, by name. They are opaque: never changed, never looked into.
        reasoning_field: the name under which the text of the reasoning came; empty where none did.
    """

    origin: ModelOrigin
    fields: JsonObject = field(default_factory=dict)
    reasoning_field: str = ""

    def with_reasoning(self, reasoning: str | None) -> JsonObject:
        """All of them, the reasoning under the name it came with. One that came empty is an empty text."""
        told: JsonObject = {self.reasoning_field: reasoning or ""} if self.reasoning_field else {}
        return told | copy_json(self.fields)

    def given_to(self, recipient: Recipient | None, reasoning: str | None) -> JsonObject | None:
        """Return the fields to send back to `recipient`; None if it is not the model that sent them."""
        if recipient is None or recipient.origin != self.origin:
            return None
        return {name: value for name, value in self.with_reasoning(reasoning).items() if recipient.takes(name)}


def are_opaque_fields(value: object) -> TypeIs[JsonObject]:
    """Whether the value is an object of plain JSON, which a journal can hold."""
    if not isinstance(value, dict):
        return False
    try:
        require_json(value, "")
    except ConfigurationError:
        return False
    return True


def are_provider_fields(value: object) -> TypeIs[ProviderFields]:
    """Whether the value is what it declares, which a type checker cannot tell of models and policies of others."""
    if not isinstance(value, ProviderFields):
        return False
    origin: object = value.origin
    name: object = value.reasoning_field
    return _is_origin(origin) and isinstance(name, str) and are_opaque_fields(value.fields)


def _is_origin(origin: object) -> bool:
    if not isinstance(origin, ModelOrigin):
        return False
    model: object = origin.model
    address: object = origin.address
    port: object = origin.port
    return isinstance(model, str) and isinstance(address, str) and (port is None or type(port) is int)
