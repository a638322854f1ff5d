"""A flow that a test plays by hand: events by the path of their step, with the epoch and attempt that it has now."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    FlowEvent,
    FlowStarted,
    Question,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.flow.moves import Move
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.projection import step_record
from lightagent.domain.flow.record import StepRecord
from lightagent.domain.flow.retrying import Then
from lightagent.domain.flow.state import FlowState
from lightagent.domain.json_types import JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import Noted
from tests.support.random_flows.counts import check_counts

FAILURE = LightAgentErrorInfo("LA-TOOL", "It failed.")


class Play:
    def __init__(self, *steps: StepDefinition, limits: FlowLimits = DEFAULT_FLOW_LIMITS) -> None:
        self.log: list[FlowEvent] = [FlowStarted("run", FlowDefinition("flow", steps), "input", limits=limits)]
        self.state = FlowState(FlowStarted("run", FlowDefinition("flow", steps), "input", limits=limits))

    def tell(self, event: FlowEvent) -> list[Move]:
        moves = self.state.apply(event)
        self.log.append(event)
        check_counts(self.state)
        return moves

    def node(self, path: str) -> Node:
        return self.state.nodes[path]

    def step(self, path: str) -> StepRecord:
        return step_record(self.node(path))

    def start(self, *paths: str) -> list[Move]:
        moves: list[Move] = []
        for path in paths:
            node = self.node(path)
            key = effect_key(self.state.run_id, path, node.epoch, fallback=node.fallback)
            moves += self.tell(AttemptStarted(path, node.epoch, node.attempt, key))
        return moves

    def do(self, *paths: str, value: JsonValue = "done", proposes: tuple[StepDefinition, ...] = ()) -> list[Move]:
        """Attempts at these steps begin, where they have not, and succeed."""
        moves: list[Move] = []
        for path in paths:
            if self.node(path).status == "ready":
                self.start(path)
            node = self.node(path)
            moves += self.tell(AttemptFinished(path, node.epoch, node.attempt, StepOutput(value), proposes))
        return moves

    def fail(self, path: str, then: Then = "fail", due: float = 0.0) -> list[Move]:
        if self.node(path).status == "ready":
            self.start(path)
        node = self.node(path)
        return self.tell(AttemptFailed(path, node.epoch, node.attempt, FAILURE, then, due))

    def note(self, path: str, kind: str) -> None:
        node = self.node(path)
        self.tell(AttemptNoted(path, node.epoch, node.attempt, Noted(kind, {})))

    def answer(
        self, path: str, question: Question, answer: JsonValue, then: Then | None = None, reason: str = ""
    ) -> list[Move]:
        return self.tell(Answered(path, self.node(path).epoch, question, answer, reason=reason, then=then))

    def request(self, path: str, request_id: str = "") -> None:
        node = self.node(path)
        self.tell(StepApprovalRequested(path, node.epoch, request_id, node.subject))

    def decide(
        self, path: str, decision: ApprovalDecision, request_id: str = "", *, expired: bool = False
    ) -> list[Move]:
        if self.node(path).status == "gate":
            self.request(path)
        return self.tell(StepApprovalDecided(path, self.node(path).epoch, decision, request_id, expired))

    def begin_wait(self, path: str, due: float | None = None) -> list[Move]:
        return self.tell(WaitBegan(path, self.node(path).epoch, due))

    def end_wait(self, path: str) -> list[Move]:
        return self.tell(WaitEnded(path, self.node(path).epoch))
