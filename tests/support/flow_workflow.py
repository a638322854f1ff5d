"""A sketch of flows on Temporal: one workflow for all of them, which folds the flow's machine over data.

Each move that needs code is an activity, a decision is an update that the fold validates, and time is the workflow's.
A module of its own, since Temporal imports a workflow's module once more, in a sandbox; so is lightagent itself.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from lightagent import LightFlow
from lightagent.adapters.system import SystemClock
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_codec import flow_event_from_dict, flow_event_text
from lightagent.domain.flow.events import AttemptStarted, FlowEvent, FlowFinished, FlowStarted, WaitBegan, WaitEnded
from lightagent.domain.flow.moves import Ask, AskHuman, BeginWait, Do, Finish, Move, Wake
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import FlowState, fold

OVER = ("success", "failed", "cancelled")
ONCE = RetryPolicy(maximum_attempts=1)  # Retries are the machine's.
declared: dict[str, LightFlow] = {}  # The flows of this worker, by name.


def read(text: str) -> FlowEvent:
    """An event that travelled as JSON text: Temporal's converter knows no recursive type."""
    return flow_event_from_dict(json.loads(text))


@activity.defn
async def carry_out(path: str, past: list[str]) -> list[str]:
    """What a worker does: it has the code of the flow, and nothing of the run but its events."""
    events = [read(event) for event in past]
    assert isinstance(events[0], FlowStarted)
    flow = declared[events[0].definition.name]
    code = FlowSteps(flow.name, flow.steps, SystemClock())
    return [flow_event_text(event) for event in await code.carry_out(path, events)]


@workflow.defn
class FlowWorkflow:
    """One run of any flow."""

    @workflow.init
    def __init__(self, started: str) -> None:
        first = read(started)
        assert isinstance(first, FlowStarted)
        self.events: list[FlowEvent] = [first]
        self.state = FlowState(first)
        self.moves: deque[Move] = deque(self.state.open_moves())
        self.tasks: set[asyncio.Task[None]] = set()

    @workflow.run
    async def run(self, started: str) -> list[str]:
        """The events of the run, once it is over."""
        while self.state.status not in OVER:
            while self.moves:
                self.begin(self.moves.popleft())
            await workflow.wait_condition(lambda: bool(self.moves) or self.state.status in OVER)
        return self.told()

    @workflow.query
    def told(self) -> list[str]:
        """The events so far."""
        return [flow_event_text(event) for event in self.events]

    @workflow.update
    async def say(self, event: str) -> None:
        """Something is said from outside: a decision, a cancellation."""
        self.tell(read(event))

    @say.validator
    def may_be_said(self, event: str) -> None:
        """Refuses what cannot happen now, so that it never gets into the history."""
        fold([*self.events, read(event)])

    def tell(self, event: FlowEvent) -> None:
        """Put an event on record, unless something else has made it worthless."""
        try:
            self.moves.extend(self.state.apply(event))
        except Refused:
            return
        self.events.append(event)

    def begin(self, move: Move) -> None:
        """Carry out a move."""
        now = workflow.now().timestamp()
        match move:
            case Finish(status):
                if self.state.is_open(move):
                    self.tell(FlowFinished(status, at=now))
            case BeginWait(path, epoch):
                seconds = None if move.step.wait is None else move.step.wait.seconds
                self.tell(WaitBegan(path, epoch, move.until or (now + (seconds or 0.0)), at=now))
            case Ask() | AskHuman() | Do() | Wake():
                task = asyncio.create_task(self.carry_out(move))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            case _:
                raise NotImplementedError(move)  # What was cancelled is stopped: the adapter's.

    async def carry_out(self, move: Ask | AskHuman | Do | Wake) -> None:
        """Have code answer, for an attempt twice: its intent is on record before it is made."""
        due = 0.0 if isinstance(move, (Ask, AskHuman)) else move.due
        await asyncio.sleep(max(due - workflow.now().timestamp(), 0.0))
        if isinstance(move, Wake):
            self.tell(WaitEnded(move.path, move.epoch, at=workflow.now().timestamp()))
            return
        while self.state.is_open(move):
            answers: list[str] = await workflow.execute_activity(
                carry_out, args=[move.path, self.told()], start_to_close_timeout=timedelta(hours=1), retry_policy=ONCE
            )
            events = [read(answer) for answer in answers]
            for event in events:
                self.tell(event)
            if not (len(events) == 1 and isinstance(events[0], AttemptStarted)):
                return
