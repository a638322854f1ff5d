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
    """How many characters of texts telemetry keeps; JSON is counted as written, escapes included.

    A text that is cut ends in a mark that says how much is missing. JSON stays valid: texts in it are cut, and values
    that do not fit are left out.

    Attributes:
        text: of one text, such as a message or one value in the arguments of a tool; at least 100.
        attribute: of one attribute, such as all messages of a request; at least 2,000. Newer messages have precedence.
        span: of all texts of one span together; at least 8,000.

    Raises:
        ConfigurationError: a value is not an integer or is too small, or they do not grow in this order.
    """

    text: int = 8_000
    attribute: int = 32_000
    span: int = 96_000

    def __post_init__(self) -> None:
        for name, most, least in (
            ("text", self.text, 100),
            ("attribute", self.attribute, 2_000),
            ("span", self.span, 8_000),
        ):
            number: object = most
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise ConfigurationError(f"ContentLimits: {name} must be at least {least:,}, not {most!r:.50}.")
        if not self.text <= self.attribute <= self.span:
            raise ConfigurationError("ContentLimits: text must not exceed attribute, nor attribute span.")
