"""Turns of a session that are cancelled at the wrong moment, and resumptions that are refused."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    JournalStore,
    LightAgent,
    RunResult,
    Sessions,
    Suspended,
    ToolError,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.sessions.load import load_session, session_key
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.errors import StoreError, StreamConflict
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.testing import ManualClock, ScriptedModel, call_tool
from tests.support.random_sessions import Plan, Scene, build_agent, marks
from tests.support.wrapped_journals import WrappedStore

KEY = session_key(Scope(session="s"))
PLAN = Plan("ann", 1, (("act", "act"), ("act",)))


class LostAnswer(WrappedStore):
    """A store whose answer to one append is lost, although what was appended is kept."""

    def __init__(self, inner: JournalStore, place: int, *, fails: bool) -> None:
        super().__init__(inner)
        self.lost = asyncio.Event()
        self._left = place
        self._fails = fails

    async def after(self, *, writes: bool) -> None:
        self._left -= writes
        if writes and self._left == -1:
            self.lost.set()
            if self._fails:
                raise StoreError("The connection broke.")
            await asyncio.Event().wait()


def ask(store: JournalStore, scene: Scene, plan: Plan) -> asyncio.Task[RunResult[str]]:
    agent = build_agent(scene, store)
    return asyncio.create_task(agent.arun(plan.query(), session_id="s", result_format="object"))


@pytest.mark.parametrize("place", range(4))
async def test_a_turn_that_is_cancelled_while_it_writes_is_cancelled_and_closed(place: int) -> None:
    inner, scene = MemoryJournalStore(), Scene()
    store = LostAnswer(inner, place, fails=False)
    turn = ask(store, scene, PLAN)
    await store.lost.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert await Sessions(inner).journal("s") is None
    assert [info.status async for info in Sessions(inner).list()] == ["idle"]
    assert (await ask(store, scene, Plan("ann", 2))).success
    assert not scene.faults


@pytest.mark.parametrize("place", range(4))
async def test_a_turn_whose_store_says_that_it_failed_but_wrote_is_closed_as_failed(place: int) -> None:
    inner, scene = MemoryJournalStore(), Scene()
    with pytest.raises(StoreError, match="connection broke"):
        await ask(LostAnswer(inner, place, fails=True), scene, PLAN)
    entries = (await inner.read(KEY)).entries
    assert "The connection broke." in entries[-1].content
    assert await Sessions(inner).journal("s") is None
    assert set(scene.effects.values()) <= {1}


@pytest.fixture
async def waiting() -> MemoryJournalStore:
    """A session that waits for a human."""
    store = MemoryJournalStore()
    assert isinstance((await ask(store, Scene(), Plan("ann", 1, (("pay",),)))).outcome, Suspended)
    return store


@pytest.mark.parametrize(
    ("agent", "decision", "error"),
    [
        ("same", ApprovalDecision.edit({"nobody": "knows"}), ToolError),
        ("without tools", ApprovalDecision.approve(), ConfigurationError),
    ],
)
async def test_a_resumption_that_is_refused_leaves_the_session_waiting(
    waiting: MemoryJournalStore, agent: str, decision: ApprovalDecision, error: type[Exception]
) -> None:
    scene = Scene()
    able = build_agent(scene, waiting)
    (gate,) = able.means.gates
    bare = LightAgent(model=ScriptedModel([]), name="first", gate=gate, session_store=waiting)
    journal = await Sessions(waiting).journal("s")
    assert journal is not None
    with pytest.raises(error):
        await (able if agent == "same" else bare).aresume(journal, decision)
    assert await Sessions(waiting).journal("s") == journal
    assert [info.status async for info in Sessions(waiting).list()] == ["waiting"]
    assert (await able.aresume(journal, ApprovalDecision.approve())).success
    assert marks(await Sessions(waiting).messages("s")) == ["ann-00001"]


async def test_a_cancellation_while_a_lease_is_given_back_is_told_and_the_lease_is_given_back() -> None:
    store = MemoryJournalStore()
    lease = HeldLease(store, KEY, "one")
    await lease.acquire(0)
    release = asyncio.create_task(lease.release())
    await asyncio.sleep(0)
    release.cancel()
    with pytest.raises(asyncio.CancelledError):
        await release
    await store.lease(KEY, "two", 1.0)


async def test_a_session_that_was_forgotten_is_empty_although_the_clock_stood_still() -> None:
    store, scene = MemoryJournalStore(), Scene()
    agent = build_agent(scene, store, clock=ManualClock(0.0))
    await agent.arun(PLAN.query(), session_id="s")
    await Sessions(store).forget("s")
    assert (await load_session(store, KEY)).session.head == 0
    await agent.arun(PLAN.query(), session_id="s")
    assert len(scene.requests[-1]) == len(scene.requests[2])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("fails", "status"), [(False, "cancelled"), (True, "failed")])
async def test_a_stored_run_knows_what_of_it_was_written(place: int, *, fails: bool, status: str) -> None:
    inner, scene = MemoryJournalStore(), Scene()
    store = LostAnswer(inner, place, fails=fails)
    run = asyncio.create_task(build_agent(scene, inner).arun(PLAN.query(), journal=store, result_format="object"))
    await store.lost.wait()
    if not fails:
        run.cancel()
    with pytest.raises(StoreError if fails else asyncio.CancelledError) as raised:
        await run
    assert not isinstance(raised.value, StreamConflict)
    (stream,) = (await inner.list(StreamQuery())).streams
    assert stream.labels["status"] == status
    assert set(scene.effects.values()) <= {1}


async def test_a_resumption_that_is_refused_leaves_a_stored_run_waiting() -> None:
    store = MemoryJournalStore()
    agent = build_agent(Scene(), store)
    waiting = await agent.arun(Plan("ann", 1, (("pay",),)).query(), journal=store, result_format="object")
    with pytest.raises(ToolError):
        await agent.aresume(waiting.journal, ApprovalDecision.edit({"nobody": "knows"}), store=store)
    assert (await agent.aresume(waiting.journal, ApprovalDecision.approve(), store=store)).success


async def test_a_turn_that_was_cancelled_tells_a_later_one_which_calls_were_under_way() -> None:
    """Otherwise the model would not see that it called them, nor the result of the other, and would call them again."""
    store, entered = MemoryJournalStore(), asyncio.Event()

    async def pay() -> str:
        """Pays."""
        entered.set()
        await asyncio.Event().wait()
        return "never"

    async def look() -> str:
        """Looks."""
        return "it rains"

    model = ScriptedModel([[call_tool("pay"), call_tool("look")], "Let us see."])
    agent = LightAgent(model=model, tools=[pay, look], session_store=store)
    turn = asyncio.create_task(agent.arun("pay", session_id="s"))
    await entered.wait()
    await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert await Sessions(WrappedStore(store)).messages("s") == ()
    await agent.arun("and?", session_id="s", include_incomplete_turns=True)
    told = [message.content for message in model.requests[-1].messages if isinstance(message, ToolMessage)]
    assert len(told) == 2
    assert "pay" in str(told[0])
    assert "may or may not have taken effect" in str(told[0])
    assert told[1] == "it rains"
    [turn_told, _] = [turn async for turn in Sessions(WrappedStore(store)).replay("s")]
    assert turn_told.status == "cancelled"


@pytest.mark.parametrize("deed", ["resume", "undo", "forget", "replace"])
async def test_a_resumption_that_comes_too_late_is_refused(waiting: MemoryJournalStore, deed: str) -> None:
    scene, sessions = Scene(), Sessions(waiting)
    agent = build_agent(scene, waiting)
    journal = await sessions.journal("s")
    assert journal is not None
    if deed == "resume":
        await agent.aresume(journal, ApprovalDecision.approve())
    elif deed == "undo":
        await sessions.undo("s")
    elif deed == "forget":
        await sessions.forget("s")
    else:
        await agent.arun(PLAN.query(), session_id="s", replace_turn=journal.started.run_id)
    before = scene.effects.copy()
    with pytest.raises(ConfigurationError, match=r"no turn to resume.*meanwhile"):
        await agent.aresume(journal, ApprovalDecision.approve())
    assert scene.effects == before
