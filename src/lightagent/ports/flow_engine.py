"""The port to what carries out runs of flows: this process, or an engine of many machines.

An engine keeps the events of each run, folds the flow's machine over them, and has the moves that are open carried out
by the flow's code. What goes between the three is data, so an engine may have each of them in a process of its own: the
fold in a workflow that is replayed, the code in activities of workers that have declared the same flow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Signalled
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.scopes import Scope


@dataclass(frozen=True, slots=True)
class FlowRun:
    """Names a run: the same id of another owner is another run."""

    owner: Scope
    run_id: str


@runtime_checkable
class FlowCode(Protocol):
    """The code of a flow's steps. Serves any number of runs at once."""

    @property
    def definition(self) -> FlowDefinition:
        """The flow as data, as it is declared now, with digests of what its steps do."""
        ...

    def changed(self, past: Sequence[FlowEvent], accept: Sequence[str], now: float) -> FlowEvent | None:
        """That a run goes on with this flow as it is declared now, as an event; None where nothing was changed.

        An engine puts it on record before it goes on with a run, and folds the whole past anew.

        Args:
            past: the events of the run so far; where a step is to be done again, with the request for that.
            accept: names of steps whose results count although they do other work now.

        Raises:
            ConfigurationError: the change does not fit what the run has done.
        """
        ...

    async def carry_out(self, path: str, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        """Carry out the move that is open at a path, in whatever process, and give the events that answer it.

        The move is the one that the fold of `past` has open there: an attempt, a question to code, or a request to a
        person. An attempt that has not begun is answered by its intent alone, whose query is made here; it is to be on
        record before the same path is carried out once more, which makes the attempt and tells how it ended. What
        fails is an event too, with what follows from it. An attempt that cannot go on, since people are asked within
        it, gives no end. What happens below an attempt, such as the calls of an agent, is given with the rest.

        Args:
            past: the events of the run so far, the first of which is `FlowStarted`.

        Raises:
            ConfigurationError: the run has no such move, or this flow no such step.
            asyncio.CancelledError: the caller was cancelled, and with it the attempt.
        """
        ...

    def decided(self, past: Sequence[FlowEvent], step: str, decision: ApprovalDecision, now: float) -> FlowEvent:
        """What a person has decided about a step that waits, or about what waits within it, as an event.

        Args:
            step: its name or path; ``outer/inner`` for a step of the flow that is the step ``outer``.

        Raises:
            ConfigurationError: the step does not exist, or does not wait.
        """
        ...


@runtime_checkable
class FlowEngine(Protocol):
    """Carries out runs of flows. Serves any number of tasks; its errors are `StoreError`s where it cannot be reached.

    Four methods go on with a run and give all its events, once it is over or waits for somebody outside. A caller
    that is cancelled meanwhile leaves the run as it is: whether it goes on without its caller is up to the engine, and
    `resume` waits for it, or goes on with it, in either case.
    """

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        """Carry out a new run.

        Raises:
            ConfigurationError: its id is that of a run which is not over.
        """
        ...

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        """Carry out a new run that begins with these events: those of another one up to a point, then `Forked`.

        The id of the new run is that of the fold. Where the flow was changed, the last event says so.

        Raises:
            ConfigurationError: its id is that of a run which is not over.
        """
        ...

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        """Go on with a run; one that has succeeded is given as it is.

        Args:
            accept: see `FlowCode.changed`.

        Raises:
            ConfigurationError: the run does not exist, or what it has done does not fit this flow.
        """
        ...

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        """Do a step again, and all that rests on it.

        Args:
            accept: see `FlowCode.changed`.

        Raises:
            ConfigurationError: the run or step does not exist, the step has not begun, or what the run has done does
                not fit this flow.
        """
        ...

    async def decide(self, flow: FlowCode, run: FlowRun, step: str, decision: ApprovalDecision) -> None:
        """Deliver the decision of a person to a run. Returns once that is recorded; the first decision counts.

        Raises:
            ConfigurationError: the run or step does not exist, or it does not wait.
        """
        ...

    async def signal(self, run: FlowRun, signal: Signalled) -> bool:
        """Deliver an external event to a run; returns whether it is new, so False for a repeated key.

        Raises:
            ConfigurationError: the run does not exist, is over, or never waits for this event.
        """
        ...

    async def cancel(self, run: FlowRun, reason: str) -> None:
        """Cancel a run. Returns once that is recorded; it lasts until the run is resumed.

        Raises:
            ConfigurationError: the run does not exist, or is over.
        """
        ...

    async def events(self, run: FlowRun) -> Sequence[FlowEvent]:
        """What is on record of a run; nothing where this owner has none of this id."""
        ...

    def runs(self, owner: Scope) -> AsyncIterator[str]:
        """The ids of an owner's runs, the newest first."""
        ...

    async def aclose(self) -> None:
        """Close what is open; a later call opens it again."""
        ...
