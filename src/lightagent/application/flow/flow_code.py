"""The code of a flow's steps as an engine calls it: a move of a run goes in as data, and events come out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_again import out_of_time
from lightagent.application.flow.ask_people import ask_person
from lightagent.application.flow.ask_step import ask_step
from lightagent.application.flow.changed_flow import change_to, within
from lightagent.application.flow.decide_step import decided
from lightagent.application.flow.flow_log import FlowLog
from lightagent.application.flow.flow_step import LightFlowStep, by_work
from lightagent.application.flow.make_attempt import failed, make_attempt
from lightagent.application.flow.own_requests import check_decider
from lightagent.application.flow.seen_elsewhere import seen_attempt
from lightagent.application.flow.seen_flow import UNSEEN, Seen
from lightagent.application.flow.step_code import CodedDefinitions
from lightagent.application.flow.step_queries import made_query, plain_query
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import AttemptStarted, FlowEvent
from lightagent.domain.flow.making_moves import move_of
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.ports.flow_engine import FlowCode, RecordNotes
from lightagent.ports.system import Clock

_Carried: TypeAlias = Ask | AskHuman | Do


class FlowSteps(FlowCode):
    """The steps of a flow, as they were declared.

    Args:
        name: of the flow.
        seen: how telemetry sees the attempts that are made here.
    """

    def __init__(self, name: str, steps: Sequence[LightFlowStep], clock: Clock, seen: Seen = UNSEEN) -> None:
        self.name = name
        self.steps: tuple[LightFlowStep, ...] = tuple(steps)
        self._clock = clock
        self._seen = seen

    @property
    def definition(self) -> FlowDefinition:
        return CodedDefinitions(self.name)(self.steps)

    def changed(self, past: Sequence[FlowEvent], accept: Sequence[str], now: float) -> FlowEvent | None:
        definition = self.definition
        if fold(past).definition == definition:
            return None
        return change_to(past, definition, accept, now, within(by_work(self.steps)))

    async def carry_out(
        self, path: str, past: Sequence[FlowEvent], record: RecordNotes | None = None
    ) -> Sequence[FlowEvent]:
        state = fold(past)
        flow = _Collecting(self, state, past, self._clock, record)
        waiting = state.nodes.get(path)
        if waiting is not None and waiting.status == "waiting_approval" and waiting.expires is not None:
            return await out_of_time(flow, waiting)
        match _open_at(state, path):
            case Ask() as move:
                await ask_step(flow, move)
            case AskHuman() as move:
                await ask_person(flow, move)
            case Do(again=False) as move:
                return await _begin(flow, move)
            case Do() as move:
                query = str(move.query)
                asked = query if not move.feedback else f"{query}\n\nThe last result was not accepted: {move.feedback}"
                flow.watchers = self._seen.watchers()
                with seen_attempt(flow.watchers, past, path, flow.told, self._clock):
                    try:
                        work = make_attempt(flow, move, asked, flow.step_at(path, move.step.work))
                        # The span of the attempt stays the current one in the task that makes it.
                        await (work if flow.watchers is None else asyncio.create_task(work))
                    finally:
                        await flow.stop_recording()
        return flow.told

    def decided(self, past: Sequence[FlowEvent], step: str, decision: ApprovalDecision, now: float) -> FlowEvent:
        steps, state = by_work(self.steps), fold(past)
        event = decided(steps, state, step, decision, now)
        check_decider(steps, state, event, now)
        return event


class _Collecting(ActiveFlow):
    """A run of which one move is carried out; the engine puts its events on record afterwards.

    Args:
        record: puts what is awaited on record at once; None: it is among the rest.

    Attributes:
        told: the events to be put on record.
    """

    def __init__(
        self,
        code: FlowSteps,
        state: FlowState,
        past: Sequence[FlowEvent],
        clock: Clock,
        record: RecordNotes | None,
    ) -> None:
        super().__init__(by_work(code.steps), state, list(past), _NoLog(), clock)
        self.told: list[FlowEvent] = []
        self._record = record
        self._in_order = asyncio.Lock()
        self._recording: set[asyncio.Task[None]] = set()

    def report(self, report: Report) -> None:
        if report.written is None:
            self.told += report.events
        elif self._record is None:
            self.told += report.events
            report.written.set_result(None)
        else:
            task = asyncio.create_task(self._put_on_record(self._record, report.events, report.written))
            self._recording.add(task)
            task.add_done_callback(self._recording.discard)

    async def stop_recording(self) -> None:
        """Drop what is still on its way to the record: the attempt that waited for it was given up."""
        for task in self._recording:
            task.cancel()
        await asyncio.gather(*self._recording, return_exceptions=True)

    async def _put_on_record(
        self, record: RecordNotes, events: Sequence[FlowEvent], written: asyncio.Future[None]
    ) -> None:
        try:
            async with self._in_order:
                await record(events)
        except FAILURES as raised:
            if not written.done():
                written.set_exception(failure(raised))
        else:
            if not written.done():
                written.set_result(None)


class _NoLog(FlowLog):
    """Append nothing: the engine puts the events on record."""

    async def append(self, events: Sequence[FlowEvent], status: str, heard: int | None = None) -> None:
        return None


def _open_at(state: FlowState, path: str) -> _Carried:
    node = state.nodes.get(path)
    move = None if node is None or state.cancelled else move_of(node)
    if isinstance(move, (Ask, AskHuman, Do)):
        return move
    raise ConfigurationError(
        f"The run {state.run_id!r:.100} has nothing to be carried out at {path!r:.200}.",
        guidance="Carry out the moves that its events have open.",
    )


async def _begin(flow: ActiveFlow, move: Do) -> Sequence[FlowEvent]:
    """The intent of an attempt, and its failure if its query cannot be made."""
    step = flow.step_at(move.path, move.step.work)
    name = flow.state.key_of(move)
    query, error = None if move.query is None else str(move.query), None
    try:
        if query is None:
            query = plain_query(flow, move, step)
        if query is None and step.query is not None:
            query = await made_query(flow, move, step.query)
    except FAILURES as raised:
        error = failure(raised)
    begun = AttemptStarted(move.path, move.epoch, move.attempt, name, query, at=flow.clock.now())
    return [begun] if error is None else [begun, failed(flow, move, error)]
