"""The steps that a run yields while it goes on."""

from __future__ import annotations

from typing import TypeAlias

from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.runs.events import Event
from lightagent.ports.tools import NestedDelta, ToolPart

Step: TypeAlias = Event | Delta | ToolPart | NestedDelta
"""Events are kept in the journal; deltas and parts are shown to the consumer of a stream and not kept."""
