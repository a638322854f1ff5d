"""Tags as Langfuse reads them."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from lightagent.adapters.telemetry.otel.plain_values import plain_name

_TAGS: Final = "langfuse.trace.tags"


class LangfuseTags(SpanProcessor):
    """Gives each span the tags under Langfuse's name."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._tags = tuple(map(plain_name, tags))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        span.set_attribute(_TAGS, self._tags)

    def on_end(self, span: ReadableSpan) -> None:
        """All is said."""

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
