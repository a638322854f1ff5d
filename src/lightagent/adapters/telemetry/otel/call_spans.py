"""The execute_tool spans: one a call that begins, current in the call's own context while it runs."""

from __future__ import annotations

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from lightagent.adapters.telemetry.otel.attribute_names import EXECUTE_TOOL, TOOL_PROVIDER, TOOL_STATUS
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_description, plain_id, plain_name
from lightagent.adapters.telemetry.otel.spans import end, inside
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import ToolFinished
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec


class CallSpan:
    """One call of a tool, from its beginning to its result.

    Args:
        kit: makes the span.
        base: the attributes that all spans of the run have.
        parent: the context of the agent's span.
        name: of the tool.
        call_id: of the call.
        at: when it begins.
        spec: what the tool declares, as far as it is known.
        arguments: of the call, as far as they are known.
    """

    __slots__ = ("_is_declared", "_kit", "span")

    def __init__(
        self,
        kit: Kit,
        base: Attributes,
        parent: Context,
        name: str,
        call_id: str,
        at: float,
        spec: ToolSpec | None = None,
        arguments: JsonObject | None = None,
    ) -> None:
        self._kit = kit
        names, title = kit.names, f"{EXECUTE_TOOL} {name}"
        known: Attributes = {
            **base,
            names.operation: EXECUTE_TOOL,
            names.tool_type: "function",
            names.tool_call: plain_id(call_id),
        }
        if spec is not None:
            known.update(_declared(kit, spec))
        own: Attributes = {names.tool_name: name}
        self.span: Span = kit.spans.start(title, parent, SpanKind.INTERNAL, own, at, base=known)
        if arguments is not None and kit.content.on_spans and self.span.is_recording():
            self.span.set_attributes(kit.content.arguments(arguments))
        self._is_declared = spec is not None

    @property
    def context(self) -> Context:
        """Where the runs that the call makes begin."""
        return inside(self.span, Context())

    def declare(self, spec: ToolSpec) -> None:
        """Tell what the tool declares, where that was not known at the beginning."""
        if self._is_declared:
            return
        self._is_declared = True
        if self.span.is_recording():
            self.span.set_attributes(_declared(self._kit, spec))

    def enter(self) -> None:
        """Make the span current in a context that is the call's own, which keeps it until it is gone."""
        otel_context.attach(inside(self.span, otel_context.get_current()))

    def finished(self, event: ToolFinished, *, left: bool = False) -> None:
        """The call has its result; `left` tells that it is over because the caller of the run left."""
        kit = self._kit
        error_type = "" if left or event.error is None else event.error.code
        told, texts = Attributes({TOOL_STATUS: event.status}), dict[str, str]()
        if kit.content.on_spans and self.span.is_recording():
            texts.update(kit.content.result(event.output))
            if error_type and event.error is not None:
                texts.update(kit.error_message(event.error.message))
        end(self.span, event.at, error_type, names=kit.names, attributes=told, texts=texts)

    def waits(self, at: float) -> None:
        """The call waits for a human."""
        end(self.span, at, names=self._kit.names, attributes={TOOL_STATUS: "waiting"})

    def cut_off(self, at: float, error_type: str) -> None:
        """The run is over, and the call has no result; `error_type` is why the run failed."""
        end(self.span, at, error_type, names=self._kit.names)


def _declared(kit: Kit, spec: ToolSpec) -> Attributes:
    """What a tool declares, as plain attributes.

    What the framework says of its own tools may hold a text, such as the role of the agent that a handoff is to.
    """
    names = kit.names
    found: Attributes = {}
    if spec.description and (spec.provider != OWN_PROVIDER or kit.content.on_spans):
        found[names.tool_description] = plain_description(spec.description)
    if spec.provider:
        found[TOOL_PROVIDER] = plain_name(spec.provider)
    return found
