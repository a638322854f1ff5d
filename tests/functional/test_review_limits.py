"""What a decision holds for: what was shown, in time, by whom, and for nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalPayload,
    ApprovalRequired,
    ConfigurationError,
    HumanApprovalHook,
    InMemoryReviewStore,
    JsonReviewStore,
    LightAgent,
    LightAgentError,
    PolicyError,
    ReviewStore,
    RunContext,
    Subject,
    on_approval_required,
    tool,
)
from lightagent.domain.review.requests import MOST_SHOWN
from lightagent.testing import ManualClock, Reply, ScriptedModel, call_tool
from tests.support.review_till import PAY, Till, ask, hook, statuses_of


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewStore:
    return InMemoryReviewStore() if request.param == "memory" else JsonReviewStore(tmp_path / "reviews")


def test_what_a_tool_wants_to_be_seen_is_shown_beside_the_arguments(store: ReviewStore) -> None:
    @tool
    def pay(ctx: RunContext[None], amount: int) -> str:
        """Pay."""
        if not ctx.approved:
            raise ApprovalRequired("It is much.", {"balance": 7})
        return "paid"

    def agent(*replies: Reply) -> LightAgent:
        return LightAgent(
            model=ScriptedModel([*replies]), tools=[pay], hooks=[HumanApprovalHook(store=store, tools=())]
        )

    result = agent(call_tool("pay", amount=900)).run("Pay.", result_format="object")
    (request,) = store.list_pending()
    shown = (request.arguments, request.details, request.reason, request.complete)
    assert shown == ({"amount": 900}, {"balance": 7}, "It is much.", True)
    store.resolve(request.request_id, ApprovalDecision.approve())
    assert agent("Done.").resume(result.journal).tool_calls[0].output == "paid"


def test_arguments_that_are_too_long_to_be_read_cannot_be_approved(store: ReviewStore) -> None:
    long = call_tool("pay", amount=5, to="ann " * MOST_SHOWN)
    journal = ask(hook(store=store), replies=long).journal
    (request,) = store.list_pending()
    assert not request.complete
    assert len(json.dumps(request.arguments)) < 2_000
    with pytest.raises(PolicyError, match="cannot be shown completely"):
        store.resolve(request.request_id, ApprovalDecision.approve())
    with pytest.raises(PolicyError, match="cannot be shown completely"):
        Till("Done.", hook=hook(store=store)).agent.resume(journal, ApprovalDecision.approve())
    store.resolve(request.request_id, ApprovalDecision.reject("I cannot read that."))
    till = Till("Done.", hook=hook(store=store))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [])


def test_arguments_that_a_policy_hides_from_the_reviewer_cannot_be_approved(store: ReviewStore) -> None:
    @on_approval_required
    def hide(approval: ApprovalPayload, subject: Subject) -> ApprovalPayload:
        return ApprovalPayload(approval.reason, {"arguments": {"amount": 5, "to": "…"}})

    till = Till(PAY, hook=hook(store=store))
    agent = LightAgent(
        name="till",
        model=till.model,
        tools=list(till.agent.means.catalogue.own.values()),
        hooks=[hook(store=store), hide],
    )
    assert agent.run("Pay.", result_format="object").outcome.kind == "suspended"
    (request,) = store.list_pending()
    assert (request.complete, "ann" in json.dumps(request.arguments)) == (False, False)
    assert request.details == {"arguments": {"amount": 5, "to": "…"}}
    with pytest.raises(PolicyError, match="cannot be shown completely"):
        store.resolve(request.request_id, ApprovalDecision.approve())


@pytest.mark.parametrize("decided", [False, True], ids=["nobody decides", "nobody uses it"])
def test_a_request_expires_and_is_asked_anew(decided: bool) -> None:
    clock = ManualClock()
    store = InMemoryReviewStore(clock.now)
    journal = ask(hook(store=store, timeout=60.0)).journal
    (request,) = store.list_pending()
    assert request.expires_at == clock.now() + 60
    if decided:
        store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    clock.advance(60)
    assert (store.list_pending(), asyncio.run(statuses_of(store))) == ([], ["expired"])
    with pytest.raises(PolicyError, match="expired"):
        store.resolve(request.request_id, ApprovalDecision.reject("too late", actor="carol"))
    assert store.get_decision(request.request_id) is None  # It was rejected by nobody.
    till = Till("Done.", hook=hook(store=store, timeout=60.0))
    with pytest.raises(PolicyError, match="expired"):
        till.agent.resume(journal, ApprovalDecision.approve(actor="dave"))
    with pytest.raises(ConfigurationError, match="waits for a decision"):
        till.agent.resume(journal)
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(5, "ann")])


def test_a_decision_is_revoked_until_a_run_takes_it(store: ReviewStore) -> None:
    journal = ask(hook(store=store)).journal
    (request,) = store.list_pending()
    with pytest.raises(PolicyError, match="only a decision can be revoked"):
        asyncio.run(store.reviews.revoke(request.request_id))
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    asyncio.run(store.reviews.revoke(request.request_id, actor="carol", reason="I mistook it."))
    till = Till("Done.", hook=hook(store=store))
    with pytest.raises(ConfigurationError, match="waits for a decision"):
        till.agent.resume(journal)
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    till.agent.resume(journal)
    with pytest.raises(PolicyError, match="is used"):
        asyncio.run(store.reviews.revoke(request.request_id))
    assert till.paid == [(5, "ann")]


def test_who_asked_may_not_approve_where_the_policy_says_so(store: ReviewStore) -> None:
    journal = ask(hook(store=store, separate_reviewer=True), user="bob").journal
    (request,) = store.list_pending()
    for actor in ("bob", "BOB", "", "b\u200bob", "bob\x00", "bob\ufe0f", "bo\u034fb", "\u3164bob\u2800", "\U000e0100"):
        with pytest.raises(PolicyError, match=r"may reject|must be named"):
            store.resolve(request.request_id, ApprovalDecision.approve(actor=actor))
    till = Till("Done.", hook=hook(store=store, separate_reviewer=True))
    with pytest.raises(PolicyError, match="may reject"):
        till.agent.resume(journal, ApprovalDecision.approve(actor="bob"))
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(5, "ann")])


@pytest.mark.parametrize("nested", [False, True])
def test_what_any_of_several_hooks_demands_holds(nested: bool) -> None:
    """The first one is asked, such as that of the outermost agent, whose author may know nothing of the other."""
    clock = ManualClock()
    store = InMemoryReviewStore(clock.now)

    def lenient() -> HumanApprovalHook:
        return HumanApprovalHook(store=store, timeout=90.0)

    def strict() -> HumanApprovalHook:
        other = InMemoryReviewStore(clock.now)
        return HumanApprovalHook(store=other, name="strict", separate_reviewer=True, timeout=60.0)

    def agent(pay: Reply, *replies: Reply) -> LightAgent[None, str]:
        tools = list(till.agent.means.catalogue.own.values())
        if not nested:
            return LightAgent(
                name="till", model=ScriptedModel([pay, *replies]), tools=tools, hooks=[lenient(), strict()]
            )
        inner = LightAgent(name="till", model=ScriptedModel([pay, *replies]), tools=tools, hooks=[strict()])
        model = ScriptedModel([call_tool("ask", query="Pay."), *replies] if pay == PAY else [*replies])
        hooks = [HumanApprovalHook(store=store, timeout=90.0, tools={"pay"})]
        return LightAgent(name="lead", model=model, tools=[inner.as_tool("ask", "Pays.")], hooks=hooks)

    till = Till(hook=lenient())
    journal = agent(PAY).run("Pay.", result_format="object", user_id="bob").journal
    (request,) = store.list_pending()
    assert (request.separate_reviewer, request.expires_at) == (True, clock.now() + 60)
    with pytest.raises(PolicyError, match="may reject"):
        store.resolve(request.request_id, ApprovalDecision.approve(actor="bob"))
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert agent("Done.", "Done.").resume(journal).content == "Done."
    assert till.paid == [(5, "ann")]


CHANGES: dict[str, Callable[[str], str]] = {
    "amount": lambda text: text.replace('\\"amount\\": 5', '\\"amount\\": 500').replace('"amount": 5', '"amount": 500'),
    "agent": lambda text: text.replace('"name": "till"', '"name": "vault"'),
    "user": lambda text: text.replace('"user": "bob"', '"user": "eve"'),
    "run": lambda text: text.replace('"run_id": "', '"run_id": "f'),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_approval_does_not_hold_for_another_journal(store: ReviewStore, change: Callable[[str], str]) -> None:
    """Another amount, agent, user or run: the approval was not for that."""
    journal = ask(hook(store=store), user="bob").journal.to_json()
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    changed = change(journal)
    assert changed != journal
    till = Till("Done.", hook=hook(store=store))
    with pytest.raises(LightAgentError):
        till.agent.resume(changed)
    assert till.paid == []
