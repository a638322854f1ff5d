"""A policy that joins a run at its resumption reviews the calls that a human approved without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent import ApprovalDecision, ChatRequest, Gate, Journal, LightAgent, Passed, Suspended, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.phases import (
    Asked,
    CallPayload,
    OutputPayload,
    PayloadT,
    Phase,
    Stopped,
    Subject,
    Verdict,
)
from lightagent.domain.runs.events import ToolStarted
from lightagent.ports.policy import HeldStream
from tests.support.nested_runs import DECISIONS, Done, ask, build_team, pay, plan

APPROVE = ApprovalDecision.approve()
STOP = Stopped(Blocked(LightAgentErrorInfo("LA-POLICY", "No payments.")))


class Late(Gate):
    """Decides about tool calls in one way, and counts how often."""

    policies = ("late",)
    phases: frozenset[Phase] = frozenset({"tool_call"})
    timeout = None

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        self.asked.append("/".join((*subject.origin.path, subject.call_id)))
        match self.answer:
            case "block":
                return STOP
            case "ask":
                return Asked(payload, "Pay?")
            case "change" if isinstance(payload, CallPayload) and payload.arguments != {"amount": 9}:
                return Passed(replace(payload, arguments={"amount": 9}))
            case _:
                return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


def till(gate: Gate | None, paid: list[int]) -> LightAgent[None, str]:
    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        return f"paid {amount}"

    def reply(request: ChatRequest) -> str | ToolCall:
        paid = isinstance(request.messages[-1], ToolMessage)
        return "done" if paid else call_tool("pay", amount=1)

    return LightAgent(model=ScriptedModel(reply), tools=[pay], gate=gate)


async def waiting(gate: Gate | None = None) -> Journal:
    return (await till(gate, []).arun("?", result_format="object")).journal


@pytest.mark.parametrize("begun_with", [False, True])
async def test_an_approved_call_is_reviewed_by_a_policy_that_never_saw_it_and_by_no_other(begun_with: bool) -> None:
    paid: list[int] = []
    gate = Late("block")
    journal = await waiting(Late("pass") if begun_with else None)
    result = await till(gate, paid).aresume(journal, APPROVE)
    if begun_with:
        assert (gate.asked, paid) == ([], [1])
    else:
        assert (result.outcome.kind, len(gate.asked), paid) == ("blocked", 1, [])


async def test_a_policy_that_joins_asks_once_and_then_the_approval_holds() -> None:
    paid: list[int] = []
    gate = Late("ask")
    first = await till(gate, paid).aresume(await waiting(), APPROVE)
    assert isinstance(first.outcome, Suspended)
    assert paid == []
    await till(gate, paid).aresume(Journal.from_json(first.journal.to_json()), APPROVE)
    assert (len(gate.asked), paid) == (1, [1])


async def test_what_a_policy_that_joins_makes_of_an_edited_call_holds_after_the_next_approval() -> None:
    paid: list[int] = []
    gate = Late("ask")
    first = await till(gate, paid).aresume(await waiting(), ApprovalDecision.edit({"amount": 2}))
    assert isinstance(first.outcome, Suspended)
    await till(gate, paid).aresume(first.journal, APPROVE)
    assert (len(gate.asked), paid) == (1, [2])


@pytest.mark.parametrize("decision", [APPROVE, ApprovalDecision.edit({"amount": 2})], ids=["approved", "edited"])
async def test_what_a_policy_makes_of_an_approved_call_is_asked_about_before_it_runs(
    decision: ApprovalDecision,
) -> None:
    paid: list[int] = []
    late = Late("change")
    first = await till(late, paid).aresume(await waiting(), decision)
    assert isinstance(first.outcome, Suspended)
    assert paid == []
    (call,) = first.journal.run.calls.values()
    assert call.arguments == {"amount": 9}
    again = await till(late, paid).aresume(first.journal, APPROVE)
    assert (again.outcome.kind, paid) == ("completed", [9])


async def test_a_policy_that_joins_the_outer_run_reviews_the_calls_of_nested_ones() -> None:
    done, gate = Done(), Late("block")
    journal = (
        await build_team(done).arun(plan([ask("h1", "desk", [pay("c1")])]), deps=done, result_format="object")
    ).journal
    await build_team(done, gate=gate).aresume(journal, DECISIONS["approve"], deps=done)
    assert (gate.asked, done.ran) == (["h1/c1"], [])


class Censor(Gate):
    """Stops every run at the boundary `output`."""

    policies = ("censor",)
    phases: frozenset[Phase] = frozenset({"output"})
    timeout = None

    def __init__(self) -> None:
        self.asked: list[tuple[object, tuple[str, ...]]] = []

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        self.asked.append((payload, subject.origin.path))
        return STOP

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


async def test_a_policy_that_joins_reviews_the_answer() -> None:
    gate = Censor()
    result = await till(gate, []).aresume(await waiting(), APPROVE)
    assert (gate.asked, result.outcome.kind) == ([(OutputPayload("done"), ())], "blocked")


async def test_a_policy_that_joins_the_outer_run_reviews_the_answer_of_a_nested_one() -> None:
    done, gate = Done(), Censor()
    team = build_team(done)
    journal = (await team.arun(plan([ask("h1", "desk", [pay("c1")])]), deps=done, result_format="object")).journal
    result = await build_team(done, gate=gate).aresume(journal, DECISIONS["approve"], deps=done)
    assert ([path for _, path in gate.asked], result.outcome.kind) == ([("h1",), ()], "blocked")


async def interrupted(looked: list[int]) -> Journal:
    """A run that a crash stopped while its call, which may be repeated, was running."""
    events = []
    async for event in looker(None, looked).aevents("?"):
        events.append(event)
        if isinstance(event, ToolStarted):
            break
    looked.clear()
    return Journal(tuple(events))


def looker(gate: Gate | None, looked: list[int]) -> LightAgent[None, str]:
    @tool(idempotent=True)
    def look(amount: int) -> str:
        """Look at an amount."""
        looked.append(amount)
        return "seen"

    def reply(request: ChatRequest) -> str | ToolCall:
        seen = isinstance(request.messages[-1], ToolMessage)
        return "done" if seen else call_tool("look", amount=1)

    return LightAgent(model=ScriptedModel(reply), tools=[look], gate=gate)


@pytest.mark.parametrize(
    ("answer", "outcome", "calls"),
    [
        ("pass", "completed", [("ok", 1)]),
        ("block", "blocked", [("unknown", 0)]),
        # It may have taken effect as it was, so nothing can be changed any more.
        ("ask", "completed", [("unknown", 0)]),
        ("change", "completed", [("unknown", 0)]),
    ],
)
async def test_a_policy_that_joins_reviews_a_call_before_it_is_repeated(
    answer: str, outcome: str, calls: list[tuple[str, int]]
) -> None:
    looked: list[int] = []
    journal, gate = await interrupted(looked), Late(answer)
    result = await looker(gate, looked).aresume(journal)
    assert len(gate.asked) == 1
    assert result.outcome.kind == outcome
    assert [(call.status, len(looked)) for call in result.tool_calls] == calls


class Incomparable:
    """Raises when it is compared, as an array does when it is asked whether it is true."""

    def __ne__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")

    __hash__ = object.__hash__


class Strange(Late):
    """Answers with a payload that cannot be compared."""

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        object.__setattr__(payload, "arguments", {"amount": Incomparable()})
        return Passed(payload)


async def test_a_payload_that_cannot_be_compared_blocks() -> None:
    result = await till(Strange("pass"), []).arun("?", result_format="object")
    assert result.outcome.kind == "blocked"
