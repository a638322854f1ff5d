"""What a run yields while it goes on."""

from __future__ import annotations

from typing import Final, TypeAlias

from typing_extensions import TypeIs

from lightagent.domain.deltas import Delta, ReasoningDelta, RefusalDelta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.events import Event

Step: TypeAlias = Event | Delta
"""Events are kept in the journal; deltas are seen by whoever watches, and are gone."""

_DELTAS: Final = (TextDelta, ToolCallDelta, ReasoningDelta, RefusalDelta, ReplyEnd)


def is_event(step: Step) -> TypeIs[Event]:
    """Whether the step belongs to the journal."""
    return not isinstance(step, _DELTAS)
