"""Calls that wait for people: asked in a store, decided there once, and gone on with when the run is resumed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalPayload,
    ApprovalRequest,
    ApprovalRequired,
    ChatRequest,
    ConfigurationError,
    HumanApprovalHook,
    HumanFeedback,
    InMemoryReviewStore,
    JsonReviewStore,
    LightAgent,
    LightAgentError,
    PolicyError,
    RememberedDecision,
    Reviews,
    ReviewStore,
    RunContext,
    RunResult,
    Runs,
    Scope,
    Sessions,
    Subject,
    ToolAnswer,
    on_approval_required,
    tool,
)
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.application.reviews import review_key
from lightagent.domain.errors import IncompleteListing, StoreError, TamperedStream
from lightagent.domain.events import Noted
from lightagent.domain.json_types import JsonValue
from lightagent.domain.messages import ToolMessage
from lightagent.domain.review_requests import MOST_SHOWN
from lightagent.testing import ManualClock, Reply, ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck
from tests.support.journal_editor import MemoryEditor
from tests.support.wrapped_journals import KEYS, WrappedStore

PAY = call_tool("pay", amount=5, to="ann")


class Till:
    """An agent that pays, and whose payments people decide about."""

    def __init__(self, *replies: Reply, hook: HumanApprovalHook, declared: bool = False) -> None:
        self.paid: list[tuple[int, str]] = []

        @tool(requires_approval=declared)
        def pay(amount: int, to: str) -> str:
            """Pay."""
            self.paid.append((amount, to))
            return f"paid {amount} to {to}"

        def look() -> str:
            """Look."""
            return "nothing to see"

        self.model = ScriptedModel([*replies])
        self.agent = LightAgent(name="till", model=self.model, tools=[pay, look], hooks=[hook])

    @property
    def told(self) -> list[str]:
        """What the model was told of its calls in the last request."""
        return [one.content for one in self.model.requests[-1].messages if isinstance(one, ToolMessage)]


hook = partial(HumanApprovalHook, tools={"pay"})
"""Asks about payments."""


def ask(desk: HumanApprovalHook, *, user: str = "", replies: Reply = PAY) -> RunResult[str]:
    """A run that waits."""
    till = Till(replies, hook=desk)
    result = till.agent.run("Pay.", result_format="object", user_id=user, trace=True)
    assert (result.outcome.kind, till.paid) == ("suspended", [])
    return result


def problems(result: RunResult[str]) -> list[JsonValue]:
    """Why calls of a run still wait, as it is on record."""
    noted = [event for event in result.journal.events if isinstance(event, Noted) and event.kind == "review_problem"]
    return [event.data["text"] for event in noted]


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewStore:
    return InMemoryReviewStore() if request.param == "memory" else JsonReviewStore(tmp_path / "reviews")


def reopened(store: ReviewStore) -> ReviewStore:
    """The store as another process opens it, as far as it outlives its process."""
    files = store.journals
    return JsonReviewStore(files.directory) if isinstance(files, JsonFilesJournalStore) else store


DECISIONS = {
    "approve": (ApprovalDecision.approve(actor="carol"), [(5, "ann")], "paid 5 to ann", "ok"),
    "reject": (
        ApprovalDecision.reject("No.", actor="carol"),
        [],
        "A human reviewer rejected this call. No.",
        "rejected",
    ),
    "edit": (ApprovalDecision.edit({"amount": 1, "to": "bob"}, actor="carol"), [(1, "bob")], "paid 1 to bob", "ok"),
    "respond": (ApprovalDecision.respond("Paid in cash.", actor="carol"), [], "Paid in cash.", "answered"),
}
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


@EACH
def test_a_function_decides_at_once(
    store: ReviewStore, decision: ApprovalDecision, paid: list[tuple[int, str]], told: str, status: str
) -> None:
    seen: list[ApprovalRequest] = []

    async def review(request: ApprovalRequest) -> ApprovalDecision:
        seen.append(request)
        request.arguments["amount"] = 1_000_000  # It has a copy.
        return decision

    till = Till(PAY, "Done.", hook=hook(store=store, reviewer=review))
    result = till.agent.run("Pay.", result_format="object")
    assert (result.content, till.paid, till.told) == ("Done.", paid, [told])
    assert (result.tool_calls[0].status, len(seen)) == (status, 1)
    assert store.get_decision(seen[0].request_id) == decision
    assert store.list_pending() == []


@pytest.mark.parametrize("outermost", [False, True], ids=["hook of the nested agent", "hook of the outermost one"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_function_decides_at_once_about_calls_of_nested_agents(stream: bool, outermost: bool) -> None:
    decided: list[tuple[str, ...]] = []

    def review(request: ApprovalRequest) -> dict[str, JsonValue]:
        decided.append(request.agents)
        return {"action": "edit", "arguments": {"amount": 7, "to": "ann"}}

    reviewing, silent = hook(reviewer=review), HumanApprovalHook(tools=["nothing"])
    till = Till(PAY, "Paid.", hook=silent if outermost else reviewing)
    agent = till.agent
    for name in ("desk", "lead"):
        model = ScriptedModel([call_tool("ask", query="Pay."), "Done."])
        hooks = [reviewing] if outermost and name == "lead" else []
        agent = LightAgent(name=name, model=model, tools=[agent.as_tool("ask", "Pays.")], hooks=hooks)
    if stream:
        *_, last = agent.run("Pay.", stream=True, result_format="event")
        assert last.data["outcome"] == "completed"
    else:
        assert agent.run("Pay.") == "Done."
    assert (decided, till.paid) == ([("lead", "desk", "till")], [(7, "ann")])


def raising(request: ApprovalRequest) -> bool:
    raise RuntimeError("the reviewer is not there")


async def slow(request: ApprovalRequest) -> bool:
    await asyncio.sleep(3600)
    return True


FAILURES: dict[str, tuple[Callable[[ApprovalRequest], object], str]] = {
    "raises": (raising, "It raised RuntimeError."),
    "times out": (slow, "It did not decide within its 0.05 s."),
    "None": (lambda request: None, "It answered with NoneType, which is not a decision."),
    "one": (lambda request: 1, "It answered with int, which is not a decision."),
    "misspelt": (lambda request: {"action": "aprove"}, "Its action is not one of approve, reject, edit and respond."),
}


@pytest.mark.parametrize("how", ["plain", "stream", "nested"])
@pytest.mark.parametrize(("reviewer", "problem"), FAILURES.values(), ids=FAILURES)
def test_a_function_that_does_not_decide_fails_closed(
    leaks: LeakCheck, how: str, reviewer: Callable[[ApprovalRequest], object], problem: str
) -> None:
    store, timeout = InMemoryReviewStore(), 0.05 if reviewer is slow else None
    till = Till(PAY, "Paid.", hook=hook(store=store, reviewer=reviewer, timeout=timeout))
    agent = till.agent
    if how == "nested":
        model = ScriptedModel([call_tool("ask", query="Pay."), "Done."])
        agent = LightAgent(name="outer", model=model, tools=[agent.as_tool("ask", "Pays.")])
    if how == "stream":
        *_, last = agent.run("Pay.", stream=True, result_format="event")
        assert last.data["outcome"] == "suspended"
    else:
        assert agent.run("Pay.", result_format="object").outcome.kind == "suspended"
    journal = agent.export_journal()
    assert journal is not None
    assert till.paid == []
    assert [one.data["text"] for one in journal.events if isinstance(one, Noted)] == [
        f"The call of pay still waits. {problem}"
    ]


@pytest.mark.parametrize(("reviewer", "problem"), FAILURES.values(), ids=FAILURES)
def test_a_function_that_does_not_decide_leaves_the_call_waiting(
    leaks: LeakCheck, reviewer: Callable[[ApprovalRequest], object], problem: str
) -> None:
    store, timeout = InMemoryReviewStore(), 0.05 if reviewer is slow else None
    result = ask(hook(store=store, reviewer=reviewer, timeout=timeout))
    assert problems(result) == [f"The call of pay still waits. {problem}"]
    statuses = asyncio.run(statuses_of(store))
    assert statuses == ["expired" if reviewer is slow else "waiting"]
    till = Till("Done.", hook=hook(store=store, reviewer=lambda request: True))
    assert till.agent.resume(result.journal).content == "Done."
    assert till.paid == [(5, "ann")]


async def statuses_of(store: ReviewStore) -> list[str]:
    return [review.status async for review in store.reviews.list(status=None)]


def test_a_tool_that_always_asks_is_not_decided_at_once_for_ever() -> None:
    asked: list[ApprovalRequest] = []

    @tool
    def pay(ctx: RunContext[None]) -> str:
        """Pay."""
        raise ApprovalRequired("Are you sure?")

    def approve_all(request: ApprovalRequest) -> bool:
        asked.append(request)
        return True

    approve = HumanApprovalHook(tools=(), reviewer=approve_all)
    agent = LightAgent(model=ScriptedModel([call_tool("pay"), "Done."]), tools=[pay], hooks=[approve])
    result = agent.run("Pay.", result_format="object")
    assert result.outcome.kind == "suspended"
    assert [request.round for request in asked] == [1, 2, 3]


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
        with pytest.raises(PolicyError, match=r"Another process goes on with|was decided before"):
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
        with pytest.raises(PolicyError, match="decided before: reject by carol"):
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
    with pytest.raises(PolicyError, match="decided before: reject by carol"):
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
    with pytest.raises(PolicyError, match="no decision to revoke"):
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
    for actor in ("bob", "BOB", ""):
        with pytest.raises(PolicyError, match=r"may reject|must be named"):
            store.resolve(request.request_id, ApprovalDecision.approve(actor=actor))
    till = Till("Done.", hook=hook(store=store, separate_reviewer=True))
    with pytest.raises(PolicyError, match="may reject"):
        till.agent.resume(journal, ApprovalDecision.approve(actor="bob"))
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(5, "ann")])


@pytest.mark.parametrize("scope", ["user", "session"])
@pytest.mark.parametrize("approved", [True, False])
def test_a_decision_is_remembered_until_it_is_revoked(scope: str, approved: bool) -> None:
    journals = MemoryJournalStore()
    store = ReviewStore(journals)

    def run(session: str, user: str = "bob", arguments: dict[str, JsonValue] | None = None) -> tuple[str, Till]:
        till = Till(call_tool("pay", **(arguments or {"amount": 5, "to": "ann"})), "Done.", hook=hook(store=store))
        agent = LightAgent(
            name="till",
            model=till.model,
            tools=list(till.agent.means.catalogue.own.values()),
            hooks=[hook(store=store)],
            session_store=journals,
        )
        result = agent.run("Pay.", result_format="object", user_id=user, session_id=session)
        return result.outcome.kind, till

    assert run("monday")[0] == "suspended"
    (request,) = store.list_pending()
    decision = ApprovalDecision.approve(actor="carol") if approved else ApprovalDecision.reject("No.", actor="carol")
    asyncio.run(store.reviews.decide(request.request_id, decision, remember="user" if scope == "user" else "session"))
    (known,) = asyncio.run(remembered(store.reviews))
    assert (known.user_id, known.session_id) == ("bob", "" if scope == "user" else "monday")
    # The turn of that session still waits; a run in another one, or of another user, is another matter.
    outcome, till = run("tuesday")
    assert outcome == ("completed" if scope == "user" else "suspended")
    assert till.paid == ([(5, "ann")] if scope == "user" and approved else [])
    assert run("tuesday", user="dave")[0] == "suspended"
    assert run("wednesday", arguments={"amount": 6, "to": "ann"})[0] == "suspended"
    gone = asyncio.run(store.reviews.remembered.revoke(known.remembered_id, known.user_id, known.session_id, actor="c"))
    assert gone
    assert asyncio.run(remembered(store.reviews)) == []
    assert run("thursday")[0] == "suspended"


async def remembered(reviews: Reviews) -> list[RememberedDecision]:
    return [one async for one in reviews.remembered.list()]


def test_what_cannot_be_remembered_is_refused_before_it_is_decided(store: ReviewStore) -> None:
    ask(hook(store=store))
    (request,) = store.list_pending()
    for decision in (ApprovalDecision.approve(), ApprovalDecision.respond("x")):
        with pytest.raises(ConfigurationError, match="remember"):
            store.resolve(request.request_id, decision, remember="user")  # It belongs to nobody by name.
    assert len(store.list_pending()) == 1


def test_a_waiting_request_is_told_to_somebody_and_a_failure_changes_nothing(store: ReviewStore) -> None:
    told: list[str] = []

    async def notify(request: ApprovalRequest) -> None:
        told.append(request.request_id)
        raise ConnectionError("down")

    result = ask(hook(store=store, webhook=notify))
    (request,) = store.list_pending()
    assert told == [request.request_id]
    assert problems(result) == ["Nobody was told that pay waits. It raised ConnectionError."]
    Till("Done.", hook=hook(store=store, webhook=notify)).agent.resume(result.journal, ApprovalDecision.approve())
    assert len(told) == 1


class BrokenStore(WrappedStore):
    """A store that cannot be written while it is broken."""

    broken = False

    async def before(self, *, writes: bool) -> None:
        if writes and self.broken:
            raise StoreError("the disk is full")


def test_a_store_that_fails_leaves_the_run_waiting_and_is_told_when_it_is_resumed() -> None:
    journals = BrokenStore(MemoryJournalStore())
    store = ReviewStore(journals)
    journals.broken = True
    result = ask(hook(store=store))
    assert problems(result) == ["the disk is full"]
    till = Till("Done.", hook=hook(store=store))
    with pytest.raises(StoreError):
        till.agent.resume(result.journal)
    journals.broken = False
    with pytest.raises(ConfigurationError, match="waits for a decision"):
        till.agent.resume(result.journal)
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve())
    journals.broken = True
    with pytest.raises(StoreError):
        till.agent.resume(result.journal)  # What cannot be taken is not acted on.
    assert till.paid == []
    journals.broken = False
    assert (till.agent.resume(result.journal).content, till.paid) == ("Done.", [(5, "ann")])


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


async def test_a_sealed_store_that_was_edited_behind_its_back_is_refused(tmp_path: Path) -> None:
    """Who can write to the store, but has no key, makes no approval of a rejection."""
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(SealedJournalStore(editor.open(), KEYS, patience=0))
    till = Till(PAY, "Done.", hook=hook(store=store))
    result = await till.agent.arun("Pay.", result_format="object")
    [review] = [review async for review in store.reviews.list()]
    await store.reviews.decide(review.request.request_id, ApprovalDecision.reject("No.", actor="carol"))
    raw = editor.take(review_key(review.request))
    forged = [replace(one, content=one.content.replace('"reject"', '"approve"')) for one in raw.entries]
    assert forged != list(raw.entries)
    editor.put(raw.with_entries(forged))
    with pytest.raises(TamperedStream):
        await till.agent.aresume(result.journal)
    assert till.paid == []


def test_many_threads_and_processes_lose_no_request(tmp_path: Path) -> None:
    """16 threads, each with a store of its own in one directory; the 0.9 line lost approvals and raised."""

    def one(number: int) -> str:
        store = JsonReviewStore(tmp_path / "reviews")
        journal = ask(hook(store=store), user=f"user {number}").journal
        (request,) = store.list_pending(f"user {number}")
        store.resolve(request.request_id, ApprovalDecision.approve())
        till = Till("Done.", hook=hook(store=store))
        content = till.agent.resume(journal).content
        store.close()
        return f"{content} {till.paid}"

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(32))) == {"Done. [(5, 'ann')]"}
    assert len(asyncio.run(statuses_of(JsonReviewStore(tmp_path / "reviews")))) == 32


def test_feedback_is_kept_with_its_run(store: ReviewStore) -> None:
    result = ask(hook(store=store))
    store.add_feedback(HumanFeedback(result.trace_id, rating=0.9, label="correct", reviewer_id="qa-17"))
    store.add_feedback(HumanFeedback(result.trace_id, comment="Too slow.", metadata={"seconds": 3}))
    store.add_feedback(HumanFeedback("another", label="wrong"))
    found = reopened(store).list_feedback(result.trace_id)
    assert [(one.label, one.comment) for one in found] == [("correct", None), (None, "Too slow.")]
    assert found[0].created_at > 0
    assert len(store.list_feedback()) == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: HumanApprovalHook(tools="pay"),
        lambda: HumanApprovalHook(tools=[1]),  # type: ignore[list-item]
        lambda: HumanApprovalHook(timeout=0),
        lambda: HumanApprovalHook(timeout=float("nan")),
        lambda: HumanApprovalHook(reviewer=lambda: True),  # type: ignore[misc,arg-type]
        lambda: HumanApprovalHook(store="reviews.json"),  # type: ignore[arg-type]
        lambda: HumanApprovalHook(webhook="ftp://example.org"),
        lambda: HumanFeedback(""),
    ],
)
def test_wrong_options_are_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()


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
    with pytest.raises(PolicyError, match="Another process goes on"):
        await agent("Done.").aresume(journal)
    go_on.set()
    assert (await first).content == "Done."
    assert paid == [5]


@pytest.mark.parametrize("what", ["run", "session", "user"])
async def test_reviews_are_forgotten_with_what_they_are_about(what: str) -> None:
    journals = MemoryJournalStore()
    store = ReviewStore(journals)

    async def ask_in(session: str | None) -> RunResult[str]:
        till = Till(PAY, hook=hook(store=store))
        kept = None if session else journals
        agent = LightAgent(
            name="till",
            model=till.model,
            tools=list(till.agent.means.catalogue.own.values()),
            hooks=[hook(store=store)],
            session_store=journals,
        )
        return await agent.arun("Pay.", user_id="bob", session_id=session, journal=kept, result_format="object")

    result, other = await ask_in("s" if what == "session" else None), await ask_in("t")
    if what == "run":
        await Runs(journals).forget(result.run_id, "bob")
    elif what == "session":
        await Sessions(journals).forget("s", "bob")
    else:
        await journals.forget(Scope(user="bob"))
    left = [review.request.run_id async for review in store.reviews.list()]
    assert left == ([] if what == "user" else [other.run_id])


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


async def test_a_listing_tells_of_a_review_that_was_damaged_after_the_others(tmp_path: Path) -> None:
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(editor.open())
    results = [
        await Till(PAY, hook=hook(store=store)).agent.arun("Pay.", user_id=user, result_format="object")
        for user in ("ann", "bob", "eve")
    ]
    requests = {review.request.user_id: review.request async for review in store.reviews.list()}
    raw = editor.take(review_key(requests["bob"]))
    changed = [replace(one, content=one.content.replace('"amount":5', '"amount":9')) for one in raw.entries]
    editor.put(raw.with_entries(changed))
    found: list[str] = []

    async def read() -> None:
        async for review in store.reviews.list():
            found.extend([review.request.user_id])

    with pytest.raises(IncompleteListing, match="the arguments are not those that the request is bound to"):
        await read()
    assert sorted(found) == ["ann", "eve"]
    with pytest.raises(LightAgentError, match="the arguments are not those"):
        await Till("Done.", hook=hook(store=store)).agent.aresume(results[1].journal)


async def test_a_hook_without_a_store_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.human_review.MOST_USED", 5)
    desk = HumanApprovalHook(reviewer=lambda request: True)

    def reply(request: ChatRequest) -> Reply:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else PAY

    till = Till(hook=desk)
    agent = LightAgent(
        name="till",
        model=ScriptedModel(reply, record=False),
        tools=list(till.agent.means.catalogue.own.values()),
        hooks=[desk],
    )
    for _ in range(20):
        assert await agent.arun("Pay.") == "Done."
    assert len(till.paid) == 20
    assert [review.status async for review in desk.reviews.list(status=None)] == ["used"] * 5
