"""Any event at any moment of a random flow: it is taken, and every counter is right, or refused, and nothing changes.

TEST_RANDOM_FLOWS sets how many flows are made up.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import get_args

import pytest

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    Forked,
    RerunRequested,
    Resumed,
    Signalled,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.retrying import Then
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.json_types import JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from tests.support.random_flows.counts import check_counts, snapshot
from tests.support.random_flows.definitions import NAMES, random_flow, random_steps

FLOWS = int(os.environ.get("TEST_RANDOM_FLOWS", "25"))
EVENTS = 200
THEN: tuple[Then, ...] = get_args(Then)
LIMITS = FlowLimits(max_added=4, max_items=1)
ERROR = LightAgentErrorInfo("LA-TOOL", "It failed.")
ANSWERS: tuple[JsonValue, ...] = (True, False, "accept", "reject", "unknown", [], ["i", "j"], 3.5, None, "?")
DECISIONS = (
    ApprovalDecision.approve(),
    ApprovalDecision.reject(),
    ApprovalDecision.respond("said"),
    ApprovalDecision.edit({"query": "other"}),
    ApprovalDecision.edit({"question": "other"}),
)


def any_event(rng: Random, state: FlowState) -> FlowEvent:
    """An event about some step, mostly one of the run, with numbers that mostly fit."""
    path = rng.choice([*state.nodes, rng.choice(NAMES), "nowhere"])
    node = state.nodes.get(path)
    epoch = 1 if node is None else node.epoch - (rng.random() < 0.1)
    attempt = 1 if node is None else node.attempt - (rng.random() < 0.1)
    then: Then = rng.choice(THEN)
    question = node.question if node is not None and node.question is not None and rng.random() < 0.9 else "when"
    proposes: tuple[StepDefinition, ...] = ()
    if node is not None and (node.step.growth is not None or rng.random() < 0.1) and rng.random() < 0.5:
        proposes = random_steps(rng, path, rng.randint(1, 3), depth=1)
    about_a_step: tuple[FlowEvent, ...] = (
        AttemptStarted(path, epoch, attempt, "key"),
        AttemptStarted(path, epoch, attempt, "key"),
        AttemptFinished(path, epoch, attempt, StepOutput("done"), proposes),
        AttemptFinished(path, epoch, attempt, StepOutput("done"), proposes),
        AttemptFailed(path, epoch, attempt, ERROR, then, rng.choice((0.0, 5.0))),
        AttemptStopped(path, epoch, attempt),
        Answered(path, epoch, question, rng.choice(ANSWERS), then=then),
        Answered(path, epoch, question, rng.choice(ANSWERS)),
        Answered(path, epoch, question, rng.choice(ANSWERS)),
        Answered(path, epoch, question, error=ERROR),
        StepApprovalRequested(path, epoch, "r", "run" if node is None else node.subject),
        StepApprovalDecided(path, epoch, rng.choice(DECISIONS)),
        WaitBegan(path, epoch, rng.choice((None, 9.0))),
        WaitEnded(path, epoch),
        RerunRequested(path),
    )
    about_the_run: tuple[FlowEvent, ...] = (
        Signalled(f"{path}/", 1, rng.choice(("", "k1", "k2"))),
        FlowFinished(state.ending()),
        FlowFinished(rng.choice(("success", "failed", "cancelled", "waiting"))),
        CancelRequested(),
        Resumed(),
        Resumed(),
        Forked(f"{state.run_id}f", state.run_id, 1),
        FlowStarted("again", FlowDefinition("again", (StepDefinition("a"),))),
    )
    return rng.choice(about_a_step if rng.random() < 0.85 else about_the_run)


@pytest.mark.timeout(max(60, FLOWS // 2))
def test_any_event_is_taken_as_a_whole_or_not_at_all() -> None:
    taken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for seed in range(FLOWS):
        rng = Random(seed)
        log: list[FlowEvent] = [FlowStarted("run", random_flow(rng), "input", limits=LIMITS)]
        state = fold(log)
        for _ in range(EVENTS):
            event = any_event(rng, state)
            before = snapshot(state)
            try:
                moves = state.apply(event)
            except Refused as refusal:
                refused[refusal.kind] += 1
                assert snapshot(state) == before, event
            else:
                taken[event.type] += 1
                log.append(event)
                assert all(state.is_open(move) for move in moves if getattr(move, "answered", True))
                check_counts(state)
        assert snapshot(fold(log)) == snapshot(state)
        assert flow_record(fold(log)) == flow_record(state)
    assert {"form", "unknown", "stale", "status", "limit"} <= set(refused)
    assert len(taken) >= 15
