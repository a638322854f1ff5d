"""Whether a decision about a call of an agent may be put on record: of two that come at once, the first counts."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import FlowState
from lightagent.domain.runs.events import Event
from lightagent.domain.runs.folding import fold


def refusal_of(state: FlowState, event: FlowEvent, before: Sequence[FlowEvent] = ()) -> Refused | None:
    """Return why a decision about a call cannot be taken any more; None for what can be, and for anything else.

    Args:
        before: what was said earlier and is not on record yet.
    """
    node = state.nodes.get(event.path) if isinstance(event, AttemptNoted) else None
    if node is None or not isinstance(event, AttemptNoted):
        return None
    earlier = [one.event for one in before if isinstance(one, AttemptNoted) and one.path == event.path]
    notes = list[Event]()
    for note in (*(node.notes or ()), *earlier, event.event):
        if isinstance(note, FlowEvent):
            return None  # The step is a flow, whose own fold refuses it.
        notes.append(note)
    try:
        fold(notes)
    except ConfigurationError:
        text = f"{event.path}: the call waits for no decision any more. The first decision counts."
        return Refused("stale", text, path=event.path)
    return None
