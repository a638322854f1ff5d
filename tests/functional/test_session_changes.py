"""Taking back turns, asking again, checkpoints, forks and replays of sessions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    JournalStore,
    LightAgent,
    PolicyError,
    RunResult,
    Sessions,
    SessionTurn,
)
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.sessions.load import load_session, session_key
from lightagent.domain.errors import LeaseHeld
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope
from lightagent.testing.system import ManualClock
from tests.functional.test_sessions import ROOT, Shop
from tests.servers.json_values import JsonObject
from tests.support.random_sessions import Plan, Scene, build_agent, marks
from tests.support.wrapped_journals import KEYS, MortalStore, WrappedStore

KEY = session_key(Scope(user="ann", session="s"))


@pytest.fixture(params=["memory", "sealed"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalStore]:
    store: JournalStore
    if request.param == "sealed":
        store = SealedJournalStore(SqliteJournalStore(tmp_path / "journals.db"), KEYS)
    else:
        store = MemoryJournalStore()
    yield store
    await store.aclose()


async def ask(store: JournalStore, *queries: str, session: str = "s", shop: Shop | None = None) -> Shop:
    """Ask each in a turn of the session, and give who was asked."""
    shop = shop or Shop(store)
    for query in queries:
        await shop.agent.arun(query, session_id=session, user_id="ann", result_format="object")
    return shop


async def said(store: JournalStore, session: str = "s", *, everything: bool = False) -> list[str]:
    """What was said, as a process reads it that has never seen the session."""
    sessions = Sessions(WrappedStore(store))
    messages = await sessions.messages(session, "ann", include_incomplete_turns=everything)
    return [str(message["content"]) for message in messages]


async def turns(store: JournalStore, session: str = "s") -> list[SessionTurn]:
    return [turn async for turn in Sessions(WrappedStore(store)).replay(session, "ann")]


async def log(store: JournalStore, key: StreamKey = KEY) -> list[str]:
    return [entry.content for entry in (await store.read(key)).entries]


async def test_the_last_turn_is_taken_back_and_stays_in_the_log(store: JournalStore) -> None:
    await ask(store, "one", "two")
    before = await log(store)
    taken = await Sessions(store).undo("s", "ann")
    assert (taken.query, taken.status, taken.undone) == ("two", "completed", True)
    assert await said(store) == ["one", "Heard 'one'."]
    assert (await log(store))[:-1] == before
    shop = await ask(store, "three")
    assert shop.asked == [["user: one", "assistant: Heard 'one'.", "user: three"]]
    assert [(turn.query, turn.undone) for turn in await turns(store)] == [
        ("one", False),
        ("two", True),
        ("three", False),
    ]


async def test_turns_are_taken_back_to_the_first_however_they_ended(store: JournalStore) -> None:
    await ask(store, "one", "fail", "two", "pay")
    sessions, queries = Sessions(store), list[object]()
    for _ in range(4):
        queries.append((await sessions.undo("s", "ann")).query)
    assert queries == ["pay", "two", "fail", "one"]
    assert await said(store, everything=True) == []
    with pytest.raises(ConfigurationError, match="no turn that could be taken back"):
        await sessions.undo("s", "ann")
    with pytest.raises(ConfigurationError, match="no session"):
        await sessions.undo("s", "bob")
    await ask(store, "again")
    assert await said(store) == ["again", "Heard 'again'."]


async def test_a_turn_that_waits_is_given_up_and_cannot_be_resumed_afterwards(store: JournalStore) -> None:
    shop = await ask(store, "one", "pay")
    sessions = Sessions(store)
    journal = await sessions.journal("s", "ann")
    assert journal is not None
    assert (await sessions.undo("s", "ann")).status == "suspended"
    assert await sessions.journal("s", "ann") is None
    with pytest.raises(ConfigurationError, match="no turn to resume"):
        await shop.agent.aresume(journal, ApprovalDecision.approve())
    assert not shop.paid
    assert await said(store) == ["one", "Heard 'one'."]


async def test_a_turn_that_is_under_way_cannot_be_taken_back(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightagent.application.sessions.sessions.SESSION_WAIT", 0.0)
    shop = Shop(store)
    shop.hold.clear()
    turn = asyncio.create_task(ask(store, "wait", shop=shop))
    await shop.entered.wait()
    with pytest.raises(LeaseHeld):
        await Sessions(store).undo("s", "ann")
    shop.hold.set()
    await turn
    assert (await said(store))[0] == "wait"


async def test_a_turn_is_asked_again_in_the_place_of_the_last_one(store: JournalStore) -> None:
    shop = await ask(store, "one", "fail")
    last = await Sessions(store).last_turn("s", "ann")
    assert last is not None
    assert last.query == "fail"
    await shop.agent.arun("two", session_id="s", user_id="ann", replace_turn=last.run_id)
    last = await Sessions(store).last_turn("s", "ann")
    assert last is not None
    assert last.query == "two"
    assert await shop.agent.arun(last.query, session_id="s", user_id="ann", replace_turn=last.run_id) == "Heard 'two'."
    assert shop.asked[-1] == ["user: one", "assistant: Heard 'one'.", "user: two"]
    assert await said(store, everything=True) == ["one", "Heard 'one'.", "two", "Heard 'two'."]
    assert [turn.undone for turn in await turns(store)] == [False, True, True, False]


async def test_a_turn_that_is_not_the_last_one_is_not_replaced(store: JournalStore) -> None:
    shop = await ask(store, "one", "two")
    first = (await turns(store))[0].run_id
    before = await log(store)
    with pytest.raises(PolicyError, match="not the last turn"):
        await shop.agent.arun("x", session_id="s", user_id="ann", replace_turn=first)
    assert await log(store) == before
    with pytest.raises(ConfigurationError, match="no session_id"):
        await shop.agent.arun("x", replace_turn=first)
    with pytest.raises(ConfigurationError, match="replace_turn is empty"):
        await shop.agent.arun("x", session_id="s", user_id="ann", replace_turn="")


async def test_a_turn_that_never_begins_takes_nothing_back() -> None:
    store = MemoryJournalStore()
    await ask(store, "one")
    last = (await turns(store))[0].run_id
    mortal = MortalStore(store, 0, commits=False)
    asked = asyncio.create_task(
        Shop(mortal).agent.arun("two", session_id="s", user_id="ann", replace_turn=last, result_format="object")
    )
    await mortal.dead.wait()
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert await said(store) == ["one", "Heard 'one'."]


async def test_turns_that_did_not_complete_are_in_the_conversation_where_they_are_asked_for(
    store: JournalStore,
) -> None:
    shop = await ask(store, "one", "fail", "two")
    assert shop.asked[-1] == ["user: one", "assistant: Heard 'one'.", "user: two"]
    assert await said(store, everything=True) == ["one", "Heard 'one'.", "fail", "two", "Heard 'two'."]
    agent = shop.agent
    await agent.arun("three", session_id="s", user_id="ann", include_incomplete_turns=True)
    whole = ["user: one", "assistant: Heard 'one'.", "user: fail", "user: two", "assistant: Heard 'two'."]
    assert shop.asked[-1] == [*whole, "user: three"]
    await agent.arun("four", session_id="s", user_id="ann")
    assert shop.asked[-1] == [*whole, "user: three", "assistant: Heard 'three'.", "user: four"]
    sessions = Sessions(WrappedStore(store))
    await sessions.undo("s", "ann")
    await sessions.undo("s", "ann")
    assert await said(store) == ["one", "Heard 'one'.", "two", "Heard 'two'."]
    await agent.arun("five", session_id="s", user_id="ann")
    assert shop.asked[-1] == [
        "user: one",
        "assistant: Heard 'one'.",
        "user: two",
        "assistant: Heard 'two'.",
        "user: five",
    ]


async def test_a_turn_that_includes_incomplete_ones_and_fails_leaves_them_out_again(store: JournalStore) -> None:
    shop = await ask(store, "one", "fail")
    await shop.agent.arun("fail", session_id="s", user_id="ann", include_incomplete_turns=True, result_format="object")
    assert shop.asked[-1] == ["user: one", "assistant: Heard 'one'.", "user: fail", "user: fail"]
    assert await said(store) == ["one", "Heard 'one'."]
    assert await said(store, everything=True) == ["one", "Heard 'one'.", "fail", "fail"]


async def test_a_turn_with_incomplete_ones_that_waits_is_resumed_elsewhere(store: JournalStore) -> None:
    shop = await ask(store, "one", "fail")
    await shop.agent.arun("pay", session_id="s", user_id="ann", include_incomplete_turns=True, result_format="object")
    journal = await Sessions(WrappedStore(store)).journal("s", "ann")
    assert journal is not None
    other = Shop(WrappedStore(store))
    await other.agent.aresume(journal, ApprovalDecision.approve())
    assert other.asked[-1][:4] == ["user: one", "assistant: Heard 'one'.", "user: fail", "user: pay"]
    assert (await said(store))[2:4] == ["fail", "pay"]


async def test_a_fork_goes_on_for_itself(store: JournalStore) -> None:
    sessions = Sessions(store)
    await ask(store, "one")
    await sessions.checkpoint("s", "start", "ann")
    await ask(store, "two", "three")
    second = (await turns(store))[1].run_id
    await sessions.fork("s", "at the start", "ann", checkpoint="start")
    await sessions.fork("s", "after two", "ann", turn=second)
    await sessions.fork("s", "whole", "ann")
    for name, count in (("at the start", 2), ("after two", 4), ("whole", 6)):
        whole = ["one", "Heard 'one'.", "two", "Heard 'two'.", "three", "Heard 'three'."]
        assert await said(store, name) == whole[:count]
        await ask(store, "mine", session=name)
        assert await said(store, name) == [*whole[:count], "mine", "Heard 'mine'."]
    await ask(store, "four")
    assert (await said(store))[-2:] == ["four", "Heard 'four'."]
    await sessions.undo("after two", "ann")
    await sessions.undo("after two", "ann")
    assert await said(store, "after two") == ["one", "Heard 'one'."]
    assert len(await said(store)) == 8


async def test_a_fork_leaves_out_the_turn_that_is_open(store: JournalStore) -> None:
    await ask(store, "one", "pay")
    await Sessions(store).fork("s", "other", "ann")
    assert [info.status async for info in Sessions(store).list("ann")] == ["idle", "waiting"]
    await ask(store, "two", session="other")
    assert (await said(store, "other"))[-2:] == ["two", "Heard 'two'."]


async def test_a_checkpoint_outlives_what_is_taken_back(store: JournalStore) -> None:
    sessions = Sessions(store)
    await ask(store, "one", "two")
    await sessions.checkpoint("s", "two turns", "ann")
    await sessions.undo("s", "ann")
    await sessions.fork("s", "back then", "ann", checkpoint="two turns")
    assert len(await said(store, "back then")) == 4
    assert [one.name for one in await sessions.checkpoints("back then", "ann")] == ["two turns"]
    with pytest.raises(ConfigurationError, match="already"):
        await sessions.checkpoint("s", "two turns", "ann")
    await ask(store, "pay")
    with pytest.raises(PolicyError, match="has not ended"):
        await sessions.checkpoint("s", "amid", "ann")


async def test_a_fork_that_cannot_be_is_refused(store: JournalStore) -> None:
    sessions = Sessions(store)
    await ask(store, "one")
    await ask(store, "other", session="other")
    with pytest.raises(ConfigurationError, match="already"):
        await sessions.fork("s", "other", "ann")
    for problem, arguments in (
        ("no checkpoint", {"checkpoint": "x"}),
        ("no turn", {"turn": "x"}),
        ("two places", {"checkpoint": "x", "turn": "x"}),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            await sessions.fork("s", "new", "ann", **arguments)
    with pytest.raises(ConfigurationError, match="no session"):
        await sessions.fork("s", "new", "bob")
    assert [info.session_id async for info in sessions.list("ann")] == ["other", "s"]


async def test_turns_are_replayed_without_model_and_tools(store: JournalStore) -> None:
    shop, results = Shop(store), list[RunResult[str]]()
    for query in ("one", "fail", "wait"):
        results.append(await shop.agent.arun(query, session_id="s", user_id="ann", trace=True, result_format="object"))
    asked = len(shop.asked)
    told = await turns(store)
    assert [turn.status for turn in told] == ["completed", "failed", "completed"]
    for turn, result in zip(told, results, strict=True):
        assert turn.journal == result.journal
        assert turn.trace() == result.trace
        again = shop.agent.replay(turn.journal)
        assert (again.content, again.outcome) == (result.content, result.outcome)
    assert [len(turn.messages) for turn in told] == [2, 2, 6]
    assert len(shop.asked) == asked


async def test_a_turn_under_way_is_replayed_as_far_as_it_has_come(store: JournalStore) -> None:
    await ask(store, "one", "pay")
    last = (await turns(store))[-1]
    assert (last.query, last.status, last.undone) == ("pay", "suspended", False)


async def test_a_compacted_conversation_comes_back_when_the_turn_that_compacted_it_is_taken_back() -> None:
    store, scene = MemoryJournalStore(), Scene()
    agent = build_agent(scene, store, compact=4, clock=ManualClock())
    for number in range(5):
        await agent.arun(Plan("ann", number, (("act",),)).query(), session_id="s", user_id="ann")
    sessions = Sessions(store)
    compacted = [len(turn.messages) for turn in await turns(store)]
    assert compacted != sorted(compacted), "nothing was made short"
    for number in range(4, -1, -1):
        assert await load_session(store, KEY) == await load_session(WrappedStore(store), KEY)
        await sessions.undo("s", "ann")
        messages = await Sessions(WrappedStore(store)).messages("s", "ann")
        assert marks([dict(message) for message in messages]) == [f"ann-{one:05}" for one in range(number)]
        assert len(messages) == ([0, *compacted])[number]


FORK = """
import asyncio, sys
from lightagent import LightAgent, Sessions
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.sqlite import SqliteJournalStore

