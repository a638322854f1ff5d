"""The port to the engines that execute flow runs: this process, or a distributed engine.

An engine keeps the events of each run, folds the flow's machine over them, and has the moves that are open carried out
by the flow's code. What goes between the three is data, so an engine may have each of them in a process of its own: the
fold in a workflow that is replayed, the code in activities of workers that have declared the same flow.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Signalled
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope

RecordNotes: TypeAlias = Callable[[Sequence[FlowEvent]], Awaitable[None]]
"""Takes what an attempt has done below itself, and returns once that is on record.

Raises `StoreError` if the attempt is over, or is continued elsewhere.
"""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """Identifies a run: the same id of another owner is another run."""

    owner: Scope
    run_id: str


@dataclass(frozen=True, slots=True)
class RunOutline:
    """What an engine itself knows of a run, without the workers that tell the rest.

    Attributes:
        flow: its name; empty if the engine does not know it.
        status: as the run's record tells it; empty if the engine does not know it.
        began: when the run began, in seconds since 1970.
    """

    flow: str
    status: str
    began: float


@runtime_checkable
class FlowCode(Protocol):
    """The code of a flow's steps. Serves any number of runs at once."""

    @property
    def definition(self) -> FlowDefinition:
        """The current definition of the flow as data, with digests of what its steps do."""
        ...

    def changed(self, past: Sequence[FlowEvent], accept: Sequence[str], now: float) -> FlowEvent | None:
        """Return the event that a run continues with the flow's current definition; None if nothing was changed.

        An engine records it before it continues the run, and folds the whole past again.

        Args:
            past: the events of the run so far, including the request to repeat a step, if any.
            accept: names of steps whose results are kept although the work of the steps has changed.

        Raises:
            ConfigurationError: the change does not fit what the run has done.
        """
        ...

    async def carry_out(
        self, path: str, past: Sequence[FlowEvent], record: RecordNotes | None = None
    ) -> Sequence[FlowEvent]:
        """Execute the open move at a path, in any process, and return the events that result.

        The move is the one that the fold of `past` has open there: an attempt, a question to code, or a request to a
        person. The first call for an attempt builds its query and returns only its intent, which must be recorded
        before the second call for the same path makes the attempt and returns how it ended. Failures are events too,
        along with their consequences. An attempt that has to wait for people returns no end.

        Where a step waits for people, and the time to decide is over, which the engine says by this call: a request to
        those who are asked next, or that the step has failed.

        Args:
            past: the events of the run so far, the first of which is `FlowStarted`.
            record: puts events below an attempt, such as the finished calls of an agent, on record while the attempt
                goes on, so that a process that dies loses none of them. None: they are among the events that are
                returned.

        Raises:
            ConfigurationError: the run has no such move, or this flow no such step.
            asyncio.CancelledError: the caller was cancelled, and with it the attempt.
        """
        ...

    def decided(self, past: Sequence[FlowEvent], step: str, decision: ApprovalDecision, now: float) -> FlowEvent:
        """Return the event of a person's decision about a waiting step, or about what waits within it.

        Args:
            step: its name or path; ``outer/inner`` for a step of the flow that is the step ``outer``.

        Raises:
            ConfigurationError: the step does not exist, or does not wait.
            PolicyError: the person is not among those who are asked, or the time to decide is over.
        """
        ...


@runtime_checkable
class FlowEngine(Protocol):
    """Executes flow runs. Serves any number of tasks; raises `StoreError` if it cannot be reached.

    `begin`, `fork`, `resume` and `rerun` execute a run and return all its events, once it is over or waits for external
    input. A caller that is cancelled meanwhile does not end the run: whether it continues without its caller is up to
    the engine, and `resume` waits for it or continues it in either case.
    """

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        """Execute a new run.

        Raises:
            ConfigurationError: its id is that of a run which is not over.
        """
        ...

    async def start(self, flow: FlowCode, started: FlowStarted) -> None:
        """Begin a new run, and return once it is on record. It continues without its caller, also after decisions.

        Raises:
            ConfigurationError: its id is that of a run which is not over.
        """
        ...

    async def wait(self, flow: FlowCode, run: FlowRun) -> Sequence[FlowEvent]:
        """Return all events of a run once it is over or waits for external input; empty if it does not exist.

        Unlike `resume`, this neither retries a failed run nor revives a cancelled one.

        Raises:
            ConfigurationError: what the run has done does not fit this flow.
        """
        ...

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        """Execute a new run that begins with these events: those of another one up to a point, then `Forked`.

        The id of the new run is that of the fold. If the flow was changed, the last event says so.

        Raises:
            ConfigurationError: its id is that of a run which is not over.
        """
        ...

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        """Continue a run; the events of one that has succeeded are returned as they are.

        Args:
            accept: see `FlowCode.changed`.

        Raises:
            ConfigurationError: the run does not exist, or what it has done does not fit this flow.
        """
        ...

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        """Repeat a step and all steps that depend on it.

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
        """Return what is recorded of a run; empty if the owner has no run with this id."""
        ...

    def runs(self, owner: Scope) -> AsyncIterator[str]:
        """Return the ids of an owner's runs, newest first."""
        ...

    async def aclose(self) -> None:
        """Close all resources; a later call opens them again."""
        ...


@runtime_checkable
class OutlinesRuns(Protocol):
    """An engine that knows something of a run even while nothing can tell what is on record of it."""

    async def outline(self, run: FlowRun) -> RunOutline | None:
        """Return what the engine itself knows of a run, or None if the run does not exist.

        Raises:
            StoreError: the engine cannot be reached.
        """
        ...
