"""Runs that are kept in a store: written ahead, found again, gone on with in another process."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    ConfigurationError,
    JournalStore,
    LightAgent,
    RunInfo,
    Runs,
    Suspended,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.errors import LeaseHeld

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalStore]:
    store: JournalStore = (
        MemoryJournalStore() if request.param == "memory" else SqliteJournalStore(tmp_path / "journals.db")
    )
    yield store
    await store.aclose()


def payer(paid: list[int]) -> LightAgent[None, str]:
    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        return f"paid {amount}"

    def reply(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("pay", amount=3)

    return LightAgent(name="till", model=ScriptedModel(reply), tools=[pay])


async def test_a_stored_run_is_its_journal(store: JournalStore) -> None:
    agent = LightAgent(name="a", model=ScriptedModel(["Hello."]))
    result = await agent.arun("Hi.", user_id="ann", journal=store, result_format="object")
    runs = Runs(store)
    assert await runs.journal(result.run_id, "ann") == result.journal
    assert await runs.journal(result.run_id) is None
    info = await runs.status(result.run_id, "ann")
    assert info is not None
    assert (info.status, info.agent, info.events, info.resumable) == ("completed", "a", 4, False)
    assert [found.run_id async for found in runs.list("ann", status="completed")] == [result.run_id]
    assert [found async for found in runs.list()] == []
    assert await runs.forget(result.run_id, "ann")
    assert await runs.status(result.run_id, "ann") is None


async def test_a_run_that_waits_is_resumed_in_its_store(store: JournalStore) -> None:
    paid: list[int] = []
    first = await payer(paid).arun("Pay.", journal=store, result_format="object")
    assert isinstance(first.outcome, Suspended)
    runs = Runs(store)
    [info] = [info async for info in runs.list(status="suspended")]
    assert info.resumable
    journal = await runs.journal(info.run_id)
    assert journal is not None
    assert journal == first.journal
    result = await payer(paid).aresume(journal.to_json(), ApprovalDecision.approve(), store=store)
    assert (result.content, paid) == ("Done.", [3])
    assert await runs.journal(info.run_id) == result.journal
    with pytest.raises(ConfigurationError, match=r"The store holds \d+ events"):
        await payer(paid).aresume(first.journal, ApprovalDecision.approve(), store=store)
    assert paid == [3]


@pytest.mark.parametrize("source", ["the result", "the store", "a copy of the result"])
async def test_a_stored_run_that_is_resumed_without_naming_its_store_goes_on_there(source: str) -> None:
    """Otherwise the store would still show it as waiting, and it could be approved, and pay, once more."""
    store, paid = MemoryJournalStore(), list[int]()
    first = await payer(paid).arun("Pay.", journal=store, result_format="object")
    journal = first.journal if source == "the result" else await Runs(store).journal(first.run_id)
    assert journal is not None
    if source == "a copy of the result":
        journal = pickle.loads(pickle.dumps(first.journal))
        assert journal == first.journal
        await payer(paid).aresume(journal, ApprovalDecision.approve(), store=store)
    else:
        await payer(paid).aresume(journal, ApprovalDecision.approve())
    info = await Runs(store).status(first.run_id)
    assert info is not None
    assert info.status == "completed"
    with pytest.raises(ConfigurationError, match="The store holds"):
        await payer(paid).aresume(first.journal, ApprovalDecision.approve())
    assert paid == [3]


async def test_a_status_that_no_run_has_is_refused(store: JournalStore) -> None:
    """An empty listing would say that nothing waits."""
    listed: Callable[..., AsyncIterator[RunInfo]] = Runs(store).list
    with pytest.raises(ConfigurationError, match="No run has the status 'waiting'") as refused:
        [info async for info in listed(status="waiting")]
    assert "suspended" in str(refused.value)


async def test_two_processes_do_not_go_on_with_one_run(store: JournalStore) -> None:
    entered, hold = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        entered.set()
        await hold.wait()
        return "waited"

    agent = LightAgent(model=ScriptedModel([call_tool("wait"), "Done."]), tools=[wait])
    first = asyncio.create_task(agent.arun("Wait.", journal=store, result_format="object"))
    await entered.wait()
    [info] = [info async for info in Runs(store).list()]
    assert (info.status, info.resumable) == ("running", False)
    journal = await Runs(store).journal(info.run_id)
    assert journal is not None
    assert journal.events[-1].type == "tool_started"
    with pytest.raises(LeaseHeld):
        await agent.aresume(journal, store=store)
    hold.set()
    assert (await first).content == "Done."


CRASH = """
import os, sys
from lightagent import LightAgent, tool
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.journals import hold_lease

hold_lease.SECONDS = 0.1

@tool(idempotent=True)
def crash() -> str:
    "Ends the process."
    os._exit(9)

agent = LightAgent(name="a", model=ScriptedModel([call_tool("crash")]), tools=[crash])
agent.run("go", journal=SqliteJournalStore(sys.argv[1]))
"""


async def test_a_run_goes_on_after_its_process_has_died(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", CRASH, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert ended.returncode == 9
    store = SqliteJournalStore(path)
    runs = Runs(store)
    infos = [info async for info in runs.list()]
    while infos[0].status == "running":  # Until the lease ends.
        await asyncio.sleep(0.05)
        infos = [info async for info in runs.list()]
    assert (infos[0].status, infos[0].resumable) == ("interrupted", True)
    journal = await runs.journal(infos[0].run_id)
    assert journal is not None

    @tool(idempotent=True)
    def crash() -> str:
        """Works now."""
        return "recovered"

    agent = LightAgent(name="a", model=ScriptedModel(["Done."]), tools=[crash])
    result = await agent.aresume(journal, store=store)
    assert [(call.status, call.output) for call in result.tool_calls] == [("ok", "recovered")]
    assert (await runs.journal(infos[0].run_id)) == result.journal
    await store.aclose()


async def test_a_session_keeps_its_runs_itself() -> None:
    store = MemoryJournalStore()
    agent = LightAgent(model=ScriptedModel(["Hello."]), session_store=store)
    with pytest.raises(ConfigurationError, match="journal= does not go with session_id="):
        await agent.arun("Hi.", session_id="s", journal=store)


async def test_what_is_no_store_is_refused() -> None:
    agent = LightAgent(model=ScriptedModel(["Hello."]))
    with pytest.raises(ConfigurationError, match="journal"):
        await agent.arun("Hi.", journal="journals.db")  # type: ignore[call-overload]
