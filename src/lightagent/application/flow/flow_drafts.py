"""The events of a flow as entries of a store, made at once, or when a store wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.flow.flow_codec import FLOW_SCHEMA, flow_event_text
from lightagent.domain.flow.events import AttemptFinished, AttemptStarted, FlowEvent, FlowFinished
from lightagent.domain.journals.lazy_drafts import LaterDrafts
from lightagent.domain.journals.streams import Draft
from lightagent.domain.json_types import JsonValue

_SHORT: Final = 4_096
"""Characters of a text that stays in its event in any case."""


def flow_drafts(events: Sequence[FlowEvent]) -> list[Draft]:
    """The events as a store takes them."""
    return [_draft(event) for event in events]


def later_drafts(events: Sequence[FlowEvent]) -> LaterDrafts[FlowEvent] | None:
    """The same, made on demand; None if one of them may be long, or may change before that."""
    for event in events:
        if not _is_short(event):
            return None
    return LaterDrafts(events, _draft)


def _draft(event: FlowEvent) -> Draft:
    return Draft(flow_event_text(event), FLOW_SCHEMA)


def _is_short(event: FlowEvent) -> bool:
    """Whether it is an event that every step has, with short texts only."""
    match event:
        case AttemptStarted(query=query):
            return not event.decisions and _is_short_text(query)
        case AttemptFinished(output=output):
            return not (event.proposes or event.decisions or output.artifacts) and _is_short_text(output.value)
        case FlowFinished():
            return True
        case _:
            return False


def _is_short_text(value: JsonValue) -> bool:
    return value is None or (type(value) is str and len(value) <= _SHORT)
