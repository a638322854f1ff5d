"""The loop of one run within its workflow: folds the flow's machine, and has each open move carried out.

Everything here is replayed: it decides by the events alone, time is the workflow's, and whatever needs code of a flow
is an activity. Retries of steps are decisions of the machine, which stand in the run's record as on any engine; so the
server retries an activity by itself only where a worker could not begin what it was asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.failures import failures_of, mended
    from lightagent.adapters.engines.temporal.late_decisions import refusal_of
    from lightagent.adapters.engines.temporal.machine import flow_machine
    from lightagent.adapters.engines.temporal.move_keys import Key, attempt_in, key_of
    from lightagent.adapters.engines.temporal.orders import (
        CARRY_OUT,
        INLINE_BYTES,
        LEFT,
        FlowInput,
        Order,
        read_all,
        size_of,
    )
    from lightagent.adapters.engines.temporal.review_deadlines import Deadlines, until
    from lightagent.domain.flow.events import (
        AttemptFailed,
        AttemptNoted,
        AttemptStarted,
        AttemptStopped,
        DefinitionChanged,
        FlowEvent,
        FlowFinished,
        WaitBegan,
        WaitEnded,
    )
    from lightagent.domain.flow.making_moves import move_of
    from lightagent.domain.flow.moves import Ask, AskHuman, BeginWait, Do, Finish, Move, Stop, Wake
    from lightagent.domain.flow.nodes import Node
    from lightagent.domain.flow.refusals import Refused
    from lightagent.domain.flow.state import FlowState, fold

Carried: TypeAlias = Ask | AskHuman | Do

OVER: Final = frozenset(("success", "failed", "cancelled"))
MOST_AT_ONCE: Final = 100
"""Attempts of one run at the same time; what a worker does at once is set where it is started."""

_AGAIN: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    non_retryable_error_types=["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat", LEFT],
)
"""The server does not retry after a worker is lost: the flow machine decides whether the step may be repeated."""


class RunLoop:
    """Carries out one run.

    Attributes:
        texts: all that is on record.
        state: what it amounts to.
        unheard: what was said of attempts under way, which is put on record once they are left.
        is_drained: nothing more is begun, since the workflow is to continue as a new one.
    """

    def __init__(self, began_with: FlowInput) -> None:
        self._given = began_with
        self._machine = flow_machine()
        self.texts: list[str] = [*began_with.past]
        self.events: list[FlowEvent] = read_all(began_with.past)
        self.state: FlowState = fold(self.events)
        self.size: int = size_of(self.texts)
        self.is_drained: bool = False
        self._flow = self.state.definition.name
        self._moves: deque[Move] = deque(self.state.open_moves())
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._alarms: set[Key] = set()
        self._dropped: set[Key] = set()
        self._stops: list[Stop] = []
        self._news: set[Key] = set()
        self.unheard: dict[Key, list[FlowEvent]] = {}
        self._noted: Counter[tuple[str, int, int]] = Counter(
            (event.path, event.epoch, event.attempt) for event in self.events if isinstance(event, AttemptNoted)
        )
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._deadlines = Deadlines(lambda: self.state.nodes.values(), self._ask_others)

    @property
    def has_moves(self) -> bool:
        """Whether something is to be begun."""
        return bool(self._moves)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, and nothing of it is under way."""
        return self.state.status in OVER and not self._moves and not self._tasks

    @property
    def is_settled(self) -> bool:
        """Whether the run is over, or waits for external input."""
        return not self._moves and not self._tasks and not self._deadlines.is_asking

    @property
    def has_only_alarms(self) -> bool:
        """Whether no worker has anything of this run in hand."""
        return self._tasks.keys() <= self._alarms

    @property
    def has_only_leavers(self) -> bool:
        """Whether all that workers have in hand puts on record what it does, so that it can go on elsewhere."""
        return all(self._leaves(key) for key in self._tasks if key not in self._alarms)

    def may_leave(self, path: str) -> bool:
        """Whether a step's attempt may go on elsewhere; one that must not be repeated stays where it is."""
        node = self.state.nodes.get(path)
        return self._given.hands_over and node is not None and node.step.repeatable

    def carry_out(self) -> None:
        """Begin all that is to be done."""
        while self._moves:
            move = self._moves.popleft()
            if not self.is_drained and (not self.state.cancelled or isinstance(move, (Stop, Finish))):
                self._carry_out(move)
        for key in [key for key in self._tasks if key not in self._dropped and self._is_worthless(key)]:
            self._dropped.add(key)
            self._tasks[key].cancel()
        self._deadlines.keep()

    def refill(self) -> None:
        """Continue in this workflow with what was left for a new one; what is under way is not begun twice."""
        self.is_drained = False
        self._moves = deque(self.state.open_moves())

    def hear(self, event: FlowEvent) -> None:
        """Take what was said from outside, which may go on with an attempt that was left until then.

        Of an attempt under way, it is put on record once that is left: what its worker records would not follow it.
        """
        key = self._attempt_of(event)
        if key in self._tasks and key not in self._alarms:
            self.unheard.setdefault(key, []).append(event)
        elif refusal_of(self.state, event) is None and self.tell(event) and key is not None:
            self._news.add(key)
            self._take_up(key)

    def _attempt_of(self, event: FlowEvent) -> Key | None:
        """The attempt below which something was said."""
        node = self.state.nodes.get(event.path) if isinstance(event, AttemptNoted) else None
        move = None if node is None or node.status != "running" else move_of(node)
        if isinstance(move, Do) and isinstance(event, AttemptNoted) and move.attempt == event.attempt:
            return key_of(move)
        return None

    def takes_notes(self, events: Sequence[FlowEvent], position: int) -> bool:
        """Whether these are the next notes of an attempt that is under way, after so many of them."""
        for event in events:
            if not isinstance(event, AttemptNoted):
                return False
            node = self.state.nodes.get(event.path)
            attempt = (event.path, event.epoch, event.attempt)
            if node is None or node.status != "running" or attempt != (node.path, node.epoch, node.attempt):
                return False
            if self._noted[attempt] != position:
                return False
        return bool(events)

    def note(self, events: Sequence[FlowEvent]) -> None:
        """Put the notes of an attempt on record."""
        for event in events:
            self.tell(event)

    def tell(self, event: FlowEvent) -> bool:
        """Put an event on record; False where something else has made it worthless."""
        try:
            if isinstance(event, DefinitionChanged):
                self.state = fold([*self.events, event])
                opened = self.state.open_moves()
            else:
                opened = self.state.apply(event)
        except Refused as refusal:
            instead = mended(event, refusal)
            return instead is not None and self.tell(instead)
        if isinstance(event, AttemptNoted):
            self._noted[event.path, event.epoch, event.attempt] += 1
        self.events.append(event)
        self.texts.append(text := self._machine.write(event))
        self.size += size_of((text,))
        self._moves.extend(opened)
        return True

    def _carry_out(self, move: Move) -> None:
        match move:
            case Finish():
                if not self.state.active and self.state.status == "running":
                    self.tell(FlowFinished(self.state.ending(), at=_now()))
            case BeginWait(path, epoch):
                seconds = None if move.step.wait is None else move.step.wait.seconds
                due = move.until if move.until is not None else None if seconds is None else _now() + seconds
                self.tell(WaitBegan(path, epoch, due, at=_now()))
            case Stop():
                self._stop(move)
            case Wake():
                self._alarms.add(key_of(move))
                self._begin(key_of(move), self._wake(move))
            case Do():
                self._begin(key_of(move), self._do(move))
            case Ask() | AskHuman():
                self._begin(key_of(move), self._ask(move))

    def _begin(self, key: Key, work: Coroutine[object, object, None]) -> None:
        if key in self._tasks:
            work.close()  # Two events asked to continue it.
        else:
            self._tasks[key] = asyncio.create_task(self._until_done(key, work))

    async def _until_done(self, key: Key, work: Coroutine[object, object, None]) -> None:
        """Run `work`; the task removes itself at its end, so that the next look at the tasks sees it."""
        try:
            await work
        except asyncio.CancelledError:
            pass  # It was cancelled before a worker picked it up.
        finally:
            work.close()
            self._tasks.pop(key, None)
            self._alarms.discard(key)
            self._dropped.discard(key)
            for event in self.unheard.pop(key, ()):
                self.hear(event)
            self._take_up(key)
            for stop in [one for one in self._stops if key_of(one) == key]:
                self._stops.remove(stop)
                self._stopped(stop)

    def _leaves(self, key: Key) -> bool:
        path, epoch, _ = key
        number = attempt_in(key)
        return number is not None and self._noted[path, epoch, number] > 0 and self.may_leave(path)

    def _open_at(self, key: Key) -> Move | None:
        """Return the open move of this key as of now, or None if it became obsolete.

        If the flow was changed, its step may be another one than before.
        """
        node = self.state.nodes.get(key[0])
        move = None if node is None or node.epoch != key[1] or self.state.cancelled else move_of(node)
        return None if move is None or isinstance(move, (BeginWait, Finish)) or key_of(move) != key else move

    def _is_worthless(self, key: Key) -> bool:
        """Whether the run no longer waits for it, such as for a timer; a running attempt is cancelled separately."""
        return (key in self._alarms or attempt_in(key) is None) and self._open_at(key) is None

    def _take_up(self, key: Key) -> None:
        """Resume an attempt that waited for people, after one of them has decided."""
        move = self._open_at(key)
        if isinstance(move, Do) and key in self._news and key not in self._tasks:
            self._news.discard(key)
            self._moves.append(move)

    def _stop(self, move: Stop) -> None:
        task = self._tasks.get(key_of(move))
        if task is None:
            self._stopped(move)
        else:
            self._stops.append(move)
            task.cancel()

    def _stopped(self, move: Stop) -> None:
        """Say that an attempt was stopped, where that is owed and no result came in time."""
        node = self.state.nodes.get(move.path)
        if move.answered and node is not None and node.status == "running" and node.attempt == move.attempt:
            self.tell(AttemptStopped(move.path, move.epoch, move.attempt, at=_now()))

    async def _wake(self, move: Wake) -> None:
        await until(move.due)
        if self._open_at(key_of(move)) is not None:
            self.tell(WaitEnded(move.path, move.epoch, at=_now()))

    async def _ask_others(self, node: Node) -> None:
        """People's time to decide is over: code says who is asked next, or that the step has failed."""
        while not await self._is_answered(AskHuman(node.path, node.epoch, node.subject, node.step)):
            pass  # Its worker was lost, or the flow was changed.

    async def _ask(self, move: Ask | AskHuman) -> None:
        """Have code answer a question, or say who is asked; what has no effect may be done anew at any time."""
        while isinstance(now := self._open_at(key_of(move)), (Ask, AskHuman)):
            if await self._is_answered(now):
                return

    async def _is_answered(self, move: Ask | AskHuman) -> bool:
        """Put on record what code answers, if it does."""
        answers = await self._code(move)
        self._tell_all(answers or ())
        return answers is not None and not any(isinstance(one, DefinitionChanged) for one in answers)

    async def _do(self, first: Do) -> None:
        """Make an attempt: its intent is on record before any code of it runs."""
        key = key_of(first)
        self._alarms.add(key)
        await until(first.due)
        self._alarms.discard(key)
        async with self._room:
            begun = False
            while isinstance(move := self._open_at(key), Do):
                if not begun:
                    if (intended := await self._intend(move)) is None:
                        return
                    begun = intended
                    continue
                answers = await self._code(move)
                begun = False
                if answers is None and self.is_drained and self._given.hands_over:
                    return  # It goes on in the next workflow.
                if answers is not None:
                    self._tell_all(answers)
                    if not any(isinstance(one, DefinitionChanged) for one in answers):
                        return
                    begun = True

    async def _intend(self, move: Do) -> bool | None:
        """Put an attempt's intent on record; False: to be tried anew, None: nothing is to follow."""
        end = self._machine.lost_attempt(self.state, move, _now())
        if end is not None:
            self.tell(end)
            return None
        intent = self._machine.intent(self.state, move, _now())
        if intent is not None:
            return self.tell(intent) or None
        answers = await self._code(move)
        if answers is None:
            return False
        if not self._tell_all(answers):
            return None
        node = self.state.nodes.get(move.path)
        return node is not None and node.status == "running"

    async def _code(self, move: Carried) -> Sequence[FlowEvent] | None:
        """Return the answer of the flow's code on some worker, or None if that worker is lost."""
        limit = None if not isinstance(move, Do) else move.step.timeout
        order = Order(self._flow, move.path, len(self.texts), [*self.texts] if self.size <= INLINE_BYTES else None)
        try:
            answers: list[str] = await workflow.execute_activity(
                CARRY_OUT,
                order,
                result_type=list[str],
                # The flow's code keeps the step's own limit; this one is for a worker that hangs as a whole.
                start_to_close_timeout=timedelta(seconds=self._given.longest if limit is None else limit + 60),
                heartbeat_timeout=timedelta(seconds=self._given.heartbeat),
                retry_policy=_AGAIN,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=move.path,
            )
        except ActivityError as error:
            return self._failed(move, error.cause)
        return read_all(answers)

    def _failed(self, move: Carried, cause: BaseException | None) -> Sequence[FlowEvent] | None:
        """What follows where an activity gave nothing."""
        if isinstance(cause, CancelledError):
            return ()
        if isinstance(cause, ApplicationError) and cause.type != LEFT:
            return failures_of(move, cause.message, _now())
        if isinstance(cause, ApplicationError) and isinstance(move, Do):
            self.tell(AttemptStopped(move.path, move.epoch, move.attempt, at=_now()))
        return None

    def _tell_all(self, events: Sequence[FlowEvent]) -> int:
        """Put events on record; how many are."""
        taken = 0
        for event in events:
            if isinstance(event, AttemptFailed):
                self._begin_what_failed(event)
            taken += self.tell(event)
        return taken

    def _begin_what_failed(self, event: AttemptFailed) -> None:
        """An attempt whose query could not be made, or sent, has an intent on record as any other."""
        node = self.state.nodes.get(event.path)
        move = None if node is None or node.status != "ready" else move_of(node)
        if isinstance(move, Do) and (move.epoch, move.attempt) == (event.epoch, event.attempt):
            self.tell(AttemptStarted(move.path, move.epoch, move.attempt, self.state.key_of(move), at=_now()))


def _now() -> float:
    return workflow.now().timestamp()
