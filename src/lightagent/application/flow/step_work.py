"""What a step does, whatever it is made of: the port between the engine and agents, callables and flows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.domain.events import Event
from lightagent.domain.flow.events import FlowEvent
from lightagent.ports.system import Clock


@dataclass(frozen=True, slots=True)
class StepTask:
    """One attempt at a step.

    Attributes:
        query: what is asked of it.
        context: of the flow around it.
        place: where it is.
        past: the events of the agent's or the flow's run below this attempt, before it was interrupted.
        note: puts further ones on record; returns once they are durable.
        clock: tells the time.
        traced: the caller wants the trace.
    """

    query: str
    context: StepContext
    place: StepPlace
    past: Sequence[Event | FlowEvent]
    note: Callable[[Sequence[Event | FlowEvent]], Awaitable[None]]
    clock: Clock
    traced: bool = False


class StepWaits(Exception):
    """What the step does cannot go on now: people are asked, and it goes on when the flow is resumed."""


class StepWork(Protocol):
    """What a step does. Serves any number of attempts at once."""

    @property
    def name(self) -> str:
        """Names it in traces."""
        ...

    async def do(self, task: StepTask) -> object:
        """Make one attempt, and give what came of it, which is checked by the engine. Raises whatever goes wrong."""
        ...
