"""What users of Temporal may be told, a case for each line of the table in docs/temporal.md: `CASES`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from temporalio.service import RPCError, RPCStatusCode

from lightagent import LightAgent, LightFlow
from lightagent.adapters.engines.temporal import runs
from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.faults import told_errors
from lightagent.adapters.engines.temporal.large_payloads import LargePayloads
from lightagent.adapters.engines.temporal.orders import MOST_BYTES
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.errors import LightAgentError, StoreError
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun
from lightagent.testing import ScriptedModel
from tests.servers.child import free_port
from tests.support.working_engine import WorkingEngine

RUN: Final = "letter-7"
DOCUMENT: Final = Path(__file__).parents[2] / "docs/temporal.md"


@dataclass(frozen=True)
class Told:
    """What was told: the classes of the error, or the code where it is that of a step, and its words."""

    kinds: tuple[str, ...]
    message: str
    guidance: str


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    wrong: str
    kind: str
    text: str

    def check(self, told: Told) -> None:
        pattern = ".*".join(map(re.escape, self.text.split("…")))
        assert self.kind in told.kinds, told
        assert re.fullmatch(pattern + ".*", told.message, re.DOTALL), (self.text, told.message)
        assert told.guidance, told


def documented() -> Mapping[str, Line]:
    """The lines of the table, by what is wrong."""
    section = DOCUMENT.read_text(encoding="utf-8").split("## What you may be told")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in section.splitlines() if line.startswith("| ")][1:]
    lines = dict[str, Line]()
    for wrong, error in rows:
        kind, text = re.search(r"`([A-Za-z-]+)`", error), re.search(r"\*([^*]+)\*", error)
        assert kind is not None, error
        assert text is not None, error
        lines[wrong] = Line(wrong, kind[1], text[1])
    return lines


@dataclass(frozen=True)
class Case:
    """Does what is wrong, and gives what was told."""

    do: Callable[[str, pytest.MonkeyPatch], Awaitable[Told]]
    needs_server: bool = True


def same(query: str) -> str:
    return query


def other(query: str) -> str:
    return query.upper()


async def refused(work: Awaitable[object]) -> Told:
    with pytest.raises(LightAgentError) as raised:
        await work
    error = raised.value
    if isinstance(error, StoreError) and "No worker" in error.message:
        assert error.retryable
    return Told(tuple(kind.__name__ for kind in type(error).__mro__), error.message, error.guidance)


@asynccontextmanager
async def worked(address: str, *keys: str) -> AsyncIterator[WorkingEngine]:
    """An engine with a worker; it encrypts where there are keys."""
    engine = WorkingEngine(address, cipher(*keys) if keys else None)
    try:
        yield engine
    finally:
        await engine.aclose()


def cipher(*keys: str) -> PayloadCipher:
    return PayloadCipher(payload_keys({name: name * 8 for name in keys}))


def calling(engine: WorkingEngine, *keys: str) -> TemporalEngine:
    """A caller of the same runs that has no worker, and keys of its own."""
    codec = EncryptingCodec(cipher(*keys), engine.prefix) if keys else None
    place = Place(engine.place.address, "default", codec=codec)
    return TemporalEngine(place, task_queue=engine.queue, prefix=engine.prefix)


def waiting(engine: TemporalEngine) -> LightFlow:
    return LightFlow(engine=engine, name="orders").wait_for("paid", event="payment")


async def away(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = TemporalEngine(Place(f"127.0.0.1:{free_port()}", "default"))
    return await refused(LightFlow(engine=engine, name="orders").step("a", agent=same).arun("x"))


async def no_namespace(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = TemporalEngine(Place(address, "orders"))
    return await refused(LightFlow(engine=engine, name="orders").step("a", agent=same).arun("x"))


async def not_let_in(address: str, patch: pytest.MonkeyPatch) -> Told:
    """A server that is started for a try takes everybody, so the answer of one that does not stands for it."""

    async def asked() -> None:
        with told_errors("temporal.example:7233", "orders"):
            raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    return await refused(asked())


async def no_worker(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = TemporalEngine(Place(address, "default"), prefix="refused:", patience=0)
    flow = LightFlow(engine=engine, name="orders").step("a", agent=same)
    told = await refused(flow.arun("x", run_id=RUN))
    assert await flow.aget_run(RUN) is None
    return told


async def untaken(address: str, patch: pytest.MonkeyPatch) -> Told:
    patch.setattr(runs, "_UNTAKEN", 1.0)
    patch.setattr(runs, "_LOOK", 0.5)
    async with worked(address) as engine:
        await waiting(engine).arun("x", run_id="first")
    return await refused(waiting(calling(engine)).arun("x", run_id=RUN))


async def workers_gone(address: str, patch: pytest.MonkeyPatch) -> Told:
    patch.setattr(runs, "_ANSWER", timedelta(seconds=2))
    async with worked(address) as engine:
        for number in range(60):  # A server that has just made the search attributes refuses them for some moments.
            await waiting(engine).arun("x", run_id=f"{number}", user_id="before")
            known = await engine.outline(FlowRun(Scope(user="before"), f"{number}"))
            if known is not None and known.status:
                break
            await asyncio.sleep(0.5)
        await waiting(engine).arun("x", run_id=RUN)
    flow = waiting(calling(engine))
    told = await refused(flow.aget_run(RUN))
    listed = await flow.alist_runs()
    for _ in range(60):
        if listed:
            break
        await asyncio.sleep(0.5)  # The server's index is some moments behind.
        listed = await flow.alist_runs()
    (run,) = listed
    assert (run["run_id"], run["flow"], run["status"]) == (RUN, "orders", "waiting")
    assert isinstance(run["error"], dict)
    assert str(run["error"]["message"]).startswith("No worker tells what is on record of the run"), run
    return told


async def other_code(address: str, patch: pytest.MonkeyPatch) -> Told:
    def orders(engine: TemporalEngine, first: Callable[[str], str]) -> LightFlow:
        flow = LightFlow(engine=engine, name="orders").step("first", agent=first)
        return flow.step("second", agent=same, depends_on=["first"], requires_approval=True)

    async with worked(address) as engine:
        await orders(engine, same).arun("x", run_id=RUN)
        engine.work_on(orders(engine, other))
        asking = orders(calling(engine), same)
        await asking.aapprove(RUN, "second")
        return await refused(asking.aresume(RUN))


async def second_run(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address) as engine:
        flow = waiting(engine)
        await flow.arun("x", run_id=RUN)
        return await refused(flow.arun("y", run_id=RUN))


async def no_engine(address: str, patch: pytest.MonkeyPatch) -> Told:
    return await refused(LightAgent(name="clerk", model=ScriptedModel("x")).asubmit("x"))


async def no_such_run(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = TemporalEngine(Place(address, "default"), prefix="refused:")
    return await refused(
        LightAgent(name="clerk", model=ScriptedModel("x"), engine=engine).run_handle("case-8").astatus()
    )


async def large_input(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address) as engine:
        flow = waiting(engine)
        told = await refused(flow.arun("x" * MOST_BYTES, run_id=RUN))
        assert await flow.aget_run(RUN) is None
        return told


async def large_output(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address) as engine:
        flow = LightFlow(engine=engine, name="orders").step("check", agent=lambda query: "x" * MOST_BYTES)
        error = (await flow.arun("x", run_id=RUN)).step("check").error
        assert error is not None
        assert error.details is not None
        size = error.details["size"]
        assert isinstance(size, int)
        assert f"has {size:,} bytes" in error.message
        return Told((error.code,), error.message, error.guidance)


async def large_event(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address) as engine:
        flow = waiting(engine)
        await flow.arun("x", run_id=RUN)
        return await refused(flow.asignal(RUN, "payment", "x" * MOST_BYTES))


async def caller_without_key(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address, "spring") as engine:
        await LightFlow(engine=engine, name="orders").step("a", agent=same).arun("x", run_id=RUN)
        return await refused(waiting(calling(engine, "autumn")).aget_run(RUN))


async def workers_without_key(address: str, patch: pytest.MonkeyPatch) -> Told:
    async with worked(address, "spring") as engine:
        await waiting(engine).arun("x", run_id="first")
        return await refused(waiting(calling(engine, "autumn")).arun("x", run_id=RUN))


async def over_with_a_large_output(address: str, store: MemoryJournalStore) -> WorkingEngine:
    """An engine whose run is over, and has a payload in the store."""
    engine = WorkingEngine(address, large=LargePayloads(store))
    flow = LightFlow(engine=engine, name="orders").step("check", agent=lambda query: "x" * 200_000)
    assert (await flow.arun("x", run_id=RUN)).status == "success"
    return engine


async def payload_gone(address: str, patch: pytest.MonkeyPatch) -> Told:
    store = MemoryJournalStore()
    engine = await over_with_a_large_output(address, store)
    for stream in (await store.list(StreamQuery())).streams:
        await store.forget(stream.key)
    told = await refused(waiting(engine).aget_run(RUN))
    await engine.aclose()
    return told


async def payload_not_found_by_workers(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = await over_with_a_large_output(address, MemoryJournalStore())
    place = Place(address, "default", large=LargePayloads(MemoryJournalStore()))
    elsewhere = TemporalEngine(place, task_queue=engine.queue, prefix=engine.prefix)
    told = await refused(waiting(elsewhere).arun("x" * 200_000, run_id="other"))
    await engine.aclose()
    return told


async def caller_without_store(address: str, patch: pytest.MonkeyPatch) -> Told:
    engine = await over_with_a_large_output(address, MemoryJournalStore())
    told = await refused(waiting(calling(engine)).aget_run(RUN))
    await engine.aclose()
    return told


CASES: Final[Mapping[str, Case]] = {
    "the server does not answer": Case(away, needs_server=False),
    "the namespace is missing": Case(no_namespace),
    "the key or the certificate is refused": Case(not_let_in, needs_server=False),
    "no worker has the flow": Case(no_worker),
    "no worker takes up a run that was begun": Case(untaken),
    "the workers of an open run are gone": Case(workers_gone),
    "every worker has other code than the run": Case(other_code),
    "a second run under one id": Case(second_run),
    "an agent without `engine=` is told to `submit`": Case(no_engine, needs_server=False),
    "a handle of an id that is not there, or of another flow's run": Case(no_such_run),
    "the input of a run is too large": Case(large_input),
    "the output of a step is too large": Case(large_output),
    "the payload of an event is too large": Case(large_event),
    "a large payload is not in the store": Case(payload_gone),
    "the workers do not find a large payload": Case(payload_not_found_by_workers),
    "the caller has no store of large payloads": Case(caller_without_store),
    "the caller lacks a key": Case(caller_without_key),
    "the workers lack a key": Case(workers_without_key),
}
