"""What a worker goes on with, and what it leaves alone; how it stops, and what it says."""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lightagent import (
    ConfigurationError,
    FlowWorker,
    JournalStore,
    JsonLightFlowStore,
    LightAgent,
    LightFlow,
    ProviderError,
    WorkedRun,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow import find_work
from lightagent.application.flow.flow_inbox import INBOX
from lightagent.application.flow.flow_log import flow_key
from lightagent.application.journals import hold_lease
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Lease, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.app import app
from lightagent.flow_worker import WorkerOptions
from lightagent.ports.models import ChatRequest
from lightagent.testing import ManualClock, ScriptedModel, call_tool
from tests.support.command_line import call_lightagent
from tests.support.folding_engine import FoldingEngine
from tests.support.wrapped_journals import WrappedStore

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_lease, "SECONDS", 0.2)


class Gate:
    """Steps that wait until they are let through."""

    def __init__(self) -> None:
        self.open, self.began, self.done = asyncio.Event(), asyncio.Event(), list[str]()

    async def work(self, query: str) -> str:
        self.began.set()
        await self.open.wait()
        self.done.append(query)
        return query

    def flow(self, store: JournalStore, name: str = "gated") -> LightFlow:
        return LightFlow(name=name, store=store).step("a", agent=self.work)

    async def interrupt(self, store: JournalStore, run_id: str, name: str = "gated") -> None:
        """A run that is interrupted within its step."""
        self.began.clear()
        running = asyncio.create_task(self.flow(store, name).arun(run_id, run_id=run_id, user_id="ann"))
        await self.began.wait()
        running.cancel()
        await asyncio.wait((running,))


async def status(flow: LightFlow, run_id: str, user_id: str = "") -> object:
    record = await flow.aget_run(run_id, user_id=user_id)
    return None if record is None else record["status"]


async def test_it_goes_on_with_what_was_interrupted_of_every_owner_and_leaves_the_rest_alone() -> None:
    store, gate, seen = MemoryJournalStore(), Gate(), list[WorkedRun]()
    await gate.interrupt(store, "one")
    await gate.interrupt(store, "other", name="another flow")
    flow, tries = gate.flow(store), list[str]()

    def fails(query: str) -> str:
        tries.append(query)
        raise ValueError("no")

    broken = LightFlow(name="gated", store=store).step("a", agent=fails)
    assert (await broken.arun("x", run_id="failed")).status == "failed"
    await gate.interrupt(store, "cancelled")
    await flow.acancel("cancelled", user_id="ann")
    gate.open.set()
    await FlowWorker(flow, on_run=seen.append).arun(once=True)
    assert seen == [WorkedRun("gated", "one", "", "ann", "success", None)]
    assert gate.done == ["one"]
    assert await status(flow, "failed") == "failed"
    assert await status(flow, "cancelled", "ann") == "cancelled"
    assert await status(flow, "other", "ann") == "interrupted"
    assert tries == ["x"]


async def test_it_leaves_a_run_that_somebody_has(caplog: pytest.LogCaptureFixture) -> None:
    store, gate, seen = MemoryJournalStore(), Gate(), list[WorkedRun]()
    running = asyncio.create_task(gate.flow(store).arun("x", run_id="r"))
    await gate.began.wait()
    with caplog.at_level(logging.INFO, "lightagent"):
        await FlowWorker(gate.flow(store), on_run=seen.append).arun(once=True)
    assert "gated: nothing is to be done now; other processes have 1 of its runs" in caplog.messages
    gate.open.set()
    assert (await running).success
    assert (seen, gate.done) == ([], ["x"])


async def test_it_says_what_it_goes_on_with_and_when_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    store, gate = MemoryJournalStore(), Gate()
    await gate.interrupt(store, "one")
    gate.open.set()
    with caplog.at_level(logging.INFO, "lightagent"):
        await FlowWorker(gate.flow(store)).arun(once=True)
    told = [message for message in caplog.messages if message.startswith("gated: ")]
    assert told == [
        "gated: goes on with run 'one' of user 'ann'",
        "gated: run 'one' of user 'ann' is success",
        "gated: nothing is to be done now",
    ]


