"""A run that waits for a human is data: it goes on here, in a fresh agent, from text, with each kind of decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    ConfigurationError,
    JsonObject,
    LightAgent,
    PolicyError,
    RunContext,
    RunResult,
    ToolError,
    tool,
)
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.testing import Reply, ScriptedModel, call_tool


class Bank:
    """An agent that pays with approval; asked for by the tool's declaration, or by the tool itself."""

    def __init__(self, *replies: Reply, declared: bool = True) -> None:
        self.paid: list[tuple[str, int, bool]] = []

        @tool(name="pay", requires_approval=True)
        def declared_pay(ctx: RunContext[None], to: str, euros: int) -> str:
            """Pays."""
            self.paid.append((to, euros, ctx.approved))
            return f"paid {euros} to {to}"

        @tool(name="pay")
        def asking_pay(ctx: RunContext[None], to: str, euros: int) -> str:
            """Pays."""
            if not ctx.approved:
                raise ApprovalRequired("large sum", {"to": to, "euros": euros})
            return declared_pay(ctx, to, euros)

        self.model = ScriptedModel([*replies])
        self.agent = LightAgent(model=self.model, tools=[declared_pay if declared else asking_pay])

    @property
    def told(self) -> list[str]:
        """What the model was told of its calls in the last request."""
        return [m.content for m in self.model.requests[-1].messages if isinstance(m, ToolMessage)]


PAY = call_tool("pay", to="ada", euros=5)
BOTH = pytest.mark.parametrize("declared", [True, False], ids=["declared", "asked by the tool"])


def waiting(declared: bool = True) -> RunResult[str]:
    bank = Bank(PAY, declared=declared)
    result = bank.agent.run("pay ada", result_format="object", trace=True)
    assert bank.paid == []
    return result


@BOTH
def test_a_call_that_needs_a_human_suspends_the_run(declared: bool) -> None:
    result = waiting(declared)
    assert result.outcome.kind == "suspended"
    assert (result.success, result.error, result.output) == (False, None, None)
    (call,) = result.tool_calls
    assert (call.name, call.status, call.output) == ("pay", "waiting", None)
    kinds = [event["type"] for event in result.trace]
    assert "approval_required" in kinds
    assert "tool_result" not in kinds


@BOTH
def test_a_stream_shows_the_request_for_approval(declared: bool) -> None:
    events = list(Bank(PAY, declared=declared).agent.run("pay ada", stream=True, result_format="event"))
    (asked,) = [event.data for event in events if event.type == "approval_required"]
    assert (asked["id"], asked["name"]) == ("call_1_1", "pay")
    wanted = {"to": "ada", "euros": 5}
    assert asked["request"] == ({"arguments": wanted} if declared else wanted)
    assert asked["reason"] == ("pay runs only with approval." if declared else "large sum")
    assert [event.data["outcome"] for event in events if event.type == "done"] == ["suspended"]


DECISIONS: dict[str, tuple[ApprovalDecision, list[tuple[str, int, bool]], str, str]] = {
    "approve": (ApprovalDecision.approve("fine", actor="eve"), [("ada", 5, True)], "paid 5 to ada", "ok"),
    "reject": (
        ApprovalDecision.reject("Too much.", actor="eve"),
        [],
        "A human reviewer rejected this call. Too much.",
        "rejected",
    ),
    "edit": (
        ApprovalDecision.edit({"to": "bob", "euros": 1}, actor="eve"),
        [("bob", 1, True)],
        "paid 1 to bob",
        "ok",
    ),
    "respond": (ApprovalDecision.respond("I paid in cash.", actor="eve"), [], "I paid in cash.", "answered"),
}


@BOTH
@pytest.mark.parametrize("form", [str, json.loads, str.encode], ids=["text", "data", "bytes"])
@pytest.mark.parametrize(("decision", "paid", "told", "status"), DECISIONS.values(), ids=DECISIONS.keys())
def test_each_decision_goes_on_in_a_fresh_agent(
    declared: bool,
    form: Callable[[str], str],
    decision: ApprovalDecision,
    paid: list[tuple[str, int, bool]],
    told: str,
    status: str,
) -> None:
    journal = waiting(declared).journal.to_json()
    bank = Bank("Done.", declared=declared)
    result = bank.agent.resume(form(journal), decision, trace=True)
    assert result.content == "Done."
    assert bank.paid == paid
    assert bank.told == [told]
    (call,) = result.tool_calls
    assert (call.output, call.status) == (told, status)
    (decided,) = [event for event in result.trace if event["type"] == f"approval_{decision.action}"]
    assert decided["data"]["actor"] == "eve"
    assert result.run_id == json.loads(journal)["events"][0]["run_id"]


async def test_the_async_methods_behave_like_the_synchronous_ones() -> None:
    bank = Bank("Done.")
    assert (await bank.agent.aresume(waiting().journal, ApprovalDecision.approve())).content == "Done."
    assert bank.paid == [("ada", 5, True)]


def test_edited_arguments_are_checked_like_those_of_the_model() -> None:
    bank = Bank("Sorry.")
    with pytest.raises(ToolError, match="euros"):
        bank.agent.resume(waiting().journal, ApprovalDecision.edit({"to": "bob", "euros": "all"}))
    assert bank.paid == []


SEVERAL = [PAY, call_tool("pay", to="bob", euros=6), call_tool("pay", to="eve", euros=7)]


