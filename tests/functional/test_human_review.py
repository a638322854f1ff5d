"""Calls that wait for people: asked in a store, decided there once, and gone on with when the run is resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    ConfigurationError,
    HumanApprovalHook,
    InMemoryReviewStore,
    JsonReviewStore,
    LightAgent,
    LightAgentError,
    PolicyError,
    ReviewStore,
    RunResult,
    ToolAnswer,
)
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.support.review_till import DECISIONS, PAY, Till, ask, hook, reopened, statuses_of


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewStore:
    return InMemoryReviewStore() if request.param == "memory" else JsonReviewStore(tmp_path / "reviews")


EACH = pytest.mark.parametrize(("decision", "paid", "told", "status"), DECISIONS.values(), ids=DECISIONS)


@EACH
def test_a_run_waits_in_the_store_and_goes_on_with_what_was_decided_there(
    store: ReviewStore, decision: ApprovalDecision, paid: list[tuple[int, str]], told: str, status: str
) -> None:
    result = ask(hook(store=store), user="bob")
    (request,) = reopened(store).list_pending()
    assert (request.tool_name, request.arguments, request.complete) == ("pay", {"amount": 5, "to": "ann"}, True)
    assert (request.run_id, request.trace_id, request.call_id) == (result.run_id, result.trace_id, "call_1_1")
    assert (request.source_agent, request.user_id, request.reason) == ("till", "bob", "pay runs only with approval.")
    reopened(store).resolve(request.request_id, decision)
    assert store.list_pending() == []
    till = Till("Done.", hook=hook(store=reopened(store)))
    result = till.agent.resume(result.journal.to_json(), trace=True)
    assert (result.content, till.paid, till.told) == ("Done.", paid, [told])
    assert (result.tool_calls[0].status, store.get_decision(request.request_id)) == (status, decision)
    (decided,) = [event for event in result.trace if event["type"] == f"approval_{decision.action}"]
    assert decided["data"]["actor"] == "carol"


def test_an_approval_is_used_once(store: ReviewStore) -> None:
    """One approval does not pay twice, however often the journal that waits is resumed."""
    journal = ask(hook(store=store)).journal.to_json()
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    till = Till("Done.", "Done.", hook=hook(store=reopened(store)))
    till.agent.resume(journal)
    attempts: list[ApprovalDecision | None] = [
        None,
        ApprovalDecision.approve(actor="carol"),
        ApprovalDecision.approve(),
    ]
    for decision in attempts:
        with pytest.raises(AlreadyDecided, match=r"Another process goes on with|was decided before"):
            till.agent.resume(journal, decision)
    assert till.paid == [(5, "ann")]


def test_one_approval_is_for_one_call_of_a_turn(store: ReviewStore) -> None:
    journal = ask(hook(store=store), replies=[PAY, PAY, PAY]).journal
    first, *others = store.list_pending()
    assert len(others) == 2
    store.resolve(first.request_id, ApprovalDecision.approve())
    till = Till("Done.", hook=hook(store=store))
    result = till.agent.resume(journal)
    assert (result.outcome.kind, till.paid) == ("suspended", [(5, "ann")])
    assert {request.request_id for request in store.list_pending()} == {one.request_id for one in others}


def test_the_first_decision_counts(store: ReviewStore) -> None:
    ask(hook(store=store))
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.reject("No.", actor="carol"))
    for decision, *_ in DECISIONS.values():
        with pytest.raises(AlreadyDecided, match="decided before: reject by carol"):
            reopened(store).resolve(request.request_id, decision)
    assert store.get_decision(request.request_id) == ApprovalDecision.reject("No.", actor="carol")


def test_what_the_caller_decides_is_on_record_in_the_store_too(store: ReviewStore) -> None:
    journal = ask(hook(store=store)).journal
    (request,) = store.list_pending()
    till = Till("Done.", hook=hook(store=store))
    till.agent.resume(journal, ApprovalDecision.approve(actor="dave"))
    assert store.get_decision(request.request_id) == ApprovalDecision.approve(actor="dave")
    other = ask(hook(store=store)).journal
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.reject("No.", actor="carol"))
    with pytest.raises(AlreadyDecided, match="decided before: reject by carol"):
        Till("Done.", hook=hook(store=store)).agent.resume(other, ApprovalDecision.approve(actor="dave"))


def test_a_run_that_nobody_has_decided_about_goes_on_waiting(store: ReviewStore) -> None:
    journal = ask(hook(store=store)).journal
    with pytest.raises(ConfigurationError, match="waits for a decision about call_1_1"):
        Till("Done.", hook=hook(store=store)).agent.resume(journal)
    assert len(store.list_pending()) == 1


def test_tools_that_are_declared_so_wait_in_the_store_as_well(store: ReviewStore) -> None:
    desk = HumanApprovalHook(store=store, tools=())
    result = Till(PAY, hook=desk, declared=True).agent.run("Pay.", result_format="object")
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve())
    till = Till("Done.", hook=desk, declared=True)
    assert (till.agent.resume(result.journal).content, till.paid) == ("Done.", [(5, "ann")])


def test_only_the_named_tools_are_asked_about(store: ReviewStore) -> None:
    till = Till(call_tool("look"), "Done.", hook=hook(store=store))
    assert till.agent.run("Look.") == "Done."
    everything = Till(call_tool("look"), hook=HumanApprovalHook(store=store))
    assert everything.agent.run("Look.", result_format="object").outcome.kind == "suspended"


def test_a_decision_that_the_run_cannot_go_on_with_is_not_spent(store: ReviewStore) -> None:
    journal = ask(hook(store=store)).journal
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.edit({"amount": "all"}, actor="carol"))
    till = Till("Done.", hook=hook(store=store))
    with pytest.raises(LightAgentError, match="amount"):
        till.agent.resume(journal)
    assert asyncio.run(statuses_of(store)) == ["decided"]
    asyncio.run(store.reviews.revoke(request.request_id))
    with pytest.raises(ConfigurationError, match="waits for a decision"):
        till.agent.resume(journal)
    store.resolve(request.request_id, ApprovalDecision.edit({"amount": 1, "to": "bob"}, actor="carol"))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(1, "bob")])


async def test_two_who_resume_at_once_pay_once() -> None:
    """The one that comes second is told so while the first is still paying."""
    store, entered, go_on = InMemoryReviewStore(), asyncio.Event(), asyncio.Event()
    paid: list[int] = []

    async def pay(amount: int, to: str) -> str:
        """Pay."""
        entered.set()
        await go_on.wait()
        paid.append(amount)
        return "paid"

    def agent(*replies: Reply) -> LightAgent:
        return LightAgent(name="till", model=ScriptedModel([*replies]), tools=[pay], hooks=[hook(store=store)])

    journal = (await agent(PAY).arun("Pay.", result_format="object")).journal.to_json()
    [review] = [review async for review in store.reviews.list()]
    await store.reviews.decide(review.request.request_id, ApprovalDecision.approve())
    first: Awaitable[RunResult[str]] = asyncio.create_task(agent("Done.").aresume(journal))
    await entered.wait()
    with pytest.raises(AlreadyDecided, match="Another process goes on"):
        await agent("Done.").aresume(journal)
    go_on.set()
    assert (await first).content == "Done."
    assert paid == [5]


def test_an_agent_that_takes_over_has_its_calls_reviewed_where_its_own_hook_says() -> None:
    first, second, paid = InMemoryReviewStore(), InMemoryReviewStore(), list[int]()

    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    def switch() -> ToolAnswer:
        """Let the cashier go on."""
        return ToolAnswer("The cashier goes on.", hand_over="cashier")

    def make(*replies: Reply) -> LightAgent:
        cashier = LightAgent(
            name="cashier", model=ScriptedModel([*replies]), tools=[pay], hooks=[HumanApprovalHook(store=second)]
        )
        return LightAgent(
            name="desk",
            model=ScriptedModel([call_tool("switch")]),
            tools=[switch],
            handoffs=[cashier],
            hooks=[HumanApprovalHook(store=first, tools=["nothing of the cashier's"], name="desk")],
        )

    result = make(call_tool("pay", amount=5)).run("Pay.", result_format="object")
    assert (first.list_pending(), result.outcome.kind) == ([], "suspended")
    (request,) = second.list_pending()
    assert request.agents == ("cashier",)
    second.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (make("Done.").resume(result.journal.to_json()).content, paid) == ("Done.", [5])


def test_the_caller_decides_about_a_nested_call_by_its_path(store: ReviewStore) -> None:
    def lead(*replies: Reply, waits: bool = False) -> tuple[LightAgent, Till]:
        till = Till(*([PAY] if waits else ["Paid."]), hook=hook(store=store))
        return LightAgent(
            name="lead", model=ScriptedModel([*replies]), tools=[till.agent.as_tool("ask", "Pays.")]
        ), till

    first, _ = lead(call_tool("ask", query="Pay."), waits=True)
    result = first.run("Pay.", result_format="object")
    (request,) = store.list_pending()
    assert (request.call_id, request.agents) == ("call_1_1/call_1_1", ("lead", "till"))
    agent, till = lead("Done.")
    decisions = {request.call_id: ApprovalDecision.approve(actor="dave")}
    assert agent.resume(result.journal.to_json(), decisions).content == "Done."
    assert till.paid == [(5, "ann")]
    assert store.get_decision(request.request_id) == decisions[request.call_id]
    with pytest.raises(PolicyError, match="Another process goes on with"):
        agent.resume(result.journal.to_json(), decisions)
