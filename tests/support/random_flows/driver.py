"""Whoever carries out a random flow: takes its open moves in any order, several at once, and tells what came of them.

After every event all counters are counted anew, and the moves that it was given are compared with those that the state
tells to be open.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TypeAlias

import pytest

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.context import context_of
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
    Signalled,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.flow.growth import growth_fault
from lightagent.domain.flow.moves import Ask, AskHuman, BeginWait, Do, Finish, Move, Stop, Wake
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.retrying import Decided, after_failure
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.runs.events import Noted
from tests.support.random_flows.counts import check_counts, snapshot
from tests.support.random_flows.world import World

Key: TypeAlias = tuple[str, str, int, object]


class Stuck(AssertionError):
    """Nothing is to be done, and the run is not over."""


def key_of(move: Move) -> Key:
    match move:
        case Do():
            return ("do", move.path, move.epoch, move.attempt)
        case Ask():
            return ("ask", move.path, move.epoch, move.question)
        case AskHuman():
            return ("human", move.path, move.epoch, move.about)
        case Stop():
            return ("stop", move.path, move.epoch, move.attempt)
        case BeginWait() | Wake():
            return (type(move).__name__, move.path, move.epoch, "")
        case Finish():
            return ("finish", "", 0, move.status)


class Driver:
    """Carries out one run.

    Args:
        log: what has happened so far; it is folded, as after a crash.
        most: attempts at once.
        strict: everything is checked after every event.
    """

    def __init__(self, world: World, log: list[FlowEvent], rng: Random, *, most: int = 8, strict: bool = True) -> None:
        self.world = world
        self.log = log
        self.rng = rng
        self.most = most
        self.strict = strict
        self.now = max((event.at for event in log), default=0.0)
        self.late: list[FlowEvent] = []
        self.refused = 0
        self.crash()

    def crash(self) -> None:
        """What was under way is lost; all goes on from the events."""
        self.state: FlowState = fold(self.log)
        self.carried: dict[Key, Move] = {}
        self.begun: set[Key] = set()
        self.take(self.state.open_moves())
        if self.strict:
            self.check()

    @classmethod
    def start(cls, world: World, started: FlowStarted, rng: Random, *, most: int = 8, strict: bool = True) -> Driver:
        return cls(world, [started], rng, most=most, strict=strict)

    def take(self, moves: list[Move]) -> None:
        for move in moves:
            key = key_of(move)
            if isinstance(move, Stop) and not move.answered:
                self.keep_for_later(move.path, move.epoch, move.attempt)
            else:
                self.carried[key] = move
        if self.state.cancelled:
            self.carried = {key: move for key, move in self.carried.items() if isinstance(move, Stop | Finish)}
            self.begun.clear()

    def keep_for_later(self, path: str, epoch: int, attempt: int) -> None:
        """A result that comes too late."""
        self.late.append(AttemptFinished(path, epoch, attempt, StepOutput("too late"), at=self.now))

    def tell(self, event: FlowEvent) -> None:
        """The event happens."""
        self.now += 0.125
        event = replace(event, at=self.now)
        moves = self.state.apply(event)
        self.log.append(event)
        self.take(moves)
        self.carried = {key: move for key, move in self.carried.items() if self.state.is_open(move)}
        if self.strict:
            self.check()

    def check(self) -> None:
        check_counts(self.state)
        assert set(self.carried) == {key_of(move) for move in self.state.open_moves()}

    def run(self) -> None:
        """Until it ends, with every decision and event that it waits for."""
        while self.state.status in ("running", "waiting"):
            self.one()

    def one(self) -> None:
        """One thing happens, whichever it is."""
        if self.late and self.rng.random() < 0.3:
            self.try_late()
        moves = [move for move in self.carried.values() if self.may_be_done(move)]
        people = [node for node in self.state.nodes.values() if node.status in ("waiting_approval", "signal")]
        if self.state.cancelled:
            people = []
        if not moves and not people:
            self.wait()
        elif people and (not moves or self.rng.random() < 0.2):
            self.outside(self.rng.choice(people))
        else:
            self.carry_out(self.rng.choice(moves))

    def may_be_done(self, move: Move) -> bool:
        match move:
            case Do() if key_of(move) not in self.begun:
                return move.due <= self.now and len(self.begun) < self.most
            case Wake():
                return move.due <= self.now
            case _:
                return True

    def wait(self) -> None:
        moments = [move.due for move in self.carried.values() if isinstance(move, Do | Wake) and move.due > self.now]
        if not moments:
            raise Stuck(f"{self.state.status}, {self.state.active} active, carried: {list(self.carried)}")
        self.now = min(moments)

    def try_late(self) -> None:
        event = self.late.pop(self.rng.randrange(len(self.late)))
        before = snapshot(self.state)
        with pytest.raises(Refused):
            self.state.apply(event)
        assert snapshot(self.state) == before
        self.refused += 1

    def outside(self, node: Node) -> None:
        if node.status == "signal":
            self.tell(Signalled("" if node.step.wait is None else node.step.wait.event, self.awaited(node)))
        elif self.rng.random() < 0.1:  # somebody else is asked
            self.tell(StepApprovalRequested(node.path, node.epoch, "another", node.subject))
        else:
            decision = self.world.decision(node.path, node.subject)
            self.tell(StepApprovalDecided(node.path, node.epoch, decision, node.request_id))

    def awaited(self, node: Node) -> str:
        return "" if node.step.wait is None else node.step.wait.event

    def carry_out(self, move: Move) -> None:
        key = key_of(move)
        if isinstance(move, Do):
            self.attempt(key, move)
            return
        del self.carried[key]
        match move:
            case Ask():
                self.tell(self.answer(move))
            case AskHuman():
                self.tell(StepApprovalRequested(move.path, move.epoch, f"{move.path} {move.epoch}", move.about))
            case BeginWait():
                seconds = None if move.step.wait is None else move.step.wait.seconds
                self.tell(WaitBegan(move.path, move.epoch, move.until if seconds is None else self.now + seconds))
            case Wake():
                self.tell(WaitEnded(move.path, move.epoch))
            case Stop():
                self.stop(move)
            case Finish():
                self.tell(FlowFinished(move.status))

    def stop(self, move: Stop) -> None:
        """Stopped, unless its end came just in time."""
        node = self.state.nodes[move.path]
        if self.rng.random() < 0.3:
            self.end(node, move.attempt)
        else:
            self.tell(AttemptStopped(move.path, move.epoch, move.attempt))

    def attempt(self, key: Key, move: Do) -> None:
        if key not in self.begun:
            self.begun.add(key)
            name = effect_key(self.state.run_id, move.path, move.epoch, fallback=move.fallback)
            self.tell(AttemptStarted(move.path, move.epoch, move.attempt, name))
        elif self.rng.random() < 0.1:
            self.tell(AttemptNoted(move.path, move.epoch, move.attempt, Noted("told", {})))
        else:
            self.begun.discard(key)
            del self.carried[key]
            self.end(self.state.nodes[move.path], move.attempt)

    def end(self, node: Node, attempt: int) -> None:
        """How an attempt ends."""
        path, step, world = node.path, node.step, self.world
        if world.fails(path, step, attempt, fallback=node.fallback):
            error = world.error(path)
            then, due = self.follows(node, error)
            self.tell(AttemptFailed(path, node.epoch, attempt, error, then, due))
            if self.rng.random() < 0.5:
                self.keep_for_later(path, node.epoch, attempt)
            return
        proposes = world.proposals(path) if step.growth is not None else ()
        seen = context_of(self.state, path)
        previous = {f"<{name}": step.content for name, step in seen.previous.items() if step.status == "success"}
        output = world.output(path, {**seen.outputs, **previous}, node.query)
        self.tell(AttemptFinished(path, node.epoch, attempt, StepOutput(output), proposes))

    def follows(self, node: Node, error: LightAgentErrorInfo) -> Decided:
        """What the step's policy says of a failure."""
        return after_failure(
            node.step.retry,
            error,
            tried=node.attempt - node.base,
            fallback_left=node.step.fallback and not node.fallback,
            now=self.now,
        )

    def answer(self, move: Ask) -> Answered:
        """What code says."""
        world, path = self.world, move.path
        node = self.state.nodes[path]
        question: str = move.question
        if question == "again":
            question = f"again {len(node.scopes)}"
        fault = growth_fault(self.state, node) if question == "grow" else None
        if fault is not None or world.question_fails(path, question):
            return Answered(path, move.epoch, move.question, error=LightAgentErrorInfo("LA-UNKNOWN", "It cannot tell."))
        return self.verify(move, node) if move.question == "verify" else self.plain_answer(move, node)

    def plain_answer(self, move: Ask, node: Node) -> Answered:
        world, path = self.world, move.path
        match move.question:
            case "when":
                return Answered(path, move.epoch, "when", world.when(path))
            case "items":
                return Answered(path, move.epoch, "items", world.items(path))
            case "until":
                return Answered(path, move.epoch, "until", self.now + 3.0)
            case "again":
                again = world.again(path, len(node.scopes))
                spent = again and len(node.scopes) >= self.state.most_rounds(node)
                return Answered(path, move.epoch, "again", again, then="fail" if spent else None)
            case _:
                return Answered(path, move.epoch, "grow", world.grows(path))

    def verify(self, move: Ask, node: Node) -> Answered:
        verdict = self.world.verdict(move.path, move.step, node.attempt, fallback=node.fallback)
        answer = Answered(move.path, move.epoch, "verify", verdict, reason="so")
        if verdict == "reject":
            then, due = self.follows(node, LightAgentErrorInfo("LA-OUTPUT", "It was rejected."))
            return replace(answer, then=then, due=due)
        doubt = move.step.doubt
        return replace(answer, then=doubt) if verdict == "unknown" and doubt != "accept" else answer
