"""A journal that contradicts itself is refused, and nothing is carried out; one that does not goes on as before."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pytest

from lightagent import ApprovalDecision, ApprovalRequired, ConfigurationError, Journal, LightAgent, RunContext, tool
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.outcomes import Completed, Suspended
from lightagent.domain.policy.phases import (
    ApprovalPayload,
    CallPayload,
    Decision,
    OutputPayload,
    Passed,
    Phase,
    Subject,
    Verdict,
)
from lightagent.domain.runs.events import ApprovalRequested, Event, ModelReplied, OutputAccepted, ToolStarted
from lightagent.ports.models import ChatRequest
from lightagent.ports.policy import HeldStream
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.support.policy_run import PayloadT

Entry: TypeAlias = dict[str, object]
NOBODY = {"phase": "tool_call", "by": "nobody", "action": "rewrite", "reason": ""}
ABOUT_REQUEST = {"phase": "approval", "by": "nobody", "action": "rewrite", "reason": ""}


@dataclass
class Gate:
    """Makes this of each payload of its type; names a policy in its decision, or leaves that to the run."""

    phases: frozenset[Phase]
    makes: CallPayload | OutputPayload | ApprovalPayload | None = None
    policies: tuple[str, ...] = ("gate",)
    by: str = ""
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if not isinstance(self.makes, type(payload)):
            return Passed(payload)
        return Passed(self.makes, (Decision(phase, self.by, "rewrite"),) if self.by else ())

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


class Till:
    """An agent that pays 1, once a human allows it or at once; `paid` is what it paid."""

    def __init__(self, gate: Gate | None = None, *, asks: bool = True) -> None:
        self.paid: list[int] = []

        @tool(requires_approval=asks, idempotent=True)
        async def pay(amount: int) -> str:
            """Pays an amount."""
            self.paid.append(amount)
            return "paid"

        self.agent = LightAgent(name="till", model=ScriptedModel(_answer), tools=[pay], gate=gate)


def _answer(request: ChatRequest) -> Reply:
    return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("pay", amount=1)


class Events(Protocol):
    """A run that is watched."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None: ...


async def until(events: Events, kind: type[Event], known: Journal | None = None) -> Journal:
    """The journal of a run that is interrupted after its next event of this kind."""
    seen = [] if known is None else [*known.events]
    async with aclosing(events):
        async for event in events:
            seen.append(event)
            if isinstance(event, kind):
                break
    return Journal(tuple(seen))


def edited(journal: Journal, kind: str, edit: Callable[[Entry], object]) -> str:
    """The journal with the last event of this kind changed."""
    document = json.loads(journal.to_json())
    edit(next(entry for entry in reversed(document["events"]) if entry["type"] == kind))
    return json.dumps(document)


def put(**fields: object) -> Callable[[Entry], object]:
    return lambda entry: entry.update(fields)


STARTED: dict[str, tuple[str, Callable[[Entry], object], str]] = {
    "another name": ("tool_started", put(name="look"), "was of 'pay', not of 'look'"),
    "another key": ("tool_started", put(idempotency_key="other"), "the key of call"),
    "another run": ("run_started", put(run_id="other"), "the key of call"),
    "other arguments": ("tool_started", put(arguments={"amount": 9}), "with other arguments"),
    "a rewriting by nobody": ("tool_started", put(arguments={"amount": 9}, decisions=[NOBODY]), "policy 'nobody'"),
    "nothing rewritten by nobody": ("tool_started", put(decisions=[NOBODY]), "policy 'nobody'"),
}


@pytest.mark.parametrize(("kind", "edit", "text"), STARTED.values(), ids=STARTED.keys())
async def test_a_call_that_began_as_another_is_not_repeated(
    kind: str, edit: Callable[[Entry], object], text: str
) -> None:
    journal = await until(Till(asks=False).agent.aevents("q"), ToolStarted)
    till = Till(asks=False)
    with pytest.raises(ConfigurationError, match=text):
        await till.agent.aresume(edited(journal, kind, edit))
    assert till.paid == []
    assert (await till.agent.aresume(journal)).outcome == Completed("Done.")
    assert till.paid == [1]


ASKED: dict[str, tuple[Callable[[Entry], object], str]] = {
    "shows other arguments": (put(request={"arguments": {"amount": 0}}), "what was shown"),
    "shows nothing": (put(request={}), "what was shown"),
    "shows more": (put(request={"arguments": {"amount": 1}, "note": "harmless"}), "what was shown"),
    "shows what nobody rewrote": (put(request={}, decisions=[ABOUT_REQUEST]), "policy 'nobody'"),
    "other arguments": (
        put(arguments={"amount": 9}, request={"arguments": {"amount": 9}}, decisions=[NOBODY]),
        "policy 'nobody'",
    ),
}


@pytest.mark.parametrize(("edit", "text"), ASKED.values(), ids=ASKED.keys())
async def test_a_question_that_shows_something_else_is_not_answered(edit: Callable[[Entry], object], text: str) -> None:
    journal = (await Till().agent.arun("q", result_format="object")).journal
    assert journal.run.outcome == Suspended(("call_1_1",))
    till = Till()
    with pytest.raises(ConfigurationError, match=text):
        await till.agent.aresume(edited(journal, "approval_requested", edit), ApprovalDecision.approve())
    assert till.paid == []
    await till.agent.aresume(journal, ApprovalDecision.approve())
    assert till.paid == [1]


