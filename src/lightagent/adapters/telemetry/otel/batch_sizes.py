"""Batches that receivers take: by the bytes of what is in them, and not by its number alone.

With content captured a span may have some hundred thousand bytes, and a batch of 512 of them fifty million. Receivers
over gRPC take four million at once by default, and refuse whatever is larger as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.util.types import AttributeValue

from lightagent.domain.telemetry.cuts import LongText, fitted_text

MOST_BYTES: Final = 3_000_000
"""Of one request, without the attributes of the process, which come with each."""

_FIXED: Final = 160
"""Bytes of a span or event that says nothing: ids, times and lengths."""
_EACH: Final = 24
"""Bytes of an attribute beside its name and its value, at most."""
_LINK: Final = 64

_SHORT: Final = 1_000
_FEW: Final = 128
"""Characters of a text, and events and links, that are left of a span which is too large."""

ItemT = TypeVar("ItemT")


def parts_of(items: Sequence[ItemT], size: Callable[[ItemT], int], most: int = MOST_BYTES) -> Iterator[list[ItemT]]:
    """The items in their order, in as few lists as have no more than so many bytes each.

    One that is larger than that is in a list by itself.
    """
    part: list[ItemT] = []
    room = most
    for item in items:
        bytes_ = size(item)
        if part and bytes_ > room:
            yield part
            part, room = [], most
        part.append(item)
        room -= bytes_
    if part:
        yield part


def span_bytes(span: ReadableSpan) -> int:
    """How many bytes a span has over OTLP, at most."""
    told = sum(len(event.name) * 4 + _FIXED + _bytes(event.attributes) for event in span.events)
    linked = sum(_LINK + _bytes(link.attributes) for link in span.links)
    return _FIXED + len(span.name) * 4 + _bytes(span.attributes) + told + linked


def event_bytes(event: ReadableLogRecord) -> int:
    """How many bytes an event beside the spans has over OTLP, at most."""
    record = event.log_record
    return _FIXED + _bytes(record.attributes) + _bytes(record.body)


def _bytes(value: object) -> int:
    """How many bytes a value has, those of the values in it included."""
    if isinstance(value, str):
        return _EACH + (len(value) if value.isascii() else len(value.encode("utf-8", "replace")))
    if isinstance(value, bytes):
        return _EACH + len(value)
    if isinstance(value, Mapping):
        return _EACH + sum(_EACH + len(name) * 4 + _bytes(one) for name, one in value.items())
    if isinstance(value, Sequence):
        return _EACH + sum(map(_bytes, value))
    return _EACH


def shortened_span(span: ReadableSpan) -> ReadableSpan:
    """A span with the beginnings of its texts, for one that is too large by itself."""
    return ReadableSpan(
        name=_short_text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_shortened(span.attributes),
        events=[Event(_short_text(one.name), _shortened(one.attributes), one.timestamp) for one in span.events[:_FEW]],
        links=span.links[:_FEW],
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _shortened(attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    few = [] if attributes is None else [*attributes.items()][:_FEW]
    return {_short_text(name): _short(value) for name, value in few}


def _short(value: AttributeValue) -> AttributeValue:
    if isinstance(value, str):
        return _short_text(value)
    size = _bytes(value)
    return value if size <= _SHORT else f"… [{size:,} bytes left out]"


def _short_text(text: str) -> str:
    return fitted_text(LongText(text[:_SHORT], max(0, len(text) - _SHORT)), _SHORT)