def asked(store: JournalStore) -> LightFlow:
    return LightFlow(name="asked", store=store).step("a", agent=lambda query: query, requires_approval=True)


class DeafStore(WrappedStore):
    """Of what is said to a run, only the inbox hears: as if whoever says it died before the run was told."""

    deaf = False

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        if self.deaf and key.kind == "flow":
            raise StoreError("The process is dead.")
        return await super().lease(key, holder, seconds, token)


@pytest.mark.parametrize("heard", [True, False])
async def test_it_goes_on_once_a_person_has_decided(*, heard: bool) -> None:
    inner = MemoryJournalStore()
    assert (await asked(inner).arun("x", run_id="r")).status == "waiting_approval"
    worker = FlowWorker(asked(inner))
    await worker.arun(once=True)
    assert await status(asked(inner), "r") == "waiting_approval"
    store = DeafStore(inner)
    store.deaf = not heard
    await asked(store).aapprove("r", "a")
    assert await status(asked(inner), "r") == ("pending" if heard else "waiting_approval")
    await worker.arun(once=True)
    assert await status(asked(inner), "r") == "success"
    assert [page.head for page in (await inner.list(StreamQuery(kind=INBOX))).streams] == [1]


@pytest.mark.parametrize("by", ["worker", "resume"])
@pytest.mark.parametrize("live", [True, False])
async def test_a_cancellation_that_was_said_and_not_heard_counts_once(by: str, *, live: bool) -> None:
    inner, gate = MemoryJournalStore(), Gate()
    flow = asked(inner)
    if live:
        flow.step("held", agent=gate.work)
        running = asyncio.create_task(flow.arun("x", run_id="r"))
        await gate.began.wait()
        running.cancel()
        await asyncio.wait((running,))
    else:
        await flow.arun("x", run_id="r")
    store = DeafStore(inner)
    store.deaf = True
    await LightFlow(name="asked", store=store).acancel("r")
    gate.open.set()
    if by == "worker":
        await FlowWorker(flow).arun(once=True)
        assert await status(flow, "r") == "cancelled"
        assert gate.done == []
    assert (await flow.aresume("r")).status == "waiting_approval", "whoever resumes it wants it to go on"
    assert gate.done == (["x"] if live else [])


def agent_that_asks(calls: list[str]) -> LightAgent:
    @tool(requires_approval=True)
    def look(word: str) -> str:
        """Look a word up."""
        calls.append(word)
        return word

    def reply(request: ChatRequest) -> str | ToolCall:
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("look", word="x")

    return LightAgent(name="a", model=ScriptedModel(reply), tools=[look])


@pytest.mark.parametrize("nested", [False, True])
async def test_a_run_whose_agent_waits_for_people_waits_and_is_not_taken_for_an_interrupted_one(
    *, nested: bool
) -> None:
    store, calls, seen = MemoryJournalStore(), list[str](), list[WorkedRun]()

    async def slow(query: str) -> str:
        await asyncio.sleep(0.05)
        return "slow"

    inner = LightFlow().step("agent", agent=agent_that_asks(calls)).step("slow", agent=slow)
    flow = LightFlow(name="asks", store=store)
    flow.step("a", agent=inner if nested else agent_that_asks(calls)).step("b", agent=slow)
    assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    assert await status(flow, "r") == "waiting_approval"
    for _ in range(2):
        assert (await flow.aresume("r")).status == "waiting_approval"
        assert await status(flow, "r") == "waiting_approval", "it waits, and its process is not missed"
    worker = FlowWorker(flow, on_run=seen.append)
    await worker.arun(once=True)
    assert seen == []
    await flow.aapprove("r", "a/agent" if nested else "a")
    await worker.arun(once=True)
    assert [run.status for run in seen] == ["success"]
    assert calls == ["x"]


