"""An engine as one of many machines is: it keeps texts, folds them for each move, and has code carry the moves out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence

from lightagent.application.flow.flow_codec import flow_event_from_dict, flow_event_text
from lightagent.application.flow.signal_flow import signalled
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import (
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    RerunRequested,
    Resumed,
    Signalled,
    WaitBegan,
)
from lightagent.domain.flow.moves import BeginWait, Do, Finish, Move, Stop
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowCode, FlowEngine, FlowRun

OVER = ("success", "failed", "cancelled")


class FoldingEngine(FlowEngine):
    """Keeps runs in memory. Nothing but events as texts, paths and epochs passes between it and a flow's code."""

    def __init__(self) -> None:
        self._kept: dict[FlowRun, list[str]] = {}
        self._going_on: dict[FlowRun, asyncio.Task[Sequence[FlowEvent]]] = {}

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        run = FlowRun(started.scope, started.run_id)
        self._keep(run, [started])
        return await self._go_on(flow, run)

    async def start(self, flow: FlowCode, started: FlowStarted) -> None:
        run = FlowRun(started.scope, started.run_id)
        self._keep(run, [started])
        self._going_on[run] = asyncio.create_task(self._go_on(flow, run))

    async def wait(self, flow: FlowCode, run: FlowRun) -> Sequence[FlowEvent]:
        if run in self._going_on:
            await self._going_on.pop(run)
        return await self._go_on(flow, run) if run in self._kept else ()

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        state = fold(past)
        run = FlowRun(state.started.scope, state.run_id)
        self._keep(run, past)
        return await self._go_on(flow, run)

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        await self._change(flow, run, accept)
        if self._state(run).status in ("failed", "cancelled"):
            self._tell(run, Resumed())
        for node in self._state(run).nodes.values():
            if node.status == "waiting_approval" and node.expires is not None and node.expires <= time.time():
                for event in await flow.carry_out(node.path, await self.events(run)):
                    self._tell(run, event)
        return await self._go_on(flow, run)

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        asked = RerunRequested(step)
        changed = flow.changed([*await self.events(run), asked], accept, 0.0)
        self._tell(run, asked)
        if changed is not None:
            self._kept[run].append(flow_event_text(changed))
        return await self._go_on(flow, run)

    async def _change(self, flow: FlowCode, run: FlowRun, accept: Sequence[str]) -> None:
        self._state(run)
        changed = flow.changed(await self.events(run), accept, 0.0)
        if changed is not None:  # It is folded over the whole past, and not told as one more event.
            self._kept[run].append(flow_event_text(changed))

    async def decide(self, flow: FlowCode, run: FlowRun, step: str, decision: ApprovalDecision) -> None:
        self._state(run)
        self._tell(run, flow.decided(await self.events(run), step, decision, time.time()))

    async def signal(self, run: FlowRun, signal: Signalled) -> bool:
        state = self._state(run)
        if signal.key in state.signal_keys:
            return False
        self._tell(run, signalled(state, signal))
        return True

    async def cancel(self, run: FlowRun, reason: str) -> None:
        for move in self._tell(run, CancelRequested(reason=reason)):
            if isinstance(move, Stop):
                self._tell(run, AttemptStopped(move.path, move.epoch, move.attempt))
        self._tell(run, FlowFinished("cancelled"))

    async def events(self, run: FlowRun) -> Sequence[FlowEvent]:
        return [flow_event_from_dict(json.loads(text)) for text in self._kept.get(run, ())]

    async def runs(self, owner: Scope) -> AsyncIterator[str]:
        for run in reversed(self._kept):
            if run.owner == owner:
                yield run.run_id

    async def aclose(self) -> None:
        """Nothing is open."""

    def _keep(self, run: FlowRun, past: Sequence[FlowEvent]) -> None:
        if run in self._kept and self._state(run).status not in OVER:
            raise ConfigurationError("There is such a run, and it is not over.", guidance="")
        self._kept[run] = [flow_event_text(event) for event in past]

    def _state(self, run: FlowRun) -> FlowState:
        if run not in self._kept:
            raise ConfigurationError("There is no such run.", guidance="")
        return fold(flow_event_from_dict(json.loads(text)) for text in self._kept[run])

    def _tell(self, run: FlowRun, event: FlowEvent) -> list[Move]:
        moves = self._state(run).apply(event)
        self._kept[run].append(flow_event_text(event))
        return moves

    async def _go_on(self, flow: FlowCode, run: FlowRun) -> Sequence[FlowEvent]:
        while (state := self._state(run)).status == "running":
            moves = state.open_moves()
            if moves and isinstance(moves[0], Finish):
                self._tell(run, FlowFinished(moves[0].status))
            else:
                await asyncio.gather(*(self._carry_out(flow, run, move) for move in moves))
        return await self.events(run)

    async def _carry_out(self, flow: FlowCode, run: FlowRun, move: Move) -> None:
        if isinstance(move, BeginWait):
            self._tell(run, WaitBegan(move.path, move.epoch))
            return
        assert not isinstance(move, (Finish, Stop))

        async def record(notes: Sequence[FlowEvent]) -> None:
            for note in notes:
                self._tell(run, note)

        while True:
            answers = await flow.carry_out(move.path, await self.events(run), record)
            for answer in answers:
                self._tell(run, answer)
            if not (isinstance(move, Do) and len(answers) == 1 and isinstance(answers[0], AttemptStarted)):
                return
