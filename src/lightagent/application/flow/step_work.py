"""What a step does, whatever it is made of: the port between the engine and agents, callables and flows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.domain.events import Event
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.review import ApprovalDecision
from lightagent.ports.system import Clock

Noted: TypeAlias = Event | FlowEvent
"""What happens below an attempt, and is on record with it."""


Listener: TypeAlias = Callable[[FlowEvent, int], None]
"""Takes what is said to a flow below an attempt, and how far the outermost run has heard with that."""


@dataclass(frozen=True, slots=True)
class StepTask:
    """One attempt at a step.

    Attributes:
        query: what is asked of it.
        context: gives what callables of the step are given; most steps never ask.
        place: where it is.
        is_cancelled: whether the attempt was given up.
        past: the events of the agent's or the flow's run below this attempt, before it was interrupted.
        note: puts further ones on record, with how far the run has heard what was said to it, where that is further
            now, and whether all that is left below the attempt waits for people; returns once they are durable.
        hear: is given whoever takes what is said to what goes on below this attempt.
        clock: tells the time.
        traced: the caller wants the trace.
    """

    query: str
    context: Callable[[], StepContext]
    place: StepPlace
    is_cancelled: Callable[[], bool]
    past: Sequence[Noted]
    note: Callable[[Sequence[Noted], int | None, bool], Awaitable[None]]
    hear: Callable[[Listener], None]
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

    def declared(self, levels: int) -> None:
        """Called when the step is declared and its runs are kept: the time to read its source.

        Args:
            levels: flows within flows that are still looked into.
        """

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        """What it does, as far as digests tell: a run that is resumed with others has changed.

        Args:
            levels: flows within flows that are still looked into.
        """
        return ()

    async def do(self, task: StepTask) -> object:
        """Make one attempt, and give what came of it, which is checked by the engine. Raises whatever goes wrong."""
        ...

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        """What a person decided about something within an attempt that waits, as what is noted of it.

        Args:
            past: what was noted of the attempt.
            inside: what is meant, such as the path of a step; empty where only one thing waits.

        Raises:
            ConfigurationError: nothing there waits for a decision, or not for this one.
        """
        ...