def test_several_calls_wait_each_for_its_own_decision() -> None:
    result = Bank(SEVERAL).agent.run("pay all", result_format="object")
    assert [call.status for call in result.tool_calls] == ["waiting"] * 3
    bank = Bank("Done.")
    with pytest.raises(ConfigurationError, match="3 calls wait"):
        bank.agent.resume(result.journal, ApprovalDecision.approve())
    first = bank.agent.resume(result.journal, {"call_1_2": ApprovalDecision.approve()})
    assert first.outcome.kind == "suspended"
    assert bank.paid == [("bob", 6, True)]
    rest = {"call_1_1": ApprovalDecision.reject("no"), "call_1_3": ApprovalDecision.respond("later")}
    last = bank.agent.resume(first.journal.to_json(), rest)
    assert last.content == "Done."
    assert bank.paid == [("bob", 6, True)]
    assert bank.told == ["A human reviewer rejected this call. no", "paid 6 to bob", "later"]  # in the calls' order


def test_a_decision_counts_once() -> None:
    journal = Bank(SEVERAL).agent.run("pay all", result_format="object").journal
    bank = Bank("Done.")
    once = bank.agent.resume(journal, {"call_1_1": ApprovalDecision.approve()})
    for again in (ApprovalDecision.approve(), ApprovalDecision.reject()):
        with pytest.raises(PolicyError, match="decided before"):
            bank.agent.resume(once.journal, {"call_1_1": again})
    done = Bank("Done.").agent.resume(waiting().journal, ApprovalDecision.approve())
    with pytest.raises(ConfigurationError, match="has ended"):
        bank.agent.resume(done.journal, ApprovalDecision.approve())
    assert bank.paid == [("ada", 5, True)]


def test_an_approval_holds_for_one_call_only() -> None:
    """The same call in a later turn needs a human again."""
    bank = Bank(PAY, "Done.")
    result = bank.agent.resume(waiting().journal, ApprovalDecision.approve())
    assert result.outcome.kind == "suspended"
    assert bank.paid == [("ada", 5, True)]
    assert bank.agent.resume(result.journal, ApprovalDecision.reject()).content == "Done."
    assert len(bank.paid) == 1


NO_DECISIONS: dict[str, tuple[object, type[Exception], str]] = {
    "none": (None, ConfigurationError, "waits for a decision about call_1_1"),
    "nothing about any call": ({}, ConfigurationError, "waits for a decision"),
    "a call that does not wait": ({"call_9": ApprovalDecision.approve()}, PolicyError, "call_9"),
    "a word": ("approve", ConfigurationError, "expected an ApprovalDecision, got str"),
    "a word by id": ({"call_1_1": "approve"}, ConfigurationError, "call 'call_1_1'"),
    "a truth": (True, ConfigurationError, "got bool"),
}


@pytest.mark.parametrize(("decision", "kind", "text"), NO_DECISIONS.values(), ids=NO_DECISIONS.keys())
def test_a_decision_that_cannot_apply_runs_no_tool(decision: None, kind: type[Exception], text: str) -> None:
    bank = Bank("never")
    with pytest.raises(kind, match=text):
        bank.agent.resume(waiting().journal, decision)
    assert bank.paid == []


@pytest.mark.parametrize("fields", [("maybe",), ("edit",), ("respond",), ("approve", "", "", {"euros": 1})])
def test_a_decision_is_one_of_four_and_complete(fields: tuple[Literal["edit"], str, str, JsonObject]) -> None:
    with pytest.raises(ConfigurationError, match="decision: "):
        ApprovalDecision(*fields)


def test_edited_arguments_are_json() -> None:
    with pytest.raises(ConfigurationError, match=r"arguments\.euros: this is not plain JSON"):
        ApprovalDecision.edit({"euros": float("nan")})


def test_an_agent_without_the_tools_cannot_go_on() -> None:
    bare = LightAgent(model=ScriptedModel(["never"]))
    with pytest.raises(ConfigurationError, match=r"lacks: pay\."):
        bare.resume(waiting().journal, ApprovalDecision.approve())


def test_the_tools_of_the_run_can_be_brought_along() -> None:
    lender = Bank()
    pay = lender.agent.get_tool("pay")
    assert pay is not None
    bare = LightAgent(model=ScriptedModel(["Done."]))
    assert bare.resume(waiting().journal, ApprovalDecision.approve(), tools=[pay]).content == "Done."
    assert lender.paid == [("ada", 5, True)]


def test_a_resumed_run_offers_what_it_began_with_and_no_more() -> None:
    @tool
    def extra() -> str:
        """Something new."""
        return ""

    bank = Bank("Done.")
    bank.agent.resume(waiting().journal, ApprovalDecision.approve(), tools=[extra])
    assert [spec.name for spec in bank.model.requests[-1].tools] == ["pay"]


def test_what_a_reviewer_is_shown_can_be_stored_whatever_the_tool_put_there() -> None:
    @tool
    def odd() -> str:
        """Asks with what is no JSON."""
        signal = ApprovalRequired("look", {"nan": float("nan"), "half": "\ud83d"})
        vars(signal)["request"]["when"] = {1, 2}
        raise signal

    agent = LightAgent(model=ScriptedModel([call_tool("odd"), "Done."]), tools=[odd])
    result = agent.run("?", result_format="object")
    json.loads(result.journal.to_json(), parse_constant=pytest.fail)
    assert agent.resume(result.journal.to_json(), ApprovalDecision.respond("ok")).content == "Done."
