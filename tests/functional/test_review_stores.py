"""What is kept of reviews, and what becomes of it: remembered, forgotten, damaged, forged, or not written at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    HumanFeedback,
    InMemoryReviewStore,
    JsonReviewStore,
    LightAgent,
    PolicyError,
    RememberedDecision,
    Reviews,
    ReviewStore,
    RunResult,
    Runs,
    Scope,
    Sessions,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.application.reviews.streams import review_key
from lightagent.domain.errors import StoreError, TamperedStream
from lightagent.domain.json_types import JsonValue
from lightagent.testing import Reply, call_tool
from tests.support.journal_editor import MemoryEditor
from tests.support.review_till import PAY, Till, ask, hook, problems, reopened, statuses_of
from tests.support.wrapped_journals import KEYS, WrappedStore

T = TypeVar("T")


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReviewStore:
    return InMemoryReviewStore() if request.param == "memory" else JsonReviewStore(tmp_path / "reviews")


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


async def test_a_sealed_store_that_was_put_back_does_not_give_a_decision_again(tmp_path: Path) -> None:
    """A copy of the store from before the payment would let one approval pay twice."""
    editor = MemoryEditor(tmp_path)
    heads = FileHeads(tmp_path / "heads")

    def opened() -> ReviewStore:
        return ReviewStore(SealedJournalStore(editor.open(), KEYS, heads, patience=0))

    result = await Till(PAY, hook=hook(store=opened())).agent.arun("Pay.", result_format="object")
    [review] = [review async for review in opened().reviews.list()]
    await opened().reviews.decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    before = editor.copy()
    till = Till("Done.", hook=hook(store=opened()))
    await till.agent.aresume(result.journal.to_json())
    editor.restore(before)
    with pytest.raises(TamperedStream):
        await Till("Done.", hook=hook(store=opened())).agent.aresume(result.journal.to_json())
    assert till.paid == [(5, "ann")]


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


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("how", ["undo", "replaced"])
async def test_requests_of_a_turn_that_was_taken_back_are_withdrawn(how: str, decided: bool) -> None:
    journals = MemoryJournalStore()
    store = ReviewStore(journals)

    def agent(*replies: Reply) -> LightAgent[None, str]:
        till = Till(*replies, hook=hook(store=store))
        tools = list(till.agent.means.catalogue.own.values())
        return LightAgent(name="till", model=till.model, tools=tools, hooks=[hook(store=store)], session_store=journals)

    first = await agent(PAY).arun("Pay.", user_id="bob", session_id="s", result_format="object")
    [asked] = [review async for review in store.reviews.list()]
    approve = ApprovalDecision.approve(actor="carol")
    if decided:
        await store.reviews.decide(asked.request.request_id, approve)
    if how == "undo":
        await Sessions(journals).undo("s", "bob")
    else:
        await agent("No.").arun("Rather not.", user_id="bob", session_id="s", replace_turn=first.run_id)
    assert await statuses_of(store) == ["revoked"]
    assert store.list_pending() == []
    with pytest.raises(PolicyError, match="taken back"):
        await store.reviews.decide(asked.request.request_id, approve)


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


@pytest.mark.parametrize("wrong", [None, 5, ["carol"], b"carol"])
def test_what_could_not_be_read_again_is_not_written(store: ReviewStore, wrong: object) -> None:
    """One such entry would make its whole stream unreadable, and the run could never go on."""
    journal = ask(hook(store=store), user="bob").journal
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"), remember="user")
    for name in ("actor", "reason"):
        with pytest.raises(ConfigurationError, match=r"review_revoked|would be read as something else"):
            asyncio.run(store.reviews.revoke(request.request_id, **{name: wrong}))  # type: ignore[arg-type]
    remembered = store.reviews.remembered
    (known,) = asyncio.run(_all(remembered.list()))
    with pytest.raises(ConfigurationError, match="Nothing was written"):
        asyncio.run(remembered.revoke(known.remembered_id, "bob", actor=wrong))  # type: ignore[arg-type]
    for feedback in ({"label": wrong or 5}, {"rating": wrong or float("nan")}):
        if feedback != {"rating": 5}:
            with pytest.raises(ConfigurationError, match="Nothing was written"):
                store.add_feedback(HumanFeedback("trace", **feedback))  # type: ignore[arg-type]
    assert store.list_feedback() == []
    assert asyncio.run(_all(remembered.list())) == [known]
    till = Till("Done.", hook=hook(store=store))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(5, "ann")])


async def _all(found: AsyncIterator[T]) -> list[T]:
    return [one async for one in found]


def test_feedback_is_kept_with_its_run(store: ReviewStore) -> None:
    result = ask(hook(store=store))
    kept = store.add_feedback(HumanFeedback(result.trace_id, rating=0.9, label="correct", reviewer_id="qa-17"))
    store.add_feedback(HumanFeedback(result.trace_id, comment="Too slow.", metadata={"seconds": 3}))
    store.add_feedback(HumanFeedback("another", label="wrong"))
    found = reopened(store).list_feedback(result.trace_id)
    assert [(one.label, one.comment) for one in found] == [("correct", None), (None, "Too slow.")]
    assert found[0] == kept
    assert kept.created_at > 0
    assert len(store.list_feedback()) == 3