async def test_a_run_that_does_not_fit_the_flow_is_told_and_left_alone_for_longer_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, gate, seen, clock = MemoryJournalStore(), Gate(), list[WorkedRun](), ManualClock()
    await gate.interrupt(store, "r")
    other = LightFlow(name="gated", store=store, clock=clock).step("z", agent=lambda query: query)
    worker = FlowWorker(other, on_run=seen.append)
    find = find_work.FindWork(store, clock, "gated")
    with caplog.at_level(logging.WARNING, "lightagent"):
        await worker.arun(once=True)
    assert [(run.run_id, run.status) for run in seen] == [("r", None)]
    assert seen[0].error is not None
    assert "the flow no longer has this step" in seen[0].error.message
    assert "gated: run 'r' of user 'ann' cannot go on" in caplog.text
    ((key, _),) = [one async for one in find.find(())]
    waited = list[float]()
    for _ in range(12):
        find.tried(key, None)
        before = clock.now()
        while [one async for one in find.find(())] == []:
            clock.advance(0.5)
        waited.append(clock.now() - before)
    assert waited[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waited[-1] == 300.0


async def test_a_retry_that_its_process_did_not_live_to_see_is_made_when_its_time_has_come() -> None:
    store, clock, seen, tries = MemoryJournalStore(), ManualClock(), list[WorkedRun](), list[str]()

    async def busy(query: str) -> str:
        tries.append(query)
        if len(tries) > 1:
            return "done"
        error = ProviderError("busy", retryable=True)
        error.retry_after = 60.0
        raise error

    flow = LightFlow(name="busy", store=store, clock=clock).step("a", agent=busy, max_retry=2)
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    await store.read(flow_key("r", Scope()), 2, wait=20.0)  # An attempt has begun, and it has failed.
    running.cancel()
    await asyncio.wait((running,))
    worker = FlowWorker(flow, on_run=seen.append)
    clock.advance(59.0)
    await worker.arun(once=True)
    assert seen == []
    clock.advance(1.0)
    await worker.arun(once=True)
    assert ([run.status for run in seen], len(tries)) == (["success"], 2)


async def test_it_does_not_hold_a_run_that_sleeps_and_comes_back_when_it_wakes() -> None:
    store, gate, clock, seen = MemoryJournalStore(), Gate(), ManualClock(), list[WorkedRun]()
    flow = LightFlow(name="sleeps", store=store, clock=clock).step("a", agent=gate.work)
    flow.sleep("night", 3600, depends_on=["a"]).step("b", agent=gate.work, depends_on=["night"])
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    await gate.began.wait()
    running.cancel()
    await asyncio.wait((running,))
    gate.open.set()
    worker = FlowWorker(flow, on_run=seen.append)
    for seconds, expected in ((0, ["waiting"]), (3599, ["waiting"]), (1, ["waiting", "success"])):
        clock.advance(seconds)
        await worker.arun(once=True)
        assert [run.status for run in seen] == expected
    assert len(gate.done) == 2


async def test_it_goes_on_with_a_run_that_an_event_has_reached() -> None:
    store, seen = MemoryJournalStore(), list[WorkedRun]()
    flow = LightFlow(name="waits", store=store).wait_for("paid", "payment")
    assert (await flow.arun("x", run_id="r")).status == "waiting"
    worker = FlowWorker(flow, on_run=seen.append)
    await worker.arun(once=True)
    await flow.asignal("r", "payment", {"amount": 3})
    await worker.arun(once=True)
    assert [run.status for run in seen] == ["success"]
    assert (await flow.aresume("r")).step("paid").output == {"amount": 3}


class FlakyStore(WrappedStore):
    """A store that cannot be listed for a while."""

    failing = 0

    async def list(self, query: StreamQuery) -> StreamPage:
        if self.failing:
            self.failing -= 1
            raise StoreError("The server is being restarted.")
        return await super().list(query)


async def test_a_store_that_cannot_be_read_is_looked_at_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lightagent")
    store, gate, done = FlakyStore(MemoryJournalStore()), Gate(), asyncio.Event()
    await gate.interrupt(store, "r")
    store.failing = 3
    gate.open.set()
    flow = gate.flow(store)
    with pytest.raises(StoreError, match="is being restarted"):
        await FlowWorker(flow).arun(once=True)
    worker = FlowWorker(flow, poll_seconds=0.01, on_run=lambda run: done.set())
    working = asyncio.create_task(worker.arun())
    async with asyncio.timeout(20):
        await done.wait()
        worker.stop()
        await working
    assert await status(flow, "r", "ann") == "success"
    assert caplog.text.count("gated: the store cannot be read: The server is being restarted.") == 2
    assert caplog.text.count("gated: the store can be read again") == 1


class HangingStore(WrappedStore):
    """A store that does not answer."""

    def __init__(self, inner: JournalStore) -> None:
        super().__init__(inner)
        self.asked = asyncio.Event()

    async def list(self, query: StreamQuery) -> StreamPage:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("It never answers.")


async def test_stopped_it_does_not_wait_for_a_store_that_does_not_answer() -> None:
    store = HangingStore(MemoryJournalStore())
    worker = FlowWorker(asked(store), grace_seconds=0.0)
    working = asyncio.create_task(worker.arun())
    await store.asked.wait()
    worker.stop()
    async with asyncio.timeout(20):
        await working


async def test_stopped_it_waits_for_its_runs_and_asked_again_it_interrupts_them() -> None:
    store, gate = MemoryJournalStore(), Gate()
    for name in ("r1", "r2", "r3"):
        await gate.interrupt(store, name)
    flow = gate.flow(store)

    async def begun(worker: FlowWorker) -> asyncio.Task[None]:
        gate.began.clear()
        working = asyncio.create_task(worker.arun())
        await gate.began.wait()
        return working

    async with asyncio.timeout(20):
        first = FlowWorker(flow, max_runs=2, poll_seconds=0.01)
        working = await begun(first)
        first.stop()
        first.stop()
        await working
        assert [await status(flow, name, "ann") for name in ("r1", "r2", "r3")] == ["interrupted"] * 3
        impatient = FlowWorker(flow, grace_seconds=0.0)
        working = await begun(impatient)
        impatient.stop()
        await working
        assert gate.done == []
        second = FlowWorker(flow, max_runs=2, poll_seconds=0.01)
        working = await begun(second)
        second.stop()
        gate.open.set()
        await working
        assert len(gate.done) == 2, "those that went on have ended, and no further one was begun"
        await FlowWorker([flow]).arun(once=True)
    assert [await status(flow, name, "ann") for name in ("r1", "r2", "r3")] == ["success"] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_runs": 0}, "max_runs must be at least 1"),
        ({"poll_seconds": 0.0}, "poll_seconds must be at least 0.001 seconds"),
        ({"grace_seconds": float("inf")}, "grace_seconds must be at least 0 seconds"),
    ],
)
def test_options_that_cannot_be_are_refused(options: WorkerOptions, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FlowWorker(asked(MemoryJournalStore()), **options)


def test_flows_that_cannot_have_a_worker_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no flow was given"):
        FlowWorker([])
    with pytest.raises(ConfigurationError, match="has no name"):
        FlowWorker(LightFlow(store=MemoryJournalStore()))
    with pytest.raises(ConfigurationError, match="keeps its runs in memory"):
        FlowWorker(LightFlow(name="orders"))
    with pytest.raises(ConfigurationError, match="cannot run"):
        FlowWorker(LightFlow(name="o", store=MemoryJournalStore()).step("a", agent=str.upper, depends_on=["b"]))
    with pytest.raises(ConfigurationError, match="are carried out by its engine"):
        FlowWorker(LightFlow(name="o", engine=FoldingEngine()).step("a", agent=str.upper))
    store = MemoryJournalStore()
    with pytest.raises(ConfigurationError, match="two flows of the same store have the name 'asked'"):
        FlowWorker([asked(store), asked(store)])
    one = asked(store)
    FlowWorker([one, one, asked(MemoryJournalStore())])


FLOWS = """
import time
from lightagent import JsonLightFlowStore, LightFlow

def slow(query: str) -> str:
    time.sleep(0.3)
    return "slow"

orders = LightFlow(name="orders", store=JsonLightFlowStore({folder!r})).step("a", agent=slow)
other = LightFlow(name="others", store=JsonLightFlowStore({folder!r})).step("a", agent=slow)
nothing = 5
"""


def flows_file(folder: Path) -> Path:
    file = folder / "flows.py"
    file.write_text(FLOWS.format(folder=str(folder / "runs")))
    return file


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "The file has 2 flows."),
        (":order", "'order' does not exist."),
        (":nothing", "must be a LightFlow or LightAgent, got int."),
        ("x", "must be FILE.py:NAME or MODULE:NAME."),
    ],
)
def test_the_command_says_what_is_wrong_with_a_name(name: str, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["worker", f"{flows_file(tmp_path)}{name}", "--once"])
    assert result.exit_code == 2
    assert said in result.output
    assert "FLOW" in result.output


