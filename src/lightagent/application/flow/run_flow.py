"""The loop of a flow: carries out the moves of its state machine, until the run ends or waits.

Only the loop applies events. What came to an end and what is to begin next go into one append, and nothing
begins before that append is acknowledged: no finished work is lost, and no work begins that is not on record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, assert_never

from lightagent.aiokits.abandon import stop, to_the_end
from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_people import ask_person
from lightagent.application.flow.ask_step import ask_step
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.hear_people import HearPeople
from lightagent.application.flow.left_attempts import waits, was_left
from lightagent.application.flow.lost_attempts import LostAttempts, leave_in_good_order
from lightagent.application.flow.make_attempt import failed, make_attempt
from lightagent.application.flow.review_step import review_attempt
from lightagent.application.flow.step_errors import lost_with_its_process, unknown_outcome
from lightagent.application.flow.step_queries import made_query, plain_query
from lightagent.application.flow.underway import MOST_AT_ONCE, Underway, WorkKey
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.flow.making_moves import move_of
from lightagent.domain.flow.moves import Ask, AskHuman, BeginWait, Do, Finish, Move, Stop, Wake
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.review.decisions import ApprovalDecision


async def run_flow(
    flow: ActiveFlow,
    moves: list[Move] | None = None,
    *,
    most: int = MOST_AT_ONCE,
    max_wait: float | None = None,
    outermost: bool = False,
) -> None:
    """Go on with a run until it ends, or until all that is left waits for people or events from outside.

    Args:
        moves: what is to be done; None: what the state gives.
        most: attempts at the same time.
        max_wait: seconds to wait for a known moment; if all moments are further away, the run is left as waiting.
            None: without limit.
        outermost: the run is not a step of another flow. If it is cancelled, it records that it was left.

    Raises:
        StoreError: what happened could not be put on record; the run can be resumed from what is there.
        ConfigurationError: the run needs steps that this flow does not have.
    """
    loop = FlowLoop(flow, most, max_wait)
    try:
        await loop.run(flow.state.open_moves() if moves is None else moves)
    except asyncio.CancelledError:
        await loop.stop()
        if outermost:
            await to_the_end(leave_in_good_order(flow))
        raise
    finally:
        await loop.stop()


class FlowLoop:
    """Carries out the moves of one run."""

    def __init__(self, flow: ActiveFlow, most: int, max_wait: float | None) -> None:
        self._flow = flow
        self._max_wait = max_wait
        self._due: deque[Move] = deque()
        self._later: deque[Do] = deque()
        self._begin: list[tuple[WorkKey, LightFlowStep, Do, str]] = []
        self._waiting = {
            (node.path, node.epoch, f"attempt {node.attempt}")
            for node in flow.state.nodes.values()
            if node.status == "running" and waits(node.notes or ())
        }
        self._people: asyncio.Task[None] | None = None
        self._lost = LostAttempts(flow.state, flow.lost)
        self.underway: Underway = Underway(flow.news.ring, most)

    async def run(self, moves: list[Move]) -> None:
        """Carry out moves, and those that follow from them."""
        flow, underway = self._flow, self.underway
        self._due.extend(moves)
        while True:
            for report in flow.take_reports():
                self._hear(report)
            self._carry_out_all()
            await flow.write(self._status())
            begin, self._begin = self._begin, []
            for key, step, move, asked in begin:
                underway.begin(key, make_attempt, flow, move, asked, step)
            if underway.failure is not None:
                raise underway.failure
            if flow.state.status in _OVER or (underway.is_idle and not begin and not flow.news.is_ringing):
                return
            if not begin and not flow.news.is_ringing and self._may_leave():
                await flow.write(self._status())
                return
            self._hear_people()
            await flow.news.wait()

    async def stop(self) -> None:
        """Stop all that is under way."""
        if self._people is not None:
            await stop((self._people,))
        await self.underway.stop_all()

    def _hear_people(self) -> None:
        """Poll decisions from the first approval request on; most runs never make one."""
        if self._people is None and (self._flow.requests or self._waiting):
            self._people = asyncio.create_task(HearPeople(self._flow, self._left, self._take_up).hear())
            self._people.add_done_callback(self._people_failed)

    def _people_failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.underway.failure = self.underway.failure or error
            self._flow.news.ring()

    def _left(self) -> list[Do]:
        """The moves that go on with attempts that wait for people and are not under way."""
        nodes = self._flow.state.nodes
        left = (nodes[path] for path, _, _ in self._waiting if path in nodes)
        moves = (move_of(node) for node in left if node.status == "running")
        return [move for move in moves if isinstance(move, Do) and not self.underway.is_begun(_attempt(move))]

    def _take_up(self, move: Do) -> None:
        """Go on with an attempt that waited: people have decided, or the request has expired."""
        self._waiting.discard(_attempt(move))
        self._flow.report(Report(moves=(move,)))

    def _status(self) -> str:
        """The status of the run for listings: a run whose open attempts all wait for people is waiting.

        Workers that take over abandoned runs go by it, so a run that can go on by itself must not be listed as waiting.
        """
        status = self._flow.state.status
        waits = self._waiting and not self._later and self.underway.waits_for(self._waiting)
        return "waiting" if status == "running" and waits else status

    def _may_leave(self) -> bool:
        """Whether all that is left is to wait for moments that are too far away."""
        state = self._flow.state
        if self._max_wait is None or self.underway.seconds_left() <= self._max_wait or not state.waits_for_time():
            return False
        if state.status == "running":
            self._take(FlowFinished("waiting", at=self._flow.clock.now()))
        return True

    def _hear(self, report: Report) -> None:
        if report.heard is not None:
            self._apply_messages(report.events, report.heard)
            return
        all_taken = is_taken = True
        for event in report.events:
            is_taken = self._take(event)
            all_taken = all_taken and is_taken
        if report.waits and is_taken and isinstance(last := report.events[-1], AttemptNoted):
            self._waiting.add(_attempt(last))
        self._due.extend(report.moves)
        if report.heard_below is not None:
            self._flow.heard = report.heard_below
        if report.written is None:
            return
        if all_taken:
            self._flow.promise(report.written)
        elif not report.written.done():
            report.written.set_exception(StoreError("The attempt is over: nothing more of it is put on record."))

    def _apply_messages(self, events: Sequence[FlowEvent], heard: int) -> None:
        """Apply messages from outside. A nested flow puts messages to it on record by itself, with its position.

        A message that is read once more after a crash has already been applied, and is refused.
        """
        told_below = False
        for event in events:
            below = None
            if isinstance(event, AttemptNoted) and isinstance(event.event, FlowEvent):
                below = self._flow.below.get((event.path, event.epoch, event.attempt))
                if below is not None:
                    below(event.event, heard)
                    told_below = True
            if below is None and self._take(event, is_said=True) and isinstance(event, AttemptNoted):
                self._go_on(event)
        if not told_below:
            self._flow.heard = heard

    def _go_on(self, event: AttemptNoted) -> None:
        """Go on with an attempt in which a person has decided."""
        key = _attempt(event)
        if self.underway.after(key, partial(self._go_on, event)):
            return  # Its task read before the decision and ends as waiting; go on after that.
        node = self._flow.state.nodes.get(event.path)
        move = None if node is None or node.status != "running" else move_of(node)
        if not isinstance(move, Do) or _attempt(move) != key:
            return
        # A move that is due already does not include the decision.
        self._due = deque(one for one in self._due if not (isinstance(one, Do) and _attempt(one) == key))
        self._due.append(move)
        self._flow.news.ring()

    def _take(self, event: FlowEvent, *, is_said: bool = False) -> bool:
        """Apply an event and put it on record; returns whether it was applied.

        Events that a time limit, a cancellation or a rerun has made obsolete are dropped: their attempt is over.
        """
        try:
            self._due.extend(self._flow.tell(event))
        except Refused as refusal:
            if isinstance(event, Answered) and event.error is None and refusal.kind in ("form", "limit"):
                return self._take(replace(event, error=refusal.info))
            if isinstance(event, StepApprovalDecided) and event.error is None and refusal.kind in ("form", "limit"):
                return not is_said and self._take(_cannot_be(event, refusal))
            if (is_said or isinstance(event, _MAY_BE_LATE)) and refusal.kind in ("stale", "unknown", "status"):
                return False
            raise
        if isinstance(event, AttemptNoted):  # The nested run goes on, unless the report says that it waits.
            self._waiting.discard(_attempt(event))
        return True

    def _carry_out_all(self) -> None:
        while (move := self._next()) is not None:
            self._carry_out(move)

    def _next(self) -> Move | None:
        if self._due:
            return self._due.popleft()
        if self.underway.is_full:
            return None
        return self._later.popleft() if self._later else self._lost.take()

    def _carry_out(self, move: Move) -> None:
        flow, underway = self._flow, self.underway
        if flow.state.cancelled and not isinstance(move, (Stop, Finish)):
            return  # It is given again once the run is resumed.
        match move:
            case Do():
                self._do(move)
            case Ask():
                underway.begin(_key(move.path, move.epoch, move.question), ask_step, flow, move)
            case AskHuman():
                underway.begin(_key(move.path, move.epoch, "person"), ask_person, flow, move)
            case BeginWait():
                self._begin_wait(move)
            case Wake():
                event = WaitEnded(move.path, move.epoch)
                self._wake(_key(move.path, move.epoch, "wait"), move.due, lambda: self._ring(event))
            case Stop():
                self._stop(move)
            case Finish() if flow.state.active or flow.state.status != "running":
                pass  # Something else happened meanwhile.
            case Finish():
                self._take(FlowFinished(flow.state.ending(), at=flow.clock.now()))
            case _:
                assert_never(move)

    def _do(self, move: Do) -> None:
        """Begin an attempt: its intent goes into the next append, and it begins after that."""
        flow, underway = self._flow, self.underway
        key = _attempt(move)
        if underway.is_begun(key):
            return  # Two reports caused the same move.
        if move.due and move.due > flow.clock.now():
            self._wake(key, move.due, partial(flow.report, Report(moves=(replace(move, due=0.0),))))
            return
        if move.again and (given_up := self._lost_attempt(move)) is not None:
            self._take(replace(given_up, at=flow.clock.now()))
            return
        if underway.is_full:
            self._later.append(move)
            return
        if move.lost and self._lost.hold(move):
            return
        step = flow.step_at(move.path, move.step.work)
        query = plain_query(flow, move, step) if move.query is None else move.query
        if query is None:
            underway.begin(_key(move.path, move.epoch, f"query {move.attempt}"), self._make_query, move)
        elif flow.gate is None or flow.gate.has_passed(move.path, move.epoch):
            self._start(move, str(query), key, step)
        else:
            underway.begin(_key(move.path, move.epoch, f"hooks {move.attempt}"), review_attempt, flow, move, str(query))

    def _lost_attempt(self, move: Do) -> AttemptFailed | None:
        """The failure of an interrupted attempt that must not be made again; None if it may be."""
        if was_left(move.notes):
            return None
        if not move.step.repeatable:
            lost = unknown_outcome(move.step, move.path)
            return AttemptFailed(move.path, move.epoch, move.attempt, lost)
        if self._lost.is_exhausted(move) and not (move.notes and isinstance(move.notes[0], FlowStarted)):
            return lost_with_its_process(move, self._lost.times(move))
        return None

    def _start(self, move: Do, query: str, key: WorkKey, step: LightFlowStep) -> None:
        flow = self._flow
        name = flow.state.key_of(move)
        decisions = () if flow.gate is None else flow.gate.take_decisions(move.path, move.epoch)
        now = flow.clock.now()
        if not self._take(AttemptStarted(move.path, move.epoch, move.attempt, name, query, decisions, at=now)):
            return
        self.underway.reserve(key)
        asked = query if not move.feedback else f"{query}\n\nThe last result was not accepted: {move.feedback}"
        self._begin.append((key, step, move, asked))

    async def _make_query(self, move: Do) -> None:
        """Have code make the query of a step, and begin the attempt; if that fails, the step fails."""
        flow = self._flow
        step = flow.step_at(move.path, move.step.work)
        try:
            query = "" if step.query is None else await made_query(flow, move, step.query)
        except FAILURES as raised:
            error = failure(raised)
            name = flow.state.key_of(move)
            begun = AttemptStarted(move.path, move.epoch, move.attempt, name, at=flow.clock.now())
            flow.report(Report((begun, failed(flow, move, error))))
        else:
            flow.report(Report(moves=(replace(move, query=query),)))

    def _begin_wait(self, move: BeginWait) -> None:
        now, wait = self._flow.clock.now(), move.step.wait
        seconds = None if wait is None else wait.seconds
        due = move.until if move.until is not None else None if seconds is None else now + seconds
        self._take(WaitBegan(move.path, move.epoch, due, at=now))

    def _ring(self, event: WaitEnded) -> None:
        self._flow.report(Report((replace(event, at=self._flow.clock.now()),)))

    def _wake(self, key: WorkKey, due: float, call: Callable[[], None]) -> None:
        self.underway.wake(key, due - self._flow.clock.now(), call)

    def _stop(self, move: Stop) -> None:
        """Stop an attempt, and report that if the run still waits for its result."""

        def stopped() -> None:
            node = self._flow.state.nodes.get(move.path)
            owed = node is not None and node.status == "running" and node.attempt == move.attempt
            if move.answered and owed:
                event = AttemptStopped(move.path, move.epoch, move.attempt, at=self._flow.clock.now())
                self._flow.report(Report((event,)))

        self.underway.stop(_attempt(move), stopped)


_OVER: Final = frozenset(("success", "failed", "cancelled"))
_MAY_BE_LATE: Final = (
    *(AttemptStarted, AttemptNoted, AttemptFinished, AttemptFailed, AttemptStopped),
    *(StepApprovalRequested, StepApprovalDecided),
)
"""Reports of tasks that may be obsolete: a time limit, a rerun or another person's decision came first."""


def _cannot_be(event: StepApprovalDecided, refusal: Refused) -> StepApprovalDecided:
    """The failure of a step whose decision in the review service cannot apply to it."""
    decision = ApprovalDecision.reject(refusal.info.message, actor=event.decision.actor)
    return replace(event, decision=decision, error=refusal.info)


def _key(path: str, epoch: int, what: str) -> WorkKey:
    return path, epoch, what


def _attempt(about: Do | Stop | AttemptNoted) -> WorkKey:
    return about.path, about.epoch, f"attempt {about.attempt}"