async def main():
    store = SqliteJournalStore(sys.argv[1])
    await Sessions(store).fork("s", "fork", "ann", checkpoint="here")
    agent = LightAgent(model=ScriptedModel(["Yes."]), session_store=store)
    print(await agent.arun("and?", session_id="fork", user_id="ann"))
    await store.aclose()

asyncio.run(main())
"""


async def test_a_fork_is_made_and_goes_on_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    store = SqliteJournalStore(path)
    await ask(store, "one")
    await Sessions(store).checkpoint("s", "here", "ann")
    await ask(store, "two")
    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FORK, str(path)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.strip() == "Yes.", told.stderr
    assert await said(store, "fork") == ["one", "Heard 'one'.", "and?", "Yes."]
    assert await said(store) == ["one", "Heard 'one'.", "two", "Heard 'two'."]
    await store.aclose()


async def test_what_is_asked_again_may_hold_parts() -> None:
    store = MemoryJournalStore()
    agent = LightAgent(model=ScriptedModel(["A cat.", "A dog."]), session_store=store)
    query: list[JsonObject] = [{"type": "text", "text": "What is this?"}]
    assert await agent.arun(query, session_id="s", user_id="ann") == "A cat."
    last = await Sessions(store).last_turn("s", "ann")
    assert last is not None
    assert last.query == tuple(query)
    assert await agent.arun(last.query, session_id="s", user_id="ann", replace_turn=last.run_id) == "A dog."
    assert json.loads(json.dumps(await Sessions(store).messages("s", "ann")))[0]["content"] == query
