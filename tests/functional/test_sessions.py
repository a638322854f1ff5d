"""Sessions: a stored conversation that runs go on with, in any process, one turn at a time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    ConfigurationError,
    Journal,
    LightAgent,
    PolicyError,
    ProviderError,
    Runs,
    Suspended,
    ToolError,
    tool,
)
from lightagent import agent_base as agents
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals.spilled_results import SpilledResult, put_aside, spilled_keys
from lightagent.application.sessions.load import session_key
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.errors import Fenced, LeaseHeld
from lightagent.domain.journals.streams import Lease, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import WrappedStore

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalStore]:
    store: JournalStore = (
        MemoryJournalStore() if request.param == "memory" else SqliteJournalStore(tmp_path / "journals.db")
    )
    yield store
    await store.aclose()


class Shop:
    """An agent that pays when it is asked to, and whose requests are kept."""

    def __init__(self, store: JournalStore | None) -> None:
        self.asked: list[list[str]] = []
        self.paid: list[int] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.entered = asyncio.Event()

        @tool(requires_approval=True)
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.paid.append(amount)
            return f"paid {amount}"

        @tool
        async def wait() -> str:
            """Wait."""
            self.entered.set()
            await self.hold.wait()
            return "waited"

        self.agent = LightAgent(
            model=ScriptedModel(self._reply), tools=[pay, wait], session_store=store, instructions="Be brief."
        )

    def _reply(self, request: ChatRequest) -> str | ToolCall | AssistantMessage:
        self.asked.append([f"{one.role}: {one.content}" for one in request.messages[1:]])
        last = request.messages[-1]
        if isinstance(last, ToolMessage):
            return f"Done: {last.content}."
        text = last.content if isinstance(last, UserMessage) and isinstance(last.content, str) else ""
        match text:
            case "pay":
                return call_tool("pay", amount=3)
            case "wait":
                return call_tool("wait")
            case "fail":
                raise ProviderError("The provider is down.", code="LA-400", retryable=False)
            case _:
                return f"Heard {text!r}."


async def test_a_session_goes_on_where_it_was(store: JournalStore) -> None:
    for query in ("one", "two"):
        assert await Shop(store).agent.arun(query, session_id="s", user_id="ann") == f"Heard {query!r}."
    third = Shop(store)
    steps = third.agent.astream("three", session_id="s", user_id="ann", result_format="event")
    async for _ in steps:
        pass
    assert steps.result.success
    assert third.asked == [
        ["user: one", "assistant: Heard 'one'.", "user: two", "assistant: Heard 'two'.", "user: three"]
    ]
    assert Journal.from_json(steps.result.journal.to_json()) == steps.result.journal
    said = [message["content"] for message in await Sessions(store).messages("s", "ann")]
    assert said == ["one", "Heard 'one'.", "two", "Heard 'two'.", "three", "Heard 'three'."]


async def test_a_session_is_its_owners_alone(store: JournalStore) -> None:
    await Shop(store).agent.arun("mine", session_id="s", user_id="ann")
    other = Shop(store)
    await other.agent.arun("hello", session_id="s", user_id="bob")
    assert other.asked == [["user: hello"]]
    sessions = Sessions(store)
    assert [info.user_id async for info in sessions.list("ann")] == ["ann"]
    assert await sessions.messages("s") == ()
    assert await sessions.forget("s", "bob")
    assert not await sessions.forget("s", "bob")
    assert len(await sessions.messages("s", "ann")) == 2


async def test_an_id_that_is_not_text_is_refused(store: JournalStore) -> None:
    """Such as None, where a web application has no user who is logged in."""
    await Shop(store).agent.arun("mine", session_id="s", user_id="ann")
    result = await Shop(store).agent.arun("mine", user_id="ann", journal=store, result_format="object")
    scope = Scope(user="ann", session="s")
    await put_aside(store, scope, SpilledResult("run", "call", "look", "long"), run_id=result.run_id, at=1.0)
    sessions, runs = Sessions(store), Runs(store)
    for nobody in json.loads('[null, 5, ["ann"]]'):
        for call in (
            sessions.messages("s", nobody),
            sessions.messages(nobody, "ann"),
            sessions.undo("s", nobody),
            sessions.forget("s", nobody),
            runs.status(result.run_id, nobody),
            runs.find(result.run_id, nobody),
            runs.forget(result.run_id, nobody),
        ):
            with pytest.raises(ConfigurationError, match="must be str"):
                await call
        for listing in (sessions.list(nobody), sessions.export("s", nobody), runs.list(nobody)):
            with pytest.raises(ConfigurationError, match="user_id must be str"):
                await anext(listing)
    assert len(await spilled_keys(store, scope)) == 1
    assert len(await Sessions(store).messages("s", "ann")) == 2


async def test_a_session_that_was_forgotten_begins_anew(store: JournalStore) -> None:
    shop = Shop(store)
    for query in ("one", "two"):
        await shop.agent.arun(query, session_id="s")
    await Sessions(store).forget("s")
    await shop.agent.arun("three", session_id="s")
    assert shop.asked[-1] == ["user: three"]


async def test_a_process_notices_that_another_forgot_a_session_and_went_on(tmp_path: Path) -> None:
    here, there = SqliteJournalStore(tmp_path / "journals.db"), SqliteJournalStore(tmp_path / "journals.db")
    shop = Shop(here)
    await shop.agent.arun("one", session_id="s")
    await Sessions(there).forget("s")
    for query in ("two", "three"):
        await Shop(there).agent.arun(query, session_id="s")
    await shop.agent.arun("four", session_id="s")
    assert shop.asked[-1][0] == "user: two"
    await here.aclose()
    await there.aclose()


async def test_a_turn_that_waits_is_resumed_from_the_session(store: JournalStore) -> None:
    await Shop(store).agent.arun("one", session_id="s")
    first = await Shop(store).agent.arun("pay", session_id="s", result_format="object")
    assert isinstance(first.outcome, Suspended)
    assert [info.status async for info in Sessions(store).list()] == ["waiting"]
    with pytest.raises(PolicyError, match="waits for a human"):
        await Shop(store).agent.arun("two", session_id="s")
    journal = await Sessions(store).journal("s")
    assert journal is not None
    shop = Shop(store)
    result = await shop.agent.aresume(journal.to_json(), ApprovalDecision.approve())
    assert (result.content, shop.paid) == ("Done: paid 3.", [3])
    assert await Sessions(store).journal("s") is None
    with pytest.raises(ConfigurationError, match="no turn to resume"):
        await Shop(store).agent.aresume(first.journal, ApprovalDecision.approve())
    await shop.agent.arun("two", session_id="s")
    assert shop.asked[-1][-2:] == ["assistant: Done: paid 3.", "user: two"]


async def test_turns_without_an_answer_stay_in_the_log_and_out_of_the_conversation(store: JournalStore) -> None:
    shop = Shop(store)
    await shop.agent.arun("one", session_id="s")
    failed = await shop.agent.arun("fail", session_id="s", result_format="object")
    assert not failed.success
    shop.hold.clear()
    turn = asyncio.create_task(shop.agent.arun("wait", session_id="s"))
    await shop.entered.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    await shop.agent.arun("two", session_id="s")
    assert shop.asked[-1] == ["user: one", "assistant: Heard 'one'.", "user: two"]
    slice_ = await store.read(session_key(Scope(session="s")))
    ends = [entry.content for entry in slice_.entries if '"run_finished"' in entry.content]
    assert ["cancelled" in end or "failed" in end for end in ends] == [False, True, True, False]


async def test_the_second_writer_waits_for_the_first(store: JournalStore) -> None:
    first, second = Shop(store), Shop(store)
    first.hold.clear()
    one = asyncio.create_task(first.agent.arun("wait", session_id="s"))
    await first.entered.wait()
    two = asyncio.create_task(second.agent.arun("two", session_id="s"))
    await asyncio.sleep(0)
    assert second.asked == []
    first.hold.set()
    assert await one == "Done: waited."
    await two
    assert second.asked == [["user: wait", "assistant: None", "tool: waited", "assistant: Done: waited.", "user: two"]]


async def test_the_second_writer_is_told_who_holds_the_session(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "SESSION_WAIT", 0.0)
    first = Shop(store)
    first.hold.clear()
    one = asyncio.create_task(first.agent.arun("wait", session_id="s"))
    await first.entered.wait()
    with pytest.raises(LeaseHeld, match="run "):
        await Shop(store).agent.arun("two", session_id="s")
    first.hold.set()
    assert await one == "Done: waited."


async def test_a_turn_whose_stream_was_left_open_holds_the_session_until_it_is_closed(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "SESSION_WAIT", 0.0)
    stream = Shop(store).agent.astream("one", session_id="s")
    async for _ in stream:
        break
    with pytest.raises(LeaseHeld, match="aclose"):
        await Shop(store).agent.arun("two", session_id="s")
    await stream.aclose()
    assert await Shop(store).agent.arun("two", session_id="s") == "Heard 'two'."


CRASH = """
import os, sys
from lightagent import LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals import hold_lease

