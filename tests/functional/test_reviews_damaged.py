"""A stream that cannot be read is reported as such, and stops no decision about another request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from lightagent import ApprovalDecision, ApprovalRequest, HumanFeedback, JsonReviewStore, LightAgentError, ReviewStore
from lightagent.domain.errors import IncompleteListing
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.testing import call_tool
from tests.support.journal_editor import MemoryEditor
from tests.support.review_till import PAY, Till, ask, hook

T = TypeVar("T")


async def all_that_can_be_read(listing: AsyncIterator[T]) -> tuple[list[T], str]:
    """What a listing gives, and the error that ends it."""
    found = list[T]()
    try:
        async for one in listing:
            found.append(one)
    except IncompleteListing as error:
        return found, error.message
    raise AssertionError("The listing is complete.")


async def key_of(store: ReviewStore, kind: str, user: str | None = None) -> StreamKey:
    """The key of the only stream of a kind, or of the only one that belongs to a user."""
    (stream,) = (await store.journals.list(StreamQuery(kind=kind, user=user))).streams
    return stream.key


def change(editor: MemoryEditor, key: StreamKey, edit: Callable[[str], str]) -> None:
    raw = editor.take(key)
    changed = [replace(one, content=edit(one.content)) for one in raw.entries]
    assert changed != list(raw.entries)
    editor.put(raw.with_entries(changed))


async def requests_of(store: ReviewStore, *users: str) -> dict[str, ApprovalRequest]:
    """Requests of runs that wait, one for each user."""
    for user in users:
        await Till(PAY, hook=hook(store=store)).agent.arun("Pay.", user_id=user, result_format="object")
    return {review.request.user_id: review.request async for review in store.reviews.list()}


@pytest.mark.parametrize("content", [b"", b"\x00\n", b'{"kind": "review"'], ids=["empty", "no JSON", "cut"])
def test_a_file_that_cannot_be_read_stops_no_decision_about_another_request(tmp_path: Path, content: bytes) -> None:
    store = JsonReviewStore(tmp_path)
    journal = ask(hook(store=store), user="bob").journal
    (request,) = store.list_pending()
    intact = {*(tmp_path / "streams").iterdir()}
    ask(hook(store=store), user="ann")
    (damaged,) = {*(tmp_path / "streams").iterdir()} - intact
    damaged.write_bytes(content)
    assert store.get_request(request.request_id) == request
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    till = Till("Done.", hook=hook(store=store))
    assert (till.agent.resume(journal).content, till.paid) == ("Done.", [(5, "ann")])
    with pytest.raises(IncompleteListing):
        store.get_request("0" * 32)  # It may be the one that cannot be read.
    at_once = Till(PAY, "Done.", hook=hook(store=store, reviewer=lambda request: True))
    assert (at_once.agent.run("Pay."), at_once.paid) == ("Done.", [(5, "ann")])


async def test_a_listing_gives_all_other_reviews_before_it_reports_the_damaged_ones(tmp_path: Path) -> None:
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(editor.open())
    requests = await requests_of(store, "ann", "bob", "eve")
    journal = (
        await Till(PAY, hook=hook(store=store)).agent.arun("Pay.", user_id="dave", result_format="object")
    ).journal
    for user in ("bob", "dave"):
        change(editor, await key_of(store, "review", user), lambda text: text.replace('"amount":5', '"amount":9'))
    found, message = await all_that_can_be_read(store.reviews.list())
    assert sorted(review.request.user_id for review in found) == ["ann", "eve"]
    assert message.count("the arguments are not those that the request is bound to") == 2
    assert requests["bob"].request_id in message
    with pytest.raises(LightAgentError, match="the arguments are not those"):
        await Till("Done.", hook=hook(store=store)).agent.aresume(journal)


def test_a_request_whose_log_was_changed_is_not_reported_as_missing(tmp_path: Path) -> None:
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(editor.open())
    ask(hook(store=store), user="bob")
    (request,) = store.list_pending()
    assert store.get_request("0" * 32) is None
    assert store.get_decision("0" * 32) is None
    key = asyncio.run(key_of(store, "review"))
    change(editor, key, lambda text: text.replace('"amount":5', '"amount":9'))
    for read in (store.get_request, store.get_decision):
        with pytest.raises(LightAgentError, match="the arguments are not those"):
            read(request.request_id)


EDITS: dict[str, Callable[[str], str]] = {
    "no JSON": lambda text: text[:-1],
    "another type": lambda text: text.replace('"at":', '"at":"soon","was":').replace(
        '"rating":', '"rating":"good","r":'
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_a_remembered_decision_that_was_changed_is_reported_after_the_others(
    tmp_path: Path, edit: Callable[[str], str]
) -> None:
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(editor.open())
    for user, request in (await requests_of(store, "ann", "bob")).items():
        await store.reviews.decide(request.request_id, ApprovalDecision.approve(actor="carol"), user, remember="user")
    change(editor, await key_of(store, "remembered_decision", "bob"), edit)
    found, message = await all_that_can_be_read(store.reviews.remembered.list())
    assert [one.user_id for one in found] == ["ann"]
    assert "Remembered decision: entry 1" in message
    till = Till(call_tool("pay", amount=5, to="ann"), hook=hook(store=store))
    result = await till.agent.arun("Pay.", user_id="bob", result_format="object")
    assert (result.outcome.kind, till.paid) == ("suspended", [])


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_feedback_that_was_changed_is_reported_after_the_other(
    tmp_path: Path, edit: Callable[[str], str]
) -> None:
    editor = MemoryEditor(tmp_path)
    store = ReviewStore(editor.open())
    await store.feedback.add(HumanFeedback("damaged", reviewer_id="carol"))
    damaged = await key_of(store, "feedback")
    await store.feedback.add(HumanFeedback("intact", reviewer_id="carol"))
    change(editor, damaged, edit)
    found, message = await all_that_can_be_read(store.feedback.list())
    assert [one.trace_id for one in found] == ["intact"]
    assert "Feedback: entry 1" in message
    with pytest.raises(LightAgentError, match="not what was written"):
        [one async for one in store.feedback.list("damaged")]