async def test_what_a_nested_run_says_is_held_to_the_same() -> None:
    def outer(till: Till) -> LightAgent[None, str]:
        model = ScriptedModel([call_tool("till", query="q"), "Over."])
        return LightAgent(name="outer", model=model, tools=[till.agent.as_tool("till", "A till.")])

    journal = (await outer(Till()).arun("q", result_format="object")).journal
    for edit in (ASKED["shows nothing"], ASKED["other arguments"]):
        document = json.loads(journal.to_json())
        inner = [entry["event"] for entry in document["events"] if entry["type"] == "nested"]
        edit[0](next(entry for entry in inner if entry["type"] == "approval_requested"))
        till = Till()
        with pytest.raises(ConfigurationError, match=edit[1]):
            await outer(till).aresume(json.dumps(document), ApprovalDecision.approve())
        assert till.paid == []


async def test_a_tool_that_asks_shows_what_it_wants_to() -> None:
    paid: list[int] = []

    @tool
    async def pay(amount: int, context: RunContext[None]) -> str:
        """Pays an amount."""
        if not context.approved:
            raise ApprovalRequired("Pay?", {"bill": "a coffee"})
        paid.append(amount)
        return "paid"

    agent = LightAgent(model=ScriptedModel(_answer), tools=[pay])
    waits = await agent.arun("q", result_format="object")
    await agent.aresume(Journal.from_json(waits.journal.to_json()), ApprovalDecision.approve())
    assert paid == [1]


FIVE = CallPayload({"amount": 5})
BOTH: frozenset[Phase] = frozenset({"tool_call", "approval"})


@pytest.mark.parametrize(
    "gate",
    [
        Gate(BOTH, FIVE),
        Gate(BOTH, FIVE, ("one", "two")),
        Gate(BOTH, FIVE, ()),
        Gate(BOTH, FIVE, by="gate"),
        Gate(BOTH, FIVE, by="a rule of the gate"),
        Gate(BOTH, ApprovalPayload("why", {"shown": "less"})),
    ],
    ids=["unsaid", "several policies", "no policies", "by its name", "by a rule's name", "what is shown"],
)
async def test_what_a_policy_made_of_a_call_runs_where_that_policy_is(gate: Gate) -> None:
    wanted = 5 if gate.makes == FIVE else 1
    suspended = (await Till(gate).agent.arun("q", result_format="object")).journal
    assert suspended.run.outcome == Suspended(("call_1_1",))
    restored = Journal.from_json(suspended.to_json())
    till = Till(gate)
    events = till.agent.aresume_events(restored, ApprovalDecision.approve())
    started = await until(events, ToolStarted, restored)
    assert till.paid == []
    await till.agent.aresume(Journal.from_json(started.to_json()))
    assert till.paid == [wanted]


async def test_what_a_policy_that_joined_made_of_a_call_needs_that_policy() -> None:
    before = await until(Till(asks=False).agent.aevents("q"), ModelReplied)
    joined = Till(Gate(frozenset({"tool_call"}), FIVE), asks=False)
    journal = await until(joined.agent.aresume_events(before), ToolStarted, before)
    without = Till(asks=False)
    with pytest.raises(ConfigurationError, match="policy 'gate', which this agent lacks"):
        await without.agent.aresume(journal)
    assert without.paid == []
    await joined.agent.aresume(journal)
    assert joined.paid == [5]


def speaker(answer: str, gate: Gate | None, output: type[int] | None) -> LightAgent[None, int] | LightAgent[None, str]:
    model = ScriptedModel([answer])
    if output is None:
        return LightAgent(name="speaker", model=model, gate=gate)
    return LightAgent(name="speaker", model=model, gate=gate, output_type=output)


PASSES = Gate(frozenset({"output"}))
REWRITES = Gate(frozenset({"output"}), OutputPayload("7"))


@pytest.mark.parametrize(
    ("answer", "gate", "output", "accepted"),
    [
        ("good", PASSES, None, "good"),
        ("good", REWRITES, None, "7"),
        ("5", None, int, "5"),
        ('{"result": 5}', None, int, "5"),
        ('It is:\n```json\n{"result": 5}\n```', PASSES, int, "5"),
        ("5", REWRITES, int, "7"),
    ],
)
async def test_an_accepted_answer_is_the_models_or_a_policys(
    answer: str, gate: Gate | None, output: type[int] | None, accepted: str
) -> None:
    journal = await until(speaker(answer, gate, output).aevents("q"), OutputAccepted)
    assert journal.run.accepted == accepted
    result = await speaker("never", gate, output).aresume(Journal.from_json(journal.to_json()))
    assert result.outcome == Completed(accepted)
    for content in ("evil", "9", '{"result": 9}'):
        if gate is REWRITES:
            continue  # What the policy made of it, only the policy knows.
        with pytest.raises(ConfigurationError):
            await speaker("never", gate, output).aresume(edited(journal, "output_accepted", put(content=content)))
    forged = edited(journal, "output_accepted", put(content="9", decisions=[{**NOBODY, "phase": "output"}]))
    with pytest.raises(ConfigurationError, match="policy 'nobody'"):
        await speaker("never", gate, output).aresume(forged)


async def test_what_is_asked_is_what_is_shown() -> None:
    """The rule that the fold holds journals to is what runs write."""
    journal = (await Till().agent.arun("q", result_format="object")).journal
    (asked,) = [event for event in journal.events if isinstance(event, ApprovalRequested)]
    assert asked.request == {"arguments": asked.arguments}
