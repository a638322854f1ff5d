"""What of a run's texts spans and events hold: by a mode, a policy, and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import AssistantMessage, Message
from lightagent.domain.telemetry import ContentLimits, ContentMode
from lightagent.domain.tools import ToolSpec
from lightagent.ports.content_policy import ContentPolicy
from lightagent.ports.detectors import Detector


@dataclass(frozen=True)
class ContentCapture:
    """Gives the attributes that hold texts; none where its mode captures nothing.

    No method raises. What looks like a secret by its form is taken out in every mode.

    Args:
        mode: where texts go.
        policy: the application's own rules; it sees each text first.
        limits: how much is kept.
        detectors: what the mode `REDACTED` takes out; none: what the detector `validated` finds.
    """

    mode: ContentMode = ContentMode.NO_CONTENT
    policy: ContentPolicy | None = None
    limits: ContentLimits = field(default_factory=ContentLimits)
    detectors: tuple[Detector, ...] = ()

    @classmethod
    def from_environment(cls) -> ContentCapture:
        """As ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says."""
        return cls()

    @property
    def on_spans(self) -> bool:
        """Whether spans hold texts."""
        return self.mode.on_spans

    @property
    def as_events(self) -> bool:
        """Whether events hold texts."""
        return self.mode.as_events

    def request(self, messages: Sequence[Message], specs: Sequence[ToolSpec]) -> Mapping[str, str]:
        """What a model is asked: ``gen_ai.input.messages``, ``gen_ai.system_instructions``,
        ``gen_ai.tool.definitions``, each as JSON."""
        return {}

    def reply(self, message: AssistantMessage, finish_reason: str | None) -> Mapping[str, str]:
        """What a model said: ``gen_ai.output.messages`` as JSON."""
        return {}

    def arguments(self, value: JsonObject) -> Mapping[str, str]:
        """The arguments of a tool: ``gen_ai.tool.call.arguments`` as JSON."""
        return {}

    def result(self, text: str) -> Mapping[str, str]:
        """What a tool answered: ``gen_ai.tool.call.result``, JSON where it is an object or a list, else the text."""
        return {}

    def question(self, text: str) -> Mapping[str, str]:
        """What an agent is asked: ``gen_ai.input.messages`` as JSON."""
        return {}

    def answer(self, text: str) -> Mapping[str, str]:
        """What an agent answered: ``gen_ai.output.messages`` as JSON."""
        return {}

    def error(self, text: str) -> Mapping[str, str]:
        """The message of an exception: ``exception.message``."""
        return {}

    def query(self, text: str) -> Mapping[str, str]:
        """What is looked for in a memory: ``gen_ai.retrieval.query.text``."""
        return {}

    def memories(self, found: Sequence[tuple[str, float | None, str]]) -> Mapping[str, str]:
        """What was found there, each with its id, score and text: ``gen_ai.retrieval.documents`` as JSON."""
        return {}
