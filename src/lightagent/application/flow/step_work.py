"""The work of a step: the port between the engine and agents, callables and flows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, TypeAlias

from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.flow.changes import ChangeFault
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.outputs import Artifact
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import Event
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock

Noted: TypeAlias = Event | FlowEvent
"""Events of a nested run, which are on record with its attempt."""


Listener: TypeAlias = Callable[[FlowEvent, int], None]
"""Takes messages to a nested flow, and the position in the outermost run's inbox up to which they were read."""


WriteLines: TypeAlias = Callable[[str, str, Callable[[], Sequence[TraceEvent]]], None]
"""Takes the name of an agent or a flow, its trace id, and a function that makes its trace lines if a log needs them."""


def no_lines(name: str, trace_id: str, make: Callable[[], Sequence[TraceEvent]]) -> None:
    """Write no lines: none are requested."""


class StepTask(Protocol):
    """One attempt at a step, as its work sees it.

    Attributes:
        query: the query of the step.
        made: the files that it makes.
    """

    query: str
    made: list[Artifact]

    def context(self) -> StepContext:
        """The context for callables of a step; most steps never use it."""
        ...

    def is_cancelled(self) -> bool:
        """Whether the attempt was given up; asked from any thread."""
        ...

    @property
    def place(self) -> StepPlace:
        """The place of the attempt in the run."""
        ...

    @property
    def past(self) -> Sequence[Noted]:
        """The events of the nested agent's or flow's run before this attempt was interrupted."""
        ...

    @property
    def lost(self) -> int:
        """How often this attempt was begun without ending or being stopped cleanly."""
        ...

    @property
    def limits(self) -> FlowLimits:
        """The limits of the run, which hold for nested flows as well."""
        ...

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...

    @property
    def traced(self) -> bool:
        """Whether the caller wants the trace."""
        ...

    @property
    def is_coded(self) -> bool:
        """Whether definitions have the digests of the steps' code, since runs outlive their process."""
        ...

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The gates of the flow that this is a step of, which also review nested flows."""
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
        """Where people are asked about steps of a nested flow."""
        ...

    async def note(self, events: Sequence[Noted], heard: int | None, waits: bool) -> None:
        """Put further events on record; returns once they are durable.

        Args:
            heard: the position up to which the run has read its inbox, if it has advanced.
            waits: whether all that is left of the nested run waits for people.
        """
        ...

    def hear(self, listener: Listener) -> None:
        """Pass messages to the nested run of this attempt to `listener`."""
        ...


class StepWaits(Exception):
    """The step cannot go on now: people were asked, and it goes on when the flow is resumed."""


class StepWork(Protocol):
    """The work of a step. Serves any number of attempts at once."""

    @property
    def name(self) -> str:
        """Names it in traces."""
        ...

    @property
    def captures_content(self) -> bool:
        """Whether its traces may hold what was said."""
        ...

    def declared(self, levels: int) -> None:
        """Called when a step of a flow whose runs are kept is declared: the time to read its source.

        Args:
            levels: how many levels of nested flows are still included.
        """

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        """The digests of the work: a run that is resumed with other digests has changed.

        Args:
            levels: how many levels of nested flows are still included.
        """
        return ()

    def do(self, task: StepTask) -> Coroutine[object, object, object]:
        """Make one attempt and return its result, which the engine checks. Raises whatever goes wrong."""
        ...

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        """A person's decision about something within an attempt that waits, as a note of the attempt.

        Args:
            past: the notes of the attempt so far.
            inside: what the decision is about, such as the path of a step; empty if only one thing waits.

        Raises:
            ConfigurationError: nothing there waits for a decision, or not for this one.
        """
        ...

    def gates_of(self, below: Sequence[str]) -> tuple[Gate, ...]:
        """The gates of the flow that is this step and of nested flows within it, down to a step of the innermost one.

        Args:
            below: the paths of the steps, from the outermost flow to the innermost.
        """
        return ()

    def change_faults(self, past: Sequence[Noted], accepted: Sequence[str]) -> tuple[ChangeFault, ...] | None:
        """What keeps a nested flow that was begun in an attempt from going on as it is declared now.

        Args:
            past: the notes of the attempt so far.
            accepted: the paths of its steps whose results count although they do other work now.

        Returns:
            The faults; None where no such flow was begun, and the step's own digests tell whether it has changed.
        """
        return None

    def awaited(self, past: Sequence[Noted], reviews: FlowReviews | None) -> tuple[Awaited, ...]:
        """The requests within an attempt that people have yet to answer.

        Args:
            past: the notes of the attempt so far.
            reviews: where people are asked about steps of the nested flow.
        """
        return ()
