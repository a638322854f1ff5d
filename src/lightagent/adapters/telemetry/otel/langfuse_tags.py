"""Tags as Langfuse reads them."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from lightagent.adapters.telemetry.otel.attribute_names import TAGS

_TAGS: Final = "langfuse.trace.tags"


class LangfuseTags(SpanProcessor):
    """Gives each span its tags under Langfuse's name as well."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.attributes and (tags := span.attributes.get(TAGS)):
            span.set_attribute(_TAGS, tags)

    def on_end(self, span: ReadableSpan) -> None:
        """All is said."""

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
