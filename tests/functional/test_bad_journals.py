"""Resuming what cannot be resumed: garbled journals, ended runs, decisions about calls that do not wait."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    Journal,
    JsonObject,
    LightAgent,
    PolicyError,
    ToolError,
    tool,
)
from lightagent.domain.outcomes import Completed, Suspended
from tests.functional.agents import KEY
from tests.servers.aimock import Aimock
from tests.servers.json_values import as_list, as_object, parse
from tests.servers.leaks import LeakCheck

APPROVE = ApprovalDecision.approve()
FIXTURES: list[JsonObject] = [
    {
        "match": {"userMessage": "[pay]", "hasToolResult": False},
        "response": {
            "toolCalls": [
                {"id": "one", "name": "pay", "arguments": {"amount": 1}},
                {"id": "two", "name": "pay", "arguments": {"amount": 2}},
            ]
        },
    },
    {"match": {"userMessage": "[pay]", "hasToolResult": True}, "response": {"content": "Paid."}},
]


class Till:
    """An agent whose tool waits for a human, the journal of a run that waits, and what was paid."""

    def __init__(self, base_url: str) -> None:
        self.paid: list[int] = []

        @tool(requires_approval=True)
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.paid.append(amount)
            return f"paid {amount}"

        self.agent = LightAgent(model="m", base_url=base_url, api_key=KEY, tools=[pay])
        result = self.agent.run("[pay]", result_format="object")
        assert result.outcome == Suspended(("one", "two"))
        self.journal = result.journal

    def plain(self) -> JsonObject:
        return as_object(parse(self.journal.to_json()))


@pytest.fixture
def till(leaks: LeakCheck, aimock: Aimock) -> Iterator[Till]:
    aimock.add(*FIXTURES)
    till = Till(aimock.base_url)
    aimock.clear_journal()
    yield till
    till.agent.close()


def refused(
    till: Till, journal: object, decision: object, *texts: str, kind: type[Exception] = ConfigurationError
) -> None:
    resume: Callable[..., object] = till.agent.resume
    with pytest.raises(kind) as caught:
        resume(journal, decision)
    for text in texts:
        assert text in str(caught.value)
    assert till.paid == []


def edited(till: Till, place: int, **fields: object) -> str:
    """The journal with some fields of one event replaced."""
    document = json.loads(till.journal.to_json())
    document["events"][place].update(fields)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("journal", "texts"),
    [
        ("garbage", ["Journal: this is not JSON"]),
        (b"\xff\xfe", ["Journal: this is not JSON"]),
        ("[" * 100_000, ["Journal: this is not JSON"]),
        ("[]", ["Journal: a JSON object is expected"]),
        (None, ["Journal: a JSON object is expected", "RunResult.journal or Journal.to_json()"]),
        ({}, ["schema_version is None", "Read it with the version that wrote it"]),
        ({"schema_version": 99, "events": []}, ["schema_version is 99, this version of lightagent reads 4"]),
        ({"schema_version": 2}, ["events is missing or not a list"]),
        ({"schema_version": 2, "events": []}, ["A journal begins with run_started"]),
        (Journal(()), ["A journal begins with run_started"]),
    ],
)
def test_a_document_of_another_kind_is_refused(till: Till, aimock: Aimock, journal: object, texts: list[str]) -> None:
    refused(till, journal, APPROVE, *texts)
    assert aimock.journal() == []


def test_a_result_in_place_of_its_journal_is_refused(till: Till) -> None:
    refused(till, till.agent.replay(till.journal), APPROVE, "RunResult.journal")


def test_a_journal_that_was_edited_is_refused(till: Till, aimock: Aimock) -> None:
    refused(till, edited(till, 2, type="explosion"), APPROVE, "Journal: events[2]", "'explosion'")
    refused(till, edited(till, 0, messages=5), APPROVE, "Journal: events[0].run_started.messages")
    refused(till, edited(till, 3, call_id="three"), APPROVE, "no call 'three' can take this here")
    document = till.plain()
    events = as_list(document["events"])
    refused(till, {**document, "events": events[1:]}, APPROVE, "A journal begins with run_started")
    refused(till, {**document, "events": [*events, events[0]]}, APPROVE, "Nothing follows suspended")
    refused(till, {**document, "events": [events[0], events[3]]}, APPROVE, "no call 'one' can take this here")
    cut = till.journal.to_json()
    for length in range(0, len(cut) - 1, 97):
        refused(till, cut[:length], APPROVE, "Journal: this is not JSON")
    assert aimock.journal() == []


@pytest.mark.parametrize(
    ("decision", "kind", "texts"),
    [
        (None, ConfigurationError, ["The run waits for a decision about one, two"]),
        ({}, ConfigurationError, ["The run waits for a decision about one, two"]),
        (APPROVE, ConfigurationError, ["2 calls wait (one, two)", "Pass a dict of call id to decision"]),
        ({"three": APPROVE}, PolicyError, ["No call 'three' waits for a decision", "one, two"]),
        ({"one": APPROVE, "three": APPROVE}, PolicyError, ["No call 'three' waits"]),
        (
            "approve",
            ConfigurationError,
            ["decision: expected an ApprovalDecision, got str", "ApprovalDecision.approve"],
        ),
        (True, ConfigurationError, ["decision: expected an ApprovalDecision, got bool"]),
        ({"one": True}, ConfigurationError, ["decision of call 'one': expected an ApprovalDecision, got bool"]),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(
    till: Till, aimock: Aimock, decision: object, kind: type[Exception], texts: list[str]
) -> None:
    refused(till, till.journal, decision, *texts, kind=kind)
    assert aimock.journal() == []


def test_a_decision_holds_once(till: Till, aimock: Aimock) -> None:
    first = till.agent.resume(till.journal, {"one": APPROVE})
    assert first.outcome == Suspended(("two",))
    assert till.paid == [1]
    with pytest.raises(PolicyError, match=r"^\[LA-POLICY\] No call 'one' waits for a decision: .* decided before"):
        till.agent.resume(first.journal, {"one": APPROVE})
    with pytest.raises(PolicyError, match="No call 'one' waits"):
        till.agent.resume(first.journal, {"one": ApprovalDecision.reject("changed my mind"), "two": APPROVE})
    assert till.paid == [1]
    second = till.agent.resume(first.journal.to_json(), APPROVE)
    assert second.outcome == Completed("Paid.")
    assert till.paid == [1, 2]
    for decision in (None, APPROVE, {"two": APPROVE}):
        with pytest.raises(
            ConfigurationError, match=r"The run has ended \(completed\); only a suspended or interrupted"
        ):
            till.agent.resume(second.journal, decision)
    assert till.paid == [1, 2]
    assert [message["content"] for message in second.history() if message["role"] == "tool"] == ["paid 1", "paid 2"]
    assert len(aimock.journal()) == 1


def test_an_agent_without_the_tools_cannot_resume(till: Till, aimock: Aimock) -> None:
    other = LightAgent(model="m", base_url=aimock.base_url, api_key=KEY)
    with pytest.raises(ConfigurationError, match="The run was begun with tools that this agent lacks: pay") as caught:
        other.resume(till.journal, {"one": APPROVE, "two": APPROVE})
    assert "or pass tools=" in str(caught.value)
    other.close()
    assert (till.paid, aimock.journal()) == ([], [])


def test_an_edit_that_the_tool_refuses_pays_nothing(till: Till) -> None:
    wrong = ApprovalDecision.edit({"amount": "much"})
    with pytest.raises(ToolError, match="amount"):
        till.agent.resume(till.journal, {"one": wrong, "two": ApprovalDecision.reject("no")})
    assert till.paid == []


def test_replaying_garbage_is_refused(till: Till) -> None:
    with pytest.raises(ConfigurationError, match="Journal: this is not JSON"):
        till.agent.replay("garbage")
