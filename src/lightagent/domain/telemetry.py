"""What of texts goes into telemetry, and how much: the modes of capture, and limits that keep JSON valid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lightagent.domain.errors import ConfigurationError


class ContentMode(Enum):
    """Where texts go: prompts, answers, arguments and results of tools, memories, messages of exceptions.

    The first four are those of ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``.
    """

    NO_CONTENT = "no_content"
    """Nowhere: the default."""

    SPAN_ONLY = "span_only"
    """Into attributes of spans."""

    EVENT_ONLY = "event_only"
    """Into events."""

    SPAN_AND_EVENT = "span_and_event"
    """Into both."""

    REDACTED = "redacted"
    """Into both, without what detectors find in them."""

    @property
    def on_spans(self) -> bool:
        """Whether spans hold texts."""
        return self in (ContentMode.SPAN_ONLY, ContentMode.SPAN_AND_EVENT, ContentMode.REDACTED)

    @property
    def as_events(self) -> bool:
        """Whether events hold texts."""
        return self in (ContentMode.EVENT_ONLY, ContentMode.SPAN_AND_EVENT, ContentMode.REDACTED)


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """How much of texts telemetry holds, in characters; of JSON as it is written, escapes included.

    Attributes:
        text: of one text, such as a message or one value in the arguments of a tool.
        attribute: of one attribute, such as all messages of a request. The newest messages go before older ones.
        span: of all texts of one span together.

    Raises:
        ConfigurationError: one is not a whole number of at least 500, or they do not grow in this order.
    """

    text: int = 8_000
    attribute: int = 32_000
    span: int = 64_000

    def __post_init__(self) -> None:
        for name, most in (("text", self.text), ("attribute", self.attribute), ("span", self.span)):
            number: object = most
            if isinstance(number, bool) or not isinstance(number, int) or number < LEAST:
                raise ConfigurationError(
                    f"ContentLimits: {name} must be a number of at least {LEAST}, not {most!r:.50}."
                )
        if not self.text <= self.attribute <= self.span:
            raise ConfigurationError("ContentLimits: text must not exceed attribute, nor attribute span.")


LEAST = 500
"""Characters that any limit leaves: below, the marks of what was cut would be most of what is shown."""
