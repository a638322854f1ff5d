"""What is kept of sessions: whole ones are pruned, long ones are trimmed at their front and go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    JournalStore,
    LightAgent,
    PrunedSessions,
    Sessions,
    TrimmedSession,
)
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals.spilled_results import SpilledResult, put_aside, spilled_keys
from lightagent.application.journals.verify import verify_journals
from lightagent.application.sessions.load import load_session
from lightagent.domain.errors import IncompleteListing, StoreError
from lightagent.domain.journals.streams import StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.testing.system import ManualClock
from tests.functional.test_session_changes import KEY, ask, log, said, turns
from tests.functional.test_sessions import Shop
from tests.support.session_talks import Now
from tests.support.wrapped_journals import KEYS, MortalStore, StoppingStore, WrappedStore

DAY = 86_400.0


@pytest.fixture(params=["memory", "sqlite", "files", "sealed"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalStore]:
    store: JournalStore
    if request.param == "sqlite":
        store = SqliteJournalStore(tmp_path / "journals.db")
    elif request.param == "files":
        store = JsonFilesJournalStore(tmp_path / "journals")
    elif request.param == "sealed":
        heads = FileHeads(tmp_path / "heads", fsync=False)
        store = SealedJournalStore(SqliteJournalStore(tmp_path / "journals.db"), KEYS, heads)
    else:
        store = MemoryJournalStore()
    yield store
    await store.aclose()


class Calendar:
    """Sessions and agents that share a clock."""

    def __init__(self, store: JournalStore) -> None:
        self.clock = ManualClock()
        self.store = store
        self.sessions = Sessions(store, self.clock.now)

    async def ask(self, session: str = "s", query: str = "hello", user: str = "ann") -> None:
        agent = LightAgent(model=ScriptedModel(["Yes."]), session_store=self.store, clock=self.clock)
        await agent.arun(query, session_id=session, user_id=user)

    async def names(self, user: str = "ann") -> list[str]:
        return [info.session_id async for info in self.sessions.list(user)]


@pytest.fixture
def calendar(store: JournalStore) -> Calendar:
    return Calendar(store)


def names(pruned: PrunedSessions) -> list[str]:
    return [info.session_id for info in pruned.removed]


async def test_old_sessions_are_pruned_by_their_last_use(calendar: Calendar) -> None:
    for name in ("old", "used again", "new"):
        await calendar.ask(name)
        calendar.clock.advance(20 * DAY)
    await calendar.ask("used again")
    foretold = await calendar.sessions.prune("ann", older_than=30 * DAY, dry_run=True)
    assert names(foretold) == ["old"]
    assert foretold.size > 100
    assert await calendar.names() == ["new", "used again", "old"]
    assert await calendar.sessions.prune("ann", older_than=30 * DAY) == foretold
    assert await calendar.names() == ["new", "used again"]
    assert await calendar.sessions.messages("old", "ann") == ()


async def test_sessions_are_pruned_by_count_and_by_bytes_for_each_user_alone(calendar: Calendar) -> None:
    for name in ("1", "2", "3", "4"):
        for user in ("ann", "bob"):
            await calendar.ask(name, user=user)
            calendar.clock.advance(1.0)
    await calendar.ask("1", user="bob")
    assert names(await calendar.sessions.prune("ann", keep=3)) == ["1"]
    assert sorted(names(await calendar.sessions.prune(None, keep=2))) == ["2", "2", "3"]
    assert (await calendar.names("ann"), await calendar.names("bob")) == (["4", "3"], ["4", "1"])
    size = [info.size async for info in calendar.sessions.list("ann")][-1]
    assert names(await calendar.sessions.prune("ann", max_bytes=size * 3 // 2)) == ["3"]
    assert names(await calendar.sessions.prune("ann", max_bytes=0)) == ["4"]
    assert (await calendar.names("ann"), await calendar.names("bob")) == ([], ["4", "1"])


async def test_a_session_in_use_is_not_pruned(store: JournalStore) -> None:
    shop = await ask(store, "one")
    shop.hold.clear()
    turn = asyncio.create_task(ask(store, "wait", shop=shop))
    await shop.entered.wait()
    for dry_run in (True, False):
        pruned = await Sessions(store).prune("ann", keep=0, dry_run=dry_run)
        assert (names(pruned), [info.session_id for info in pruned.in_use]) == ([], ["s"])
    shop.hold.set()
    await turn
    assert len(await said(store)) == 6
    assert names(await Sessions(store).prune("ann", keep=0)) == ["s"]


@pytest.mark.parametrize(
    ("older_than", "keep"), [(None, None), (None, -1), (-1.0, None), (float("nan"), None), ("30d", None), (None, True)]
)
async def test_pruning_without_a_limit_is_refused(older_than: float | None, keep: int | None) -> None:
    sessions = Sessions(MemoryJournalStore())
    with pytest.raises(ConfigurationError, match="at least one limit"):
        await sessions.prune("ann", older_than=older_than, keep=keep)
    with pytest.raises(ConfigurationError, match="at least one limit"):
        await sessions.trim("s", "ann", older_than=older_than, keep=keep)


async def test_a_trimmed_session_is_read_and_goes_on(store: JournalStore) -> None:
    shop = await ask(store, "one", "fail", "two", "three")
    told = await turns(store)
    before, everything = await said(store), await said(store, everything=True)
    sessions = Sessions(store)
    foretold = await sessions.trim("s", "ann", keep=2, dry_run=True)
    assert (foretold.turns, await said(store)) == (2, before)
    done = await sessions.trim("s", "ann", keep=2)
    assert (done.turns, done.events, done.size) == (foretold.turns, foretold.events, foretold.size)
    assert await said(store) == before
    assert await said(store, everything=True) == everything
    assert await turns(store) == told[2:]
    assert await load_session(store, KEY) == await load_session(WrappedStore(store), KEY)
    await ask(store, "four", shop=shop)
    assert shop.asked[-1] == [
        f"{'user' if place % 2 == 0 else 'assistant'}: {text}" for place, text in enumerate([*before, "four"])
    ]
    assert [turn.query for turn in await turns(store)] == ["two", "three", "four"]
    for query in ("four", "three", "two"):
        assert (await Sessions(WrappedStore(store)).undo("s", "ann")).query == query
    with pytest.raises(ConfigurationError, match="trimmed away"):
        await sessions.undo("s", "ann")
    assert await said(store, everything=True) == ["one", "Heard 'one'.", "fail"]
    assert [fault async for fault in verify_journals(store)] == []


async def test_a_session_is_trimmed_again_and_again(store: JournalStore) -> None:
    shop = Shop(store)
    for number in range(6):
        await ask(store, f"{number}", shop=shop)
        await Sessions(WrappedStore(store)).trim("s", "ann", keep=1)
        await Sessions(WrappedStore(store)).trim("s", "ann", keep=1)
        assert len(await turns(store)) == 1
        assert len(await said(store)) == 2 * number + 2
    assert sum("session_base" in content for content in await log(store)) == 1
    await Sessions(store).trim("s", "ann", keep=0)
    assert await turns(store) == []
    assert len(await log(store)) == 1
    assert await Sessions(store).trim("s", "ann", keep=0) == TrimmedSession()
    await ask(store, "last", shop=shop)
    assert len(shop.asked[-1]) == 13


async def test_a_session_is_trimmed_by_age_and_by_bytes(calendar: Calendar) -> None:
    for number in range(4):
        await calendar.ask(query=str(number))
        calendar.clock.advance(10 * DAY)
    assert (await calendar.sessions.trim("s", "ann", older_than=35 * DAY)).turns == 1
    assert (await calendar.sessions.trim("s", "ann", older_than=35 * DAY)) == TrimmedSession()
    size = sum(len(line) for line in (await log(calendar.store))[-5:-1])
    assert (await calendar.sessions.trim("s", "ann", max_bytes=size * 2)).turns == 2
    assert [turn.query for turn in await turns(calendar.store)] == ["3"]
    assert len(await said(calendar.store)) == 8


async def test_turns_that_were_taken_back_go_with_the_rest(store: JournalStore) -> None:
    sessions = Sessions(store)
    await ask(store, "one", "secret")
    await sessions.undo("s", "ann")
    await ask(store, "two")
    await sessions.undo("s", "ann")
    await sessions.undo("s", "ann")
    await ask(store, "three")
    assert (await sessions.trim("s", "ann", keep=1)).turns == 0
    assert not any("secret" in line or "one" in line for line in await log(store))
    assert await said(store) == ["three", "Heard 'three'."]
    await sessions.undo("s", "ann")
    assert await said(store) == []


async def test_a_session_that_waits_is_trimmed_and_then_resumed(store: JournalStore) -> None:
    await ask(store, "one", "two", "pay")
    assert (await Sessions(store).trim("s", "ann", keep=0)).turns == 2
    journal = await Sessions(WrappedStore(store)).journal("s", "ann")
    assert journal is not None
    shop = Shop(WrappedStore(store))
    result = await shop.agent.aresume(journal, ApprovalDecision.approve())
    assert (result.success, shop.paid) == (True, [3])
    assert (await said(store))[:5] == ["one", "Heard 'one'.", "two", "Heard 'two'.", "pay"]


async def test_a_trimmed_session_is_forked(store: JournalStore) -> None:
    sessions = Sessions(store)
    await ask(store, "one", "two")
    await sessions.checkpoint("s", "gone", "ann")
    await ask(store, "three")
    await sessions.checkpoint("s", "here", "ann")
    await ask(store, "four")
    await sessions.trim("s", "ann", keep=2)
    assert [one.name for one in await sessions.checkpoints("s", "ann")] == ["here"]
    with pytest.raises(ConfigurationError, match="no checkpoint"):
        await sessions.fork("s", "fork", "ann", checkpoint="gone")
    await sessions.fork("s", "fork", "ann", checkpoint="here")
    await sessions.fork("fork", "fork of it", "ann")
    await sessions.trim("s", "ann", keep=0)
    await sessions.fork("s", "bare", "ann")
    for name, count in (("fork", 6), ("fork of it", 6), ("bare", 8)):
        assert len(await said(store, name)) == count
        shop = await ask(store, "five", session=name)
        assert len(shop.asked[-1]) == count + 1
        await Sessions(WrappedStore(store)).trim(name, "ann", keep=1)
        assert len(await said(store, name)) == count + 2


@pytest.mark.parametrize("writes", [1, 2])
async def test_trimming_that_is_stopped_leaves_the_session_as_it_was(writes: int) -> None:
    """A store that is written to so many times, the first of which is nothing but what stands for the front."""
    store = MemoryJournalStore()
    await ask(store, "one", "two", "three")
    before = await said(store)
    with pytest.raises(StoreError):
        await Sessions(StoppingStore(store, writes - 1)).trim("s", "ann", keep=1)
    assert await said(store) == before
    await ask(store, "four")
    assert (await Sessions(WrappedStore(store)).trim("s", "ann", keep=1)).turns == 3
    assert len(await said(store)) == 8


async def test_a_process_that_knew_the_session_before_takes_nothing_back_that_was_trimmed(tmp_path: Path) -> None:
    here, there = SqliteJournalStore(tmp_path / "journals.db"), SqliteJournalStore(tmp_path / "journals.db")
    await ask(here, "one", "two")
    await Sessions(there).trim("s", "ann", keep=0)
    with pytest.raises(ConfigurationError, match="trimmed away"):
        await Sessions(here).undo("s", "ann")
    shop = await ask(here, "three")
    assert len(shop.asked[-1]) == 5
    assert len(await said(there)) == 6
    await here.aclose()
    await there.aclose()


async def test_a_session_whose_front_was_removed_without_a_base_is_refused(store: JournalStore) -> None:
    await ask(store, "one", "two")
    await store.forget(KEY, before=5)
    with pytest.raises(StoreError, match=r"nothing tells what it amounted to.*trim"):
        await Sessions(store).messages("s", "ann")


async def test_an_export_holds_all_that_is_kept_word_for_word(store: JournalStore) -> None:
    await ask(store, "one", "fail", "two")
    sessions = Sessions(store)
    await sessions.undo("s", "ann")
    for kept in (None, 1):
        if kept is not None:
            await sessions.trim("s", "ann", keep=kept)
        lines = [line async for line in sessions.export("s", "ann")]
        first, *entries, last = map(json.loads, lines)
        contents = await log(store)
        assert [entry["content"] for entry in entries] == [json.loads(content) for content in contents]
        assert all(content in line for content, line in zip(contents, lines[1:-1], strict=True))
        assert [entry["sequence"] for entry in entries] == list(range(first["first_entry"], first["last_entry"] + 1))
        assert (first["format"], first["version"], first["session_id"], first["user_id"]) == (
            "lightagent.session",
            1,
            "s",
            "ann",
        )
        assert last == {"entries": len(entries), "results": 0, "complete": True}
    with pytest.raises(ConfigurationError, match="no session"):
        [line async for line in sessions.export("s", "bob")]


async def test_results_that_were_put_aside_are_exported_and_go_with_their_session(store: JournalStore) -> None:
    await ask(store, "one")
    await ask(store, "one", session="other")
    for name in ("s", "other"):
        scope = Scope(user="ann", session=name)
        await put_aside(store, scope, SpilledResult("run", "call", "look", f"long {name}"), run_id="run", at=1.0)
    lines = [json.loads(line) async for line in Sessions(store).export("s", "ann")]
    assert [line["content"] for line in lines if "result" in line] == ["long s"]
    assert lines[-1]["results"] == 1
    await Sessions(store).prune("ann", keep=1)
    left = [len(await spilled_keys(store, Scope(user="ann", session=name))) for name in ("s", "other")]
    assert left == [0, 1]


async def test_a_turn_whose_process_died_is_listed_as_interrupted() -> None:
    now = Now()
    store = MemoryJournalStore(now)
    mortal = MortalStore(store, 1, commits=False)
    asked = asyncio.create_task(ask(mortal, "wait"))
    await mortal.dead.wait()
    assert [info.status async for info in Sessions(store).list("ann")] == ["running"]
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    now.seconds += 100.0
    assert [info.status async for info in Sessions(store).list("ann")] == ["interrupted"]
    assert (await Sessions(store).undo("s", "ann")).query == "wait"
    assert [info.status async for info in Sessions(store).list("ann")] == ["idle"]


class HalfReadable(WrappedStore):
    """A store one of whose listings cannot be read as a whole."""

    async def list(self, query: StreamQuery) -> StreamPage:
        page = await super().list(query)
        return StreamPage(page.streams, page.next, ("The stream x cannot be read.",))


async def test_a_listing_that_is_not_complete_says_so_after_what_it_has(store: JournalStore) -> None:
    await ask(store, "one")
    sessions, found = Sessions(HalfReadable(store)), list[str]()

    async def read() -> None:
        async for info in sessions.list("ann"):
            found.append(info.session_id)

    with pytest.raises(IncompleteListing, match="x cannot be read") as told:
        await read()
    assert (found, told.value.unreadable) == (["s"], ("The stream x cannot be read.",))
    pruned = await sessions.prune("ann", keep=0)
    assert (names(pruned), pruned.unreadable) == (["s"], ("The stream x cannot be read.",))


async def test_pruning_that_is_stopped_leaves_no_result_without_its_session() -> None:
    store = MemoryJournalStore()
    await ask(store, "one")
    scope = Scope(user="ann", session="s")
    for number in range(2):
        result = SpilledResult("run", str(number), "look", "long")
        await put_aside(store, scope, result, run_id="run", at=1.0)
    for writes in range(2):
        with pytest.raises(StoreError):
            await Sessions(StoppingStore(store, writes)).prune("ann", keep=0)
        listed = [info.session_id async for info in Sessions(store).list("ann")]
        assert listed == ["s"], "what is left could not be found again"
    await Sessions(store).prune("ann", keep=0)
    assert await spilled_keys(store, scope) == []
    assert [info async for info in Sessions(store).list("ann")] == []
