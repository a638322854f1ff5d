"""A step that is an agent: its run is on record with the step, so that nothing of it is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.active_run.services import Keeper
from lightagent.application.flow.agent_code import agent_code
from lightagent.application.flow.artifacts import refer_to
from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.step_work import Noted, StepTask, StepWaits, StepWork
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.trace import trace_events
from lightagent.application.reviews.decide_calls import NothingDecided, with_decisions
from lightagent.application.reviews.streams import KIND as REVIEWS
from lightagent.application.run_loop.resume_run import resume_run
from lightagent.application.run_loop.reviewing.waiting import open_requests
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.run_loop.start_run import RunRequest, start_run
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.outputs import ARTIFACT, Artifact, artifact_of
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Cancelled, Suspended
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import Event, RunFinished
from lightagent.domain.runs.events import Noted as RunNote
from lightagent.domain.scopes import Scope
from lightagent.ports.tools import Tool


class AgentWork(StepWork):
    """An agent, alone or as the first of a swarm.

    Args:
        means: gives the agent's means; a swarm's change as agents are registered.
        tools: of the step, besides the agent's own.
        params: request parameters of the step, on top of the agent's.
    """

    __slots__ = ("_means", "_params", "_tools")

    def __init__(
        self,
        means: Callable[[], Means[None]],
        tools: tuple[Tool[object], ...] = (),
        params: JsonObject | None = None,
    ) -> None:
        self._means = means
        self._tools = tools
        self._params = params or {}

    @property
    def name(self) -> str:
        return self._means().name

    def agents(self) -> Sequence[Means[None]]:
        """The agent, and those that it may hand over to."""
        return [*self._means().crew.values()]

    @property
    def captures_content(self) -> bool:
        return self._means().capture_content

    def declared(self, levels: int) -> None:
        """The agent as of the beginning of a run: it may be given tools until then."""

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        try:
            means = self._means()
            return agent_code(tuple(means.crew.values()), self._tools)
        except LightAgentError:
            return ()  # The attempt reports what is wrong with it.

    async def do(self, task: StepTask) -> object:
        past = agent_events(task.past)
        record = RunRecord(list(past))
        if not record.events or record.journal.run.outcome is None or _waits(record):
            record = await self._run(task, past)
        if _waits(record):
            raise StepWaits
        task.made.extend(_artifacts(record.events))
        content = record.text()
        return json.loads(content) if record.journal.run.head.output_schema is not None else content

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        means, journal = self._means(), Journal(tuple(agent_events(past)))
        if means.all_desks:
            raise ConfigurationError(
                f"People decide about the calls of {means.name} in the store of its HumanApprovalHook.",
                guidance="Decide there, then resume the run of the flow.",
            )
        chosen = {inside: decision} if inside else decision
        return with_decisions(journal, chosen, now).events[-1]

    def awaited(self, past: Sequence[Noted], reviews: FlowReviews | None) -> tuple[Awaited, ...]:
        events = agent_events(past)
        try:
            desks = self._means().all_desks
        except LightAgentError:
            return ()  # The attempt reports what is wrong with it.
        if not events or not desks:
            return ()
        run = Journal(tuple(events)).run
        scope = run.started.scope
        owner = Scope(scope.tenant, scope.user, scope.session)
        return tuple(
            Awaited(desk.streams, StreamKey(owner, REVIEWS, request_id))
            for request_id in open_requests(run)
            for desk in desks
        )

    async def _run(self, task: StepTask, past: Sequence[Event]) -> RunRecord:
        """Begin the agent's run, or go on with it.

        Raises:
            StepWaits: it waits for people who have not decided yet.
        """
        try:
            live = self._live(task, past)
            try:
                live.keeper = NoteKeeper(task)
                if task.outlet is not None:
                    live.record.stream = live.stream = True
                    live.outlet = task.outlet.agent(task.place.path)
                live.step_key, live.keep_artifact = task.place.key, refer_to
                live.subjects.stand_in(task.place.run_id, task.place.path)
                await run_agent(live)
            finally:
                _log(task, live)
        except NothingDecided:
            raise StepWaits from None
        return live.record

    def _live(self, task: StepTask, past: Sequence[Event]) -> ActiveRun[None]:
        means, place = self._means(), task.place
        if past:
            live = resume_run(means, Journal(tuple(past)), None, None, tools=self._tools, traced=task.traced)
            live.query = UserMessage(task.query)
            return live
        request = RunRequest(
            None,
            self._tools,
            params=self._params,
            limits=means.limits,
            scope=Scope(place.scope.tenant, place.scope.user),
            traced=task.traced,
            parent_trace_id=place.trace_id,
            run_group_id=place.run_id,
        )
        return start_run(means, task.query, request)


def _log(task: StepTask, live: ActiveRun[None]) -> None:
    record = live.record
    with nullcontext() if live.watchers is None else live.watchers.logging():
        task.write_lines(live.means.name, record.started.trace_id, lambda: trace_events(record.events))


class NoteKeeper(Keeper):
    """Puts the events of an agent's run on record as notes of its step."""

    def __init__(self, task: StepTask) -> None:
        self._task = task
        self._kept = len(task.past)

    async def open(self, events: list[Event], known: int) -> None:
        """Nothing to lease or read: the flow holds the lease, and earlier events came from its record."""

    async def write(self, events: Sequence[Event]) -> None:
        """Put on record what has happened so far.

        Raises:
            StoreError: it could not be written.
        """
        new = events[self._kept :]
        if new:
            await self._task.note(new, None, _suspended(new[-1]))
            self._kept += len(new)

    async def close(self, events: Sequence[Event]) -> None:
        """Write the rest.

        Nothing more is written of a cancelled run: it was only interrupted, and with an end on record it could not go
        on when the flow is resumed.
        """
        last = events[-1] if events else None
        if not (isinstance(last, RunFinished) and isinstance(last.outcome, Cancelled)):
            await self.write(events)


def agent_events(notes: Sequence[Noted]) -> list[Event]:
    """The events of an agent's run among the notes of an attempt."""
    return [note for note in notes if not isinstance(note, FlowEvent)]


def _artifacts(events: Sequence[Event]) -> Iterator[Artifact]:
    """The files that tools have made, also before an interruption: those calls are not made again."""
    for event in events:
        if isinstance(event, RunNote) and event.kind == ARTIFACT:
            made = artifact_of(event.data)
            if made is not None:
                yield made


def _waits(record: RunRecord) -> bool:
    return isinstance(record.journal.run.outcome, Suspended)


def _suspended(event: Event) -> bool:
    return isinstance(event, RunFinished) and isinstance(event.outcome, Suspended)
