"""The events of flows as JSON: what is written is read as the same, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lightagent import ApprovalDecision, ConfigurationError, LightAgentErrorInfo
from lightagent.application.flow.flow_codec import (
    MOST_NESTED,
    flow_event_from_dict,
    flow_event_to_dict,
    read_flow_event,
)
from lightagent.application.flow.flow_drafts import flow_drafts
from lightagent.domain.flow.definition import (
    CodeDigest,
    FlowDefinition,
    Growth,
    StepDefinition,
    WaitFor,
)
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    DefinitionChanged,
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
from lightagent.domain.flow.outputs import Artifact, StepOutput
from lightagent.domain.flow.retrying import Backoff, RetryPolicy, RetryRule
from lightagent.domain.journals.streams import Entry
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.phases import Decision
from lightagent.domain.runs.events import Noted
from lightagent.domain.scopes import Scope

STEP = StepDefinition(
    "m",
    "map",
    ("a",),
    body=(StepDefinition("x", retry=RetryPolicy(3, (RetryRule(("LA-429",), 2, Backoff(1.0, jitter=0.5)),))),),
    condition=True,
    approvers=("ann",),
    timeout=2.5,
    growth=Growth("person", 3),
    wait=WaitFor(3.0, "paid"),
    rounds=0,
    query="",
    output_schema={"type": "object"},
    metadata={"x": [1, None]},
    code=(CodeDigest("agent", "abc"),),
)
DEFINITION = FlowDefinition("f", (StepDefinition("a"), STEP))
STARTED = FlowStarted("r", DEFINITION, {"x": 1.5}, Scope("acme", "ann"), FlowLimits(max_items=3), "t", "p", "g", at=1.0)
ERROR = LightAgentErrorInfo("LA-500", "no", "", {"a": [1]}, True)
EVENTS: list[FlowEvent] = [
    STARTED,
    FlowStarted("r", DEFINITION, False),
    Answered("a", 1, "when", False, at=2.0),
    Answered("a", 1, "items", [1, "two", {"three": None}]),
    Answered("a", 1, "verify", "reject", ERROR, "not good", "retry", 3.5),
    AttemptStarted("a", 1, 1, "r/a@1", "what?", (Decision("tool_call", "me", "rewrite", "so"),), at=0.5),
    AttemptFinished("a", 1, 2, StepOutput({"x": [0, True, 0.0]}, (Artifact("f", "file:f", "sha256:0", 3),)), (STEP,)),
    AttemptFinished("a", 1, 1, StepOutput(0)),
    AttemptFinished("a", 1, 1, StepOutput(), at=3.0),
    AttemptFinished("a", 1, 1, StepOutput("\u00e9\n\ud800"), at=1763000000.25),
    AttemptStarted("a", 1, 1, "r/a@1"),
    AttemptStarted('\u00e9"', 1, 1, "r/a@1", "what?\u2028", at=1763000000.25),
    AttemptFailed("a", 1, 1, ERROR, "fallback", 9.25),
    AttemptStopped("a", 2, 1),
    StepApprovalRequested("a", 1, "q", "growth", "what?", ("ann",), 9.0),
    StepApprovalDecided("a", 1, ApprovalDecision.edit({"query": "that"}, "so", actor="ann"), "q", True),
    WaitBegan("a", 1, 3.5),
    WaitEnded("a", 1),
    Signalled("paid", {"n": 1}, "k", "ann"),
    CancelRequested("ann", "enough"),
    Resumed("ann"),
    RerunRequested("m[3]/x", "ann", below=("b", "c[0]/d")),
    Forked("r2", "r", 3, "other"),
    DefinitionChanged(DEFINITION, ("a",), "ann"),
    FlowFinished("waiting"),
    AttemptNoted("a", 1, 1, Noted("hello", {"x": 1}, 2.0), at=3.0),
    AttemptNoted("a", 1, 1, AttemptNoted("b", 1, 1, STARTED)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_what_is_written_is_read_as_the_same(event: FlowEvent) -> None:
    (draft,) = flow_drafts([event])
    read = read_flow_event(Entry(1, draft.content, draft.schema))
    assert read == event
    assert (read.at, type(read)) == (event.at, type(event))
    assert flow_drafts([read]) == [draft]
    assert draft.content == json.dumps(flow_event_to_dict(event), separators=(",", ":")), "written in another way"


def test_every_kind_of_event_is_tried() -> None:
    assert {type(event) for event in EVENTS} == set(FlowEvent.__args__)


def test_what_goes_without_saying_is_not_written() -> None:
    assert flow_event_to_dict(AttemptStopped("a", 1, 1)) == {
        "type": "attempt_stopped",
        "path": "a",
        "epoch": 1,
        "attempt": 1,
    }
    told = flow_event_to_dict(FlowStarted("r", FlowDefinition("f", (StepDefinition("a"),))))
    assert told == {"type": "flow_started", "run_id": "r", "definition": {"name": "f", "steps": [{"name": "a"}]}}


def _set(name: str, value: JsonValue) -> Callable[[JsonObject], None]:
    return lambda entry: entry.update({name: value})


@pytest.mark.parametrize(
    ("event", "change"),
    [
        (AttemptStopped("a", 1, 1), _set("epoch", "1")),
        (AttemptStopped("a", 1, 1), _set("epoch", True)),
        (AttemptStopped("a", 1, 1), _set("more", 1)),
        (AttemptStopped("a", 1, 1), _set("type", "attempt_paused")),
        (AttemptStopped("a", 1, 1), lambda entry: entry.pop("path") and None),
        (EVENTS[8], _set("then", "perhaps")),
        (EVENTS[11], _set("decision", {"action": "edit"})),
        (EVENTS[21], _set("event", {"type": "nothing"})),
        (EVENTS[21], _set("epoch", 0)),
        (EVENTS[21], _set("more", 1)),
        (EVENTS[22], _set("at", "now")),
    ],
)
def test_what_was_not_written_is_not_read(event: FlowEvent, change: Callable[[JsonObject], None]) -> None:
    entry = flow_event_to_dict(event)
    change(entry)
    with pytest.raises(ConfigurationError):
        flow_event_from_dict(entry)


def test_an_entry_that_is_none_is_refused() -> None:
    for content in ("", "[]", "3", "{", '{"type": "flow_finished", "status": "success", "status": "failed"}'):
        with pytest.raises(ConfigurationError):
            read_flow_event(Entry(1, content))
    later = Entry(1, json.dumps(flow_event_to_dict(FlowFinished("success"))), 2)
    with pytest.raises(ConfigurationError, match="a later release"):
        read_flow_event(later)


def test_flows_within_flows_are_read_to_a_bounded_depth() -> None:
    event: FlowEvent = FlowFinished("success")
    for _ in range(MOST_NESTED):
        event = AttemptNoted("a", 1, 1, event)
    assert flow_event_from_dict(flow_event_to_dict(event)) == event
    with pytest.raises(ConfigurationError, match="flows within flows"):
        flow_event_from_dict(flow_event_to_dict(AttemptNoted("a", 1, 1, event)))
