"""What a step does, whatever it is made of: the port between the engine and agents, callables and flows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, TypeAlias

from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.events import Event
from lightagent.domain.flow.changes import ChangeFault
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.outputs import Artifact
from lightagent.domain.review import ApprovalDecision
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock

Noted: TypeAlias = Event | FlowEvent
"""What happens below an attempt, and is on record with it."""


Listener: TypeAlias = Callable[[FlowEvent, int], None]
"""Takes what is said to a flow below an attempt, and how far the outermost run has heard with that."""


WriteLines: TypeAlias = Callable[[str, str, Callable[[], Sequence[TraceEvent]]], None]
"""Takes the name of an agent or a flow, its trace id, and what makes the lines of its trace, where they are wanted."""


def no_lines(name: str, trace_id: str, make: Callable[[], Sequence[TraceEvent]]) -> None:
    """Write no lines: none are requested."""


class StepTask(Protocol):
    """One attempt at a step, for what does the work.

    Attributes:
        query: what is asked of it.
        made: the files that it makes.
    """

    query: str
    made: list[Artifact]

    def context(self) -> StepContext:
        """What callables of a step are given; most steps never ask."""
        ...

    def is_cancelled(self) -> bool:
        """Whether the attempt was given up; asked from any thread."""
        ...

    @property
    def place(self) -> StepPlace:
        """Where it is."""
        ...

    @property
    def past(self) -> Sequence[Noted]:
        """The events of the agent's or the flow's run below this attempt, before it was interrupted."""
        ...

    @property
    def lost(self) -> int:
        """How often this attempt was begun, and neither ended nor was left in good order."""
        ...

    @property
    def limits(self) -> FlowLimits:
        """Of the run, and so of the run of a flow that the step is."""
        ...

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...

    @property
    def traced(self) -> bool:
        """The caller wants the trace."""
        ...

    @property
    def is_coded(self) -> bool:
        """Whether definitions have the digests of the steps' code, since runs outlive their process."""
        ...

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What reviews the flow that this is a step of, and so the flows that are steps of it, too."""
        ...

    @property
    def outlet(self) -> FlowOutlet | None:
        """Passes the run's events to the consumer of a stream; None without a stream."""
        ...

    @property
    def below(self) -> Callable[[], FlowWatchers] | None:
        """Makes the watchers of the run of a flow that the step is; None without telemetry."""
        ...

    @property
    def write_lines(self) -> WriteLines:
        """Takes lines about the agent's or the flow's run, for logs."""
        ...

    @property
    def reviews(self) -> FlowReviews | None:
        """Where people are asked about steps of the flow that the step is."""
        ...

    async def note(self, events: Sequence[Noted], heard: int | None, waits: bool) -> None:
        """Put further events on record; returns once they are durable.

        Args:
            heard: how far the run has heard what was said to it, where that is further now.
            waits: whether all that is left below the attempt waits for people.
        """
        ...

    def hear(self, listener: Listener) -> None:
        """Have what is said to what goes on below this attempt taken by `listener`."""
        ...


class StepWaits(Exception):
    """What the step does cannot go on now: people are asked, and it goes on when the flow is resumed."""


class StepWork(Protocol):
    """What a step does. Serves any number of attempts at once."""

    @property
    def name(self) -> str:
        """Names it in traces."""
        ...

    @property
    def captures_content(self) -> bool:
        """Whether its traces may hold what was said."""
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

    def do(self, task: StepTask) -> Coroutine[object, object, object]:
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

    def gates_of(self, below: Sequence[str]) -> tuple[Gate, ...]:
        """What reviews the flows that are this step and steps within it, down to a step of the innermost one.

        Args:
            below: the paths of the steps, from the outermost flow to the innermost.
        """
        return ()

    def change_faults(self, past: Sequence[Noted], accepted: Sequence[str]) -> tuple[ChangeFault, ...] | None:
        """What keeps a flow that was begun below an attempt from going on as it is declared now.

        Args:
            past: what was noted of the attempt.
            accepted: the paths of its steps whose results count although they do other work now.

        Returns:
            The faults; None where no such flow was begun, and the step's own digests tell whether it has changed.
        """
        return None

    def awaited(self, past: Sequence[Noted], reviews: FlowReviews | None) -> tuple[Awaited, ...]:
        """The requests within an attempt that people have yet to answer.

        Args:
            past: what was noted of the attempt.
            reviews: where people are asked about steps of the flow that the step is.
        """
        return ()
