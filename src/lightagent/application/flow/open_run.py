"""Opens runs of a flow: new ones, and those on record as they are with the steps that are declared now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.changed_flow import change_to, within
from lightagent.application.flow.flow_gate import FlowGate, check_policies
from lightagent.application.flow.flow_inbox import FlowInbox, apply_messages
from lightagent.application.flow.flow_log import StoredLog, flow_key, no_such_run
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_step import LightFlowStep, by_work, definition_of
from lightagent.application.flow.flow_values import FlowValues
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.rerun_flow import open_requests, rerun_events
from lightagent.application.flow.review_run import may_rerun
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.flow.step_code import CodedDefinitions
from lightagent.application.journals.hold_lease import SECONDS
from lightagent.domain.errors import ConfigurationError, LeaseHeld
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FlowEvent, RerunRequested
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.last_results import LastResults
from lightagent.domain.policy.phases import Decision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock

OVER: Final = ("success", "failed", "cancelled")
"""The states in which a run goes on only on request."""

_WAIT: Final = SECONDS + 1.0
"""Seconds to wait for the process that has a run: the lease of a process that died has ended by then."""


@dataclass(frozen=True, slots=True)
class TakenRun:
    """A run on record whose lease this process holds until it gives the run back.

    Attributes:
        flow: the run as it is with the steps that are declared now.
        log: where it is kept.
        again: the decisions for a rerun that is not on record yet; None: no rerun, or it is on record.
    """

    flow: ActiveFlow
    log: StoredLog
    again: tuple[Decision, ...] | None = None


def _is_not_over(run_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is a run {run_id!r:.100} already, and it is not over.",
        guidance="Go on with resume(), or give the new run another run_id.",
    )


class RunOpener:
    """Opens the runs of one flow, each under the lease of its stream.

    Args:
        name: of the flow.
        gates, seen, reviews, coded: as in `FlowRuns`.
    """

    def __init__(
        self,
        store: JournalStore,
        clock: Clock,
        name: str,
        gates: tuple[Gate, ...],
        seen: Seen,
        reviews: FlowReviews | None,
        coded: bool,
    ) -> None:
        self._store = store
        self._clock = clock
        self._gates = gates
        self._seen = seen
        self._reviews = reviews
        plain = LastResults[Sequence[LightFlowStep], FlowDefinition](partial(definition_of, name))
        self._definition: Callable[[Sequence[LightFlowStep]], FlowDefinition] = (
            CodedDefinitions(name) if coded else plain
        )
        self._works = LastResults(by_work)

    @asynccontextmanager
    async def new(self, run_id: str, owner: Scope, *, named: bool) -> AsyncIterator[StoredLog]:
        """The log of a new run. It replaces the record of a run with the same id that is over.

        What belongs to the former run and could be taken for the new one's goes with it, wherever a process dies on the
        way. Its reviews go first: they are found by a listing of the store, which a run whose id is new is spared. What
        was said to it and its values go last, and before every run whose id the caller gave: they are found by name.

        Args:
            named: the caller gave the id, so there may have been another run of it.
        """
        key = flow_key(run_id, owner)
        log = StoredLog(self._store, key, self._clock)
        events = await self._open_new(log)
        if events and fold(events).status in OVER:
            try:
                await self._forget_reviews(key)
            finally:
                await log.close()
            await self._store.forget(key, expected=len(events))
            events = await log.open()
        try:
            if named and not events:
                await self._forget_messages(key)
            if events:
                raise _is_not_over(run_id)
            yield log
        finally:
            await to_the_end(log.close())

    async def _open_new(self, log: StoredLog) -> list[FlowEvent]:
        """Take the lease for a new run, and return the events on record under its id.

        A process that died before its first append leaves only its lease, so this waits for it as `taken` does. A run
        that another caller begins meanwhile is never replaced, even if it is over by then: otherwise a request that
        is delivered twice at once would be carried out twice.

        Raises:
            LeaseHeld: another process still holds the lease, and has put nothing on record.
            ConfigurationError: a run of this id is not over, or another caller began one meanwhile.
        """
        try:
            return await log.open()
        except LeaseHeld:
            before = (await self._store.read(log.key, -1, limit=1)).stream
        if before.head and before.labels.get("status") not in OVER:
            raise _is_not_over(log.key.id)
        events = await log.open(_WAIT)
        if events and log.began != before.created_at:
            await to_the_end(log.close())
            raise ConfigurationError(
                f"Somebody else has begun a run {log.key.id!r:.100} meanwhile.",
                guidance="Look at it with get_run(), or give the new run another run_id.",
            )
        return events

    @asynccontextmanager
    async def taken(
        self, steps: Sequence[LightFlowStep], request: FlowRequest, again: str = "", wait: float | None = None
    ) -> AsyncIterator[TakenRun]:
        """A run that is on record, as it is with these steps and after all that was said to it.

        Args:
            again: a step that is to be done again; what it did then holds back no change of it.
            wait: seconds to wait for the process that has it; None: until the lease of a dead process has ended.
        """
        log = StoredLog(self._store, flow_key(request.run_id, request.scope), self._clock)
        events = await log.open(_WAIT if wait is None else wait)
        try:
            if not events:
                raise no_such_run(request.run_id)
            known = len(events)
            decisions = await may_rerun(self._gates, self.works(steps), events, again) if again else ()
            asked = [*open_requests(fold(events))] if again else []
            flow = await self._with(steps, events, log, request, again, decisions)
            flow.requests.update(asked)  # Those that the rerun makes obsolete are revoked.
            said, heard = await log.unread()
            taken = apply_messages(flow.state, said)
            if taken:
                await log.append(taken, flow.state.status, heard)
                events.extend(taken)
            asks = bool(again) and not any(isinstance(event, RerunRequested) for event in events[known:])
            yield TakenRun(flow, log, decisions if asks else None)
        finally:
            await to_the_end(log.close())

    def active(
        self,
        steps: Sequence[LightFlowStep],
        state: FlowState,
        events: list[FlowEvent],
        log: StoredLog,
        request: FlowRequest,
        watchers: FlowWatchers | None,
    ) -> ActiveFlow:
        """The run in this process: its state, its steps, and its watchers."""
        if watchers is not None:
            watchers.begin(events)
        gate = FlowGate(self._gates, events) if self._gates else None
        return ActiveFlow(
            self.works(steps),
            state,
            events,
            log,
            self._clock,
            traced=request.traced,
            gate=gate,
            outlet=request.outlet,
            watchers=watchers,
            write_lines=self._seen.write_lines,
            reviews=self._reviews,
        )

    def definition(self, steps: Sequence[LightFlowStep]) -> FlowDefinition:
        """The flow as it is declared now."""
        return self._definition(steps)

    def works(self, steps: Sequence[LightFlowStep]) -> Mapping[str, LightFlowStep]:
        """The steps by what names their work."""
        return self._works(steps)

    async def forget_beside(self, run: StreamKey) -> None:
        """Forget what is kept beside a run that was forgotten."""
        await self._forget_reviews(run)
        await self._forget_messages(run)

    async def _forget_reviews(self, run: StreamKey) -> None:
        if self._reviews is not None:
            await self._reviews.forget(run.owner, run.id)

    async def _forget_messages(self, run: StreamKey) -> None:
        await FlowInbox(self._store, run, self._clock).forget()
        await FlowValues(self._store, run).forget()

    async def _with(
        self,
        steps: Sequence[LightFlowStep],
        events: list[FlowEvent],
        log: StoredLog,
        request: FlowRequest,
        again: str,
        decisions: tuple[Decision, ...],
    ) -> ActiveFlow:
        state, definition, now = fold(events), self.definition(steps), self._clock.now()
        check_policies(state.started.policies, FlowGate(self._gates))
        if definition != state.definition:
            told: list[FlowEvent] = rerun_events(state, again, decisions, now) if again else []
            told.append(change_to([*events, *told], definition, request.accept, now, within(self.works(steps))))
            events.extend(told)
            state = fold(events)
            await log.append(told, state.status)
        watchers = self._seen.watchers()
        return self.active(steps, state, events, log, request, watchers)
