"""What of a run's texts spans and events hold: by a mode, a policy, and limits."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

from lightagent.adapters.telemetry.otel.attribute_names import V1_41_1, Names
from lightagent.adapters.telemetry.otel.content_cleaning import Cleaner, default_detectors
from lightagent.adapters.telemetry.otel.content_messages import MessageWriter, leading_instructions, structured
from lightagent.domain.conversation.messages import AssistantMessage, Message
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.capture import ContentLimits, ContentMode
from lightagent.domain.telemetry.cuts import fitted_text, written
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.content_policy import ContentKind, ContentPolicy
from lightagent.ports.detectors import Detector

VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable that says where texts go; its values are the names of `ContentMode`, in any case."""

_LOGGER: Final = logging.getLogger("lightagent")

_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class ContentCapture:
    """Gives the attributes that hold texts; none where its mode captures nothing.

    No method raises: where something cannot be told, it is left out, and that is logged once. What looks like a secret
    by its form, or by the name it stands under, is taken out in every mode. Ids, names of tools, roles, finish reasons
    and the keys of JSON are never redacted. The attributes of one span share `limits.span`: a request has half of it, a
    reply three eighths; of arguments and result, of question and answer, and of query and documents, each has seven
    sixteenths; an error has the last eighth.

    Args:
        mode: where texts go.
        policy: the application's own rules; it is shown each text first, whole.
        limits: how much is kept.
        detectors: what the mode `REDACTED` takes out; none: what the detector ``validated`` finds.
        names: of the attributes, which are those of version 1.41.1 here; a sink takes those that the environment asks
            for.

    Raises:
        ConfigurationError: a value is of another type.
    """

    mode: ContentMode = ContentMode.NO_CONTENT
    policy: ContentPolicy | None = None
    limits: ContentLimits = field(default_factory=ContentLimits)
    detectors: tuple[Detector, ...] = ()
    names: Names = field(default=V1_41_1, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        mode: object = self.mode
        if not isinstance(mode, ContentMode):
            names = ", ".join(f"ContentMode.{name}" for name in ContentMode.__members__)
            raise ConfigurationError(f"ContentCapture: mode is {shown(mode):.60}.", guidance=f"Give one of {names}.")
        _check("limits", self.limits, isinstance(self.limits, ContentLimits), "ContentLimits")
        _check("policy", self.policy, self.policy is None or callable(self.policy), "a function of kind and text")
        for detector in self.detectors:
            is_one = callable(getattr(detector, "find", None)) and not isinstance(detector, (str, type))
            _check("detectors", detector, is_one, "objects with find")

    @classmethod
    def from_environment(cls) -> ContentCapture:
        """As ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says; nothing, and a warning, where it is wrong."""
        return cls(_mode(os.environ.get(VARIABLE, "")))

    @cached_property
    def on_spans(self) -> bool:
        """Whether spans hold texts."""
        return self.mode.on_spans

    @cached_property
    def as_events(self) -> bool:
        """Whether events hold texts."""
        return self.mode.as_events

    def request(self, messages: Sequence[Message], specs: Sequence[ToolSpec]) -> Mapping[str, str]:
        """What a model is asked, each as JSON: ``gen_ai.input.messages``, ``gen_ai.system_instructions`` and
        ``gen_ai.tool.definitions``.

        Instructions are the messages of the developer before all others. Context, such as memories and skills, is a
        message of the user, as the request has it.
        """
        return self._captured(lambda: self._request(messages, specs))

    def reply(self, message: AssistantMessage, finish_reason: str | None) -> Mapping[str, str]:
        """What a model said: ``gen_ai.output.messages`` as JSON, with ``unknown`` for a missing finish reason."""
        return self._captured(lambda: self._reply(message, finish_reason))

    def arguments(self, value: JsonObject) -> Mapping[str, str]:
        """The arguments of a tool: ``gen_ai.tool.call.arguments`` as JSON."""
        return self._captured(lambda: self._json(self.names.tool_arguments, "tool_arguments", value))

    def result(self, text: str) -> Mapping[str, str]:
        """What a tool answered: ``gen_ai.tool.call.result``, as JSON where it is an object or a list, else as it is."""
        return self._captured(lambda: self._result(text))

    def question(self, text: str) -> Mapping[str, str]:
        """What an agent is asked: ``gen_ai.input.messages`` as JSON."""
        return self._captured(lambda: self._message(self.names.input_messages, "question", "user", text, {}))

    def answer(self, text: str) -> Mapping[str, str]:
        """What an agent answered: ``gen_ai.output.messages`` as JSON."""
        more = {"finish_reason": "stop"}
        return self._captured(lambda: self._message(self.names.output_messages, "answer", "assistant", text, more))

    def error(self, text: str) -> Mapping[str, str]:
        """The message of an exception, which may repeat what it failed over: ``exception.message``."""
        return self._captured(lambda: self._text(self.names.exception_message, "error", text, self._room(2)))

    def query(self, text: str) -> Mapping[str, str]:
        """What is looked for in a memory: ``gen_ai.retrieval.query.text``."""
        return self._captured(lambda: self._text(self.names.query_text, "memory", text, self._room(7)))

    def memories(self, found: Sequence[tuple[str, float, str]]) -> Mapping[str, str]:
        """What was found there, each with its id, score and text: ``gen_ai.retrieval.documents`` as JSON."""
        return self._captured(lambda: {self.names.documents: written(self._writer.documents(found, self._room(7)))})

    def _captured(self, make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        """What `make` gives; nothing where the mode captures nothing, or where a fault of ours would reach the run."""
        if self.mode is ContentMode.NO_CONTENT:
            return _NOTHING
        try:
            return make()
        except Exception as exc:
            _warn_once(type(exc).__name__)
            return _NOTHING

    def _room(self, sixteenths: int) -> int:
        return min(self.limits.attribute, self.limits.span * sixteenths // 16)

    @cached_property
    def _cleaner(self) -> Cleaner:
        redacts = self.mode is ContentMode.REDACTED
        detectors = (self.detectors or default_detectors()) if redacts else ()
        return Cleaner(self.policy, detectors, self.limits.text)

    @cached_property
    def _writer(self) -> MessageWriter:
        return MessageWriter(self._cleaner, self.limits)

    def _request(self, messages: Sequence[Message], specs: Sequence[ToolSpec]) -> Mapping[str, str]:
        leading = leading_instructions(messages)
        made: dict[str, str] = {}
        if instructions := self._writer.instructions(leading, self._room(2)):
            made[self.names.instructions] = written(instructions)
        if specs:
            made[self.names.tool_definitions] = written(self._writer.tools(specs, self._room(2)))
        left = self.limits.span // 2 - sum(map(len, made.values()))
        if said := messages[len(leading) :]:
            made[self.names.input_messages] = written(self._writer.inputs(said, min(self.limits.attribute, left)))
        return made

    def _reply(self, message: AssistantMessage, finish_reason: str | None) -> Mapping[str, str]:
        return {self.names.output_messages: written(self._writer.output(message, finish_reason, self._room(6)))}

    def _message(
        self, attribute: str, kind: ContentKind, role: str, text: str, more: Mapping[str, str]
    ) -> Mapping[str, str]:
        message = self._writer.plain(kind, role, text, self._room(7) - 50)
        return {attribute: written([{**message, **more}])} if message["parts"] else _NOTHING

    def _result(self, text: str) -> Mapping[str, str]:
        value = structured(text)
        if value is None:
            return self._text(self.names.tool_result, "tool_result", text, self._room(7))
        return self._json(self.names.tool_result, "tool_result", value)

    def _json(self, attribute: str, kind: ContentKind, value: JsonObject | list[JsonValue]) -> Mapping[str, str]:
        made = self._cleaner.json(kind, value, self._room(7))
        return _NOTHING if made is None else {attribute: written(made)}

    def _text(self, attribute: str, kind: ContentKind, text: str, room: int) -> Mapping[str, str]:
        long = self._cleaner.text(kind, text)
        return _NOTHING if long is None else {attribute: fitted_text(long, min(self.limits.text, room))}


def _check(name: str, value: object, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise ConfigurationError(f"ContentCapture: {name}: expected {wanted}, got {type(value).__name__}.", guidance="")


@cache
def _mode(value: str) -> ContentMode:
    """The mode of that name; a wrong one is logged once."""
    name = value.strip().upper()
    if not name:
        return ContentMode.NO_CONTENT
    if name in ContentMode.__members__:
        return ContentMode[name]
    names = ", ".join(ContentMode.__members__)
    _LOGGER.warning("%s: no mode %.60s; no content is captured. Modes: %s.", VARIABLE, shown(value), names)
    return ContentMode.NO_CONTENT


@cache
def _warn_once(fault: str) -> None:
    _LOGGER.warning("Telemetry could not tell a text (%s); it is left out.", fault)