def test_two_flows_of_one_name_are_refused_by_the_command(tmp_path: Path) -> None:
    orders = f"{flows_file(tmp_path)}:orders"
    result = CliRunner().invoke(app, ["worker", orders, orders, "--once"])
    assert result.exit_code == 2
    assert "the name 'orders' is also that of" in result.output


def test_a_flow_without_a_store_has_that_of_the_settings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "report.py").write_text(
        "from lightagent import LightFlow\nflow = LightFlow(name='report').step('a', agent=str.upper)\n"
    )
    (tmp_path / "it.toml").write_text(
        f"[default.flow]\nstore = {{ kind = 'files', directory = '{(tmp_path / 'runs').as_posix()}' }}\n"
    )
    command = ["worker", str(tmp_path / "report.py"), "--once"]
    bare = call_lightagent(*command, folder=tmp_path, variables={})
    assert bare.returncode == 2
    assert "Neither the flow nor the settings configure a store for its runs" in bare.stderr
    done = call_lightagent(*command, "--config", "it.toml", folder=tmp_path, variables={})
    assert done.returncode == 0, done.stderr
    assert "report: nothing is to be done now" in caplog.messages


async def interrupt_orders(folder: Path, run_id: str) -> None:
    """A run of the flow in the file that is interrupted within its step."""
    flow = runpy.run_path(str(flows_file(folder)))["orders"]
    assert isinstance(flow, LightFlow)
    running = asyncio.create_task(flow.arun("x", run_id=run_id, user_id="ann"))
    await flow.parts.store.read(flow_key(run_id, Scope(user="ann")), 1, wait=20.0)
    running.cancel()
    await asyncio.wait((running,))
    await flow.aclose()


