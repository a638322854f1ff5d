"""What the semantic conventions of GenAI, v1.41.1, ask of spans, events and metrics; from the data beside this file.

`tests/support/semconv/genai-v1.41.1.json` holds the facts of their model files: the attributes with their types, and of
each span, event and metric which attributes it has, and how much they are wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from opentelemetry.sdk.metrics.export import Histogram, Metric
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue
from pydantic import BaseModel

_DATA: Final = Path(__file__).parent / "semconv" / "genai-v1.41.1.json"
_OURS: Final = "lightagent."
_CONVENTIONS: Final = ("gen_ai.", "mcp.", "jsonrpc.", "rpc.", "network.")
_ANYWHERE: Final = frozenset({"session.id", "user.id"})
"""Of the general registry, and allowed on every span."""

_SPANS: Final = {
    "chat": "span.gen_ai.inference.client",
    "invoke_agent": "span.gen_ai.invoke_agent.internal",
    "execute_tool": "span.gen_ai.execute_tool.internal",
    "embeddings": "span.gen_ai.embeddings.client",
    "retrieval": "span.gen_ai.retrieval.client",
    "invoke_workflow": "span.gen_ai.invoke_workflow.internal",
}
_SUBJECTS: Final = {
    "chat": "gen_ai.request.model",
    "invoke_agent": "gen_ai.agent.name",
    "execute_tool": "gen_ai.tool.name",
    "embeddings": "gen_ai.request.model",
    "retrieval": "gen_ai.data_source.id",
    "invoke_workflow": "gen_ai.workflow.name",
}
_TYPES: Final = {"string": str, "int": int, "double": float, "boolean": bool}
_OPEN_ENUMS: Final = frozenset({"gen_ai.provider.name", "gen_ai.operation.name"})
"""Their values are well-known ones, beside which others may be used."""

_PLAIN: Final = frozenset({"gen_ai.tool.call.result"})
"""Of any type, so also a text that is no JSON."""


class AttributeType(BaseModel):
    """The type of an attribute; `values` are those of an enumeration."""

    type: str
    values: tuple[str, ...] = ()


class SpanRules(BaseModel):
    """A kind of span: its attributes, each with how much it is wanted."""

    kind: str
    attributes: Mapping[str, str]


class EventRules(BaseModel):
    """A kind of event."""

    attributes: Mapping[str, str]


class MetricRules(BaseModel):
    """A metric."""

    instrument: str
    unit: str
    attributes: Mapping[str, str]


class Conventions(BaseModel):
    """The whole file."""

    attributes: Mapping[str, AttributeType]
    spans: Mapping[str, SpanRules]
    events: Mapping[str, EventRules]
    metrics: Mapping[str, MetricRules]


@cache
def conventions() -> Conventions:
    """The conventions, read once."""
    raw = json.loads(_DATA.read_text("utf-8"))
    for span in raw["spans"].values():
        span["attributes"] = dict(span["attributes"])
    return Conventions.model_validate(raw)


def span_faults(span: ReadableSpan) -> list[str]:
    """What is wrong with a span; empty where nothing is."""
    attributes = dict(span.attributes or {})
    return [f"{span.name}: {fault}" for fault in _span_faults(span, attributes)]


def _span_faults(span: ReadableSpan, attributes: Mapping[str, AttributeValue]) -> Iterator[str]:
    yield from type_faults(attributes)
    failed = span.status.status_code is StatusCode.ERROR
    if failed != ("error.type" in attributes):
        yield f"its status is {span.status.status_code.name}, and error.type is {attributes.get('error.type')!r}"
    if span.status.description:
        yield f"its status is described: {span.status.description!r}"
    if "exception" in [event.name for event in span.events]:
        yield "an exception is recorded on it, which may hold content"
    if ("server.port" in attributes) and "server.address" not in attributes:
        yield "server.port without server.address"
    rules = _rules_of(attributes)
    if rules is None:
        yield from _own_span_faults(span, attributes)
        return
    if span.kind is not SpanKind[rules.kind.upper()]:
        yield f"its kind is {span.kind.name}, not {rules.kind}"
    expected = _name_of(attributes)
    if span.name != expected:
        yield f"its name is not {expected!r}"
    yield from _attribute_faults(attributes, rules.attributes)


def _rules_of(attributes: Mapping[str, AttributeValue]) -> SpanRules | None:
    """The rules of a span that the conventions know.

    A call of an MCP server's tool is one span: whoever traces the execution of the tool adds what the conventions of
    MCP say of the request, and makes no second span of it (their section on tool calls).
    """
    known, name = conventions().spans, _SPANS.get(str(attributes.get("gen_ai.operation.name")))
    if "mcp.method.name" not in attributes:
        return None if name is None else known[name]
    request = known["span.mcp.client"]
    if name is None:
        return request
    return SpanRules(kind=known[name].kind, attributes={**request.attributes, **known[name].attributes})


def _name_of(attributes: Mapping[str, AttributeValue]) -> str:
    if "gen_ai.operation.name" not in attributes:
        method, target = attributes.get("mcp.method.name"), attributes.get("gen_ai.prompt.name")
        return f"{method} {target}" if target else str(method)
    operation = str(attributes["gen_ai.operation.name"])
    subject = attributes.get(_SUBJECTS[operation])
    return f"{operation} {subject}" if subject else operation


def _own_span_faults(span: ReadableSpan, attributes: Mapping[str, AttributeValue]) -> Iterator[str]:
    """A span for which the conventions have no operation is ours by its name, and kind INTERNAL."""
    if not span.name.startswith(_OURS):
        yield "it is none of the conventions, and its name does not begin with lightagent."
    if span.kind is not SpanKind.INTERNAL:
        yield f"its kind is {span.kind.name}"
    if "gen_ai.operation.name" in attributes:
        yield f"the conventions know no operation {attributes['gen_ai.operation.name']!r}"


def _attribute_faults(attributes: Mapping[str, AttributeValue], wanted: Mapping[str, str]) -> Iterator[str]:
    for name, level in wanted.items():
        if level == "required" and attributes.get(name) in (None, ""):
            yield f"{name} is required"
    for name in attributes:
        known = name in wanted or name in _ANYWHERE or name.startswith(_OURS)
        if not known and not name.startswith(("langfuse.", "server.")):
            yield f"{name} does not belong there"
    if "server.address" in attributes and "server.address" not in wanted:
        yield "server.address does not belong there"


def type_faults(attributes: Mapping[str, AttributeValue], *, structured: bool = False) -> Iterator[str]:
    """Attributes that the conventions do not know, or whose values are of another type."""
    for name, value in attributes.items():
        if name.startswith(_CONVENTIONS[:2]) and name not in conventions().attributes:
            yield f"{name} is unknown"
        known = conventions().attributes.get(name)
        if structured and known is not None and known.type == "any":
            known = None if isinstance(value, (Sequence, Mapping)) and not isinstance(value, str) else known
        if known is not None and (fault := _type_fault(name, known, value)):
            yield f"{name} = {value!r}: {fault}"


def _type_fault(name: str, known: AttributeType, value: AttributeValue) -> str | None:
    if known.type == "enum":
        if not isinstance(value, str):
            return "is no string"
        return None if name in _OPEN_ENUMS or value in known.values else "is none of the values"
    if known.type == "string[]":
        if not isinstance(value, Sequence) or isinstance(value, str):
            return "is no list"
        return None if all(isinstance(item, str) for item in value) else "is no list of strings"
    if known.type == "any":
        return None if name in _PLAIN and isinstance(value, str) else _json_fault(value)
    return None if type(value) is _TYPES[known.type] else f"is no {known.type}"


def _json_fault(value: AttributeValue) -> str | None:
    """Structured values are written as JSON texts, since the attributes of spans may not nest."""
    if not isinstance(value, str):
        return "is no JSON text"
    try:
        json.loads(value)
    except ValueError:
        return "is no JSON text"
    return None


def event_faults(name: str, attributes: Mapping[str, AttributeValue], *, structured: bool = False) -> list[str]:
    """What is wrong with an event; `lightagent.*` ones are only asked for the types of their attributes.

    Args:
        structured: it stands beside the spans, where values nest.
    """
    faults = [*type_faults(attributes, structured=structured)]
    rules = conventions().events.get(name)
    if rules is not None:
        faults += _attribute_faults(attributes, rules.attributes)
    elif not name.startswith(_OURS):
        faults.append("it is none of the conventions")
    return [f"{name}: {fault}" for fault in faults]


def metric_faults(metric: Metric) -> list[str]:
    """What is wrong with a metric and its points."""
    rules = conventions().metrics.get(metric.name)
    if rules is None:
        return [] if metric.name.startswith(_OURS) else [f"{metric.name}: it is none of the conventions"]
    faults = [] if metric.unit == rules.unit else [f"its unit is {metric.unit!r}, not {rules.unit!r}"]
    if not isinstance(metric.data, Histogram):
        return [f"{metric.name}: it is no {rules.instrument}"]
    for point in metric.data.data_points:
        attributes = dict(point.attributes or {})
        faults += [*type_faults(attributes), *_attribute_faults(attributes, rules.attributes)]
        if "session.id" in attributes or "user.id" in attributes:
            faults.append("a point for each user or session would never end")
    return [f"{metric.name}: {fault}" for fault in faults]