hold_lease.SECONDS = 0.2

def crash() -> str:
    "Ends the process."
    os._exit(9)

store = SqliteJournalStore(sys.argv[1])
agent = LightAgent(model=ScriptedModel(["Hello.", call_tool("crash")]), tools=[crash], session_store=store)
agent.run("one", session_id="s")
agent.run("go", session_id="s")
"""


async def test_the_next_turn_closes_one_that_a_crash_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", CRASH, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert ended.returncode == 9
    store = SqliteJournalStore(path)
    interrupted = await Sessions(store).journal("s")
    assert interrupted is not None
    assert [event.type for event in interrupted.events][-1] == "tool_started"
    shop = Shop(store)
    assert await shop.agent.arun("two", session_id="s") == "Heard 'two'."
    assert shop.asked == [["user: one", "assistant: Hello.", "user: two"]]
    entries = (await store.read(session_key(Scope(session="s")))).entries
    assert any('"unknown"' in entry.content and '"tool_finished"' in entry.content for entry in entries)
    await store.aclose()


async def test_what_cannot_be_a_session_is_refused() -> None:
    agent = Shop(MemoryJournalStore()).agent
    with pytest.raises(ConfigurationError, match="session_id is empty"):
        await agent.arun("?", session_id="")
    with pytest.raises(ConfigurationError, match="does not go with session_id"):
        await agent.arun("?", session_id="s", history=[{"role": "user", "content": "x"}])


async def test_a_turn_whose_session_was_taken_over_writes_no_more() -> None:
    now = 0.0
    store = MemoryJournalStore(lambda: now)
    first, second = Shop(store), Shop(store)
    first.hold.clear()
    one = asyncio.create_task(first.agent.arun("wait", session_id="s"))
    await first.entered.wait()
    now = 100.0  # As if the process of the first one had slept past its lease.
    await second.agent.arun("two", session_id="s")
    first.hold.set()
    with pytest.raises(Fenced):
        await one
    assert second.asked == [["user: two"]]
    assert [message["content"] for message in await Sessions(store).messages("s")] == ["two", "Heard 'two'."]


async def test_a_turn_whose_session_is_forgotten_writes_no_more(store: JournalStore) -> None:
    shop = Shop(store)
    shop.hold.clear()
    one = asyncio.create_task(shop.agent.arun("wait", session_id="s"))
    await shop.entered.wait()
    await Sessions(store).forget("s")
    shop.hold.set()
    with pytest.raises(Fenced):
        await one
    assert await Sessions(store).messages("s") == ()


async def test_a_session_needs_a_store() -> None:
    with pytest.raises(ConfigurationError, match="no session_store"):
        await Shop(None).agent.arun("?", session_id="s")


def test_a_session_of_synchronous_runs(tmp_path: Path) -> None:
    store = SqliteJournalStore(tmp_path / "journals.db")
    shop = Shop(store)
    shop.agent.run("one", session_id="s")
    for _ in shop.agent.run("two", session_id="s", stream=True):
        pass
    assert shop.asked[-1] == ["user: one", "assistant: Heard 'one'.", "user: two"]
    asyncio.run(store.aclose())


class Slow(WrappedStore):
    """Holds appends or leases back once they have landed, until it is let go."""

    def __init__(self, slow: str) -> None:
        super().__init__(MemoryJournalStore())
        self.slow = slow
        self.landed = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def after(self, *, writes: bool) -> None:
        if writes:
            await self._wait("append")

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        taken = await super().lease(key, holder, seconds, token)
        if token is None:
            await self._wait("lease")
        return taken

    async def _wait(self, what: str) -> None:
        if what == self.slow:
            self.landed.set()
            await self.go_on.wait()

    def hold(self) -> None:
        self.landed.clear()
        self.go_on.clear()


async def test_a_resumption_that_is_refused_leaves_the_session_as_it_was() -> None:
    store = MemoryJournalStore()
    await Shop(store).agent.arun("pay", session_id="s", result_format="object")
    journal = await Sessions(store).journal("s")
    assert journal is not None
    without = LightAgent(model=ScriptedModel(["Done."]), session_store=store)
    with pytest.raises(ConfigurationError, match="tools that this agent lacks"):
        await without.aresume(journal, ApprovalDecision.reject("No."))
    with pytest.raises(ToolError):
        await Shop(store).agent.aresume(journal, ApprovalDecision.edit({"amount": "a lot"}))
    assert await Sessions(store).journal("s") == journal
    shop = Shop(store)
    result = await shop.agent.aresume(journal, ApprovalDecision.approve())
    assert (result.success, shop.paid) == (True, [3])


@pytest.mark.parametrize("what", ["lease", "append"])
async def test_a_turn_that_is_cancelled_while_it_writes_leaves_no_half(what: str) -> None:
    store = Slow(what)
    shop = Shop(store)
    await shop.agent.arun("one", session_id="s")
    store.hold()
    turn = asyncio.create_task(shop.agent.arun("two", session_id="s"))
    await store.landed.wait()
    turn.cancel()
    store.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert await Sessions(store).journal("s") is None
    await shop.agent.arun("three", session_id="s")
    assert ("user: two" in shop.asked[-1]) == (what == "append")


async def test_no_deadline_interrupts_the_writing_of_the_end() -> None:
    store = Slow("append")
    store.hold()
    agent = LightAgent(model=ScriptedModel(["Done."]))

    async def let_go() -> None:
        await store.landed.wait()
        await asyncio.sleep(0.3)
        store.go_on.set()

    helper = asyncio.create_task(let_go())
    result = await agent.arun("?", journal=store, timeout=0.2, result_format="object")
    await helper
    assert result.content == "Done."