def test_the_command_once_ends_with_one_if_a_run_cannot_go_on(tmp_path: Path) -> None:
    async def interrupted() -> None:
        await interrupt_orders(tmp_path, "fits")
        gate, store = Gate(), JsonLightFlowStore(tmp_path / "runs")
        other = LightFlow(name="others", store=store).step("b", agent=gate.work)
        running = asyncio.create_task(other.arun("x", run_id="fits not"))
        await gate.began.wait()
        running.cancel()
        await asyncio.wait((running,))
        await store.aclose()

    asyncio.run(interrupted())
    file = flows_file(tmp_path)
    assert CliRunner().invoke(app, ["worker", f"{file}:orders", "--once"]).exit_code == 0
    assert CliRunner().invoke(app, ["worker", f"{file}:orders", f"{file}:other", "--once"]).exit_code == 1
    store = JsonLightFlowStore(tmp_path / "runs")
    flow = LightFlow(name="orders", store=store)
    assert [run["status"] for run in flow.list_runs(user_id="ann")] == ["success"]
    flow.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_the_command_logs_what_it_does_and_ends_gracefully(tmp_path: Path) -> None:
    asyncio.run(interrupt_orders(tmp_path, "r"))
    process = subprocess.Popen(
        [sys.executable, "-m", "lightagent", "worker", f"{flows_file(tmp_path)}:orders", "--poll", "0.05"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stderr is not None
    said = list[str]()
    with process:
        for line in process.stderr:
            said.append(line)
            if "is success" in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert said[0] == "Executing runs of orders; SIGTERM or Ctrl-C stops it.\n"
    assert [line.partition(" lightagent ")[2] for line in said if "is success" in line] == [
        "orders: run 'r' of user 'ann' is success\n"
    ]
