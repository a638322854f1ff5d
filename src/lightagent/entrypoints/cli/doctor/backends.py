"""Checks of all backends except the model: one round trip each, and a line of code to run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from lightagent.domain.code.programs import CodeJob, CodeResult, CodeText
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import LightAgentError
from lightagent.domain.journals.streams import StoreNote, StreamQuery
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.scopes import NO_SCOPE
from lightagent.entrypoints.cli.console import show_error
from lightagent.ports.code import CodeRunner
from lightagent.ports.embedding import Embedder
from lightagent.ports.flow_engine import FlowEngine, FlowRun
from lightagent.ports.flushable_sink import ProbedSink
from lightagent.ports.journals import ExaminedStore, JournalStore
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.settings.origins import printable

TEXT: Final = "Reply with the word OK."
_VERIFY: Final = "Type: lightagent verify"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of a round trip: the answer or the error, the time it took, and notes for the operator."""

    answer: str
    seconds: float
    error: LightAgentErrorInfo | None = None
    notes: tuple[StoreNote, ...] = ()


async def examine_embedder(embedder: Embedder, seconds: float) -> Diagnosis:
    """Embed one text. Failures are part of the diagnosis."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            (vector,) = await embedder.embed((TEXT,), "query")
    except TimeoutError:
        return Diagnosis("", time.monotonic() - start, no_answer(seconds))
    except Exception as exc:
        return Diagnosis("", time.monotonic() - start, classify_exception(exc))
    return Diagnosis(f"a vector of {len(vector)} numbers", time.monotonic() - start)


async def examine_journals(store: JournalStore, seconds: float) -> Diagnosis:
    """List one stream, and examine the condition of the store. Failures are part of the diagnosis."""
    start = time.monotonic()
    notes: Sequence[StoreNote] = ()
    try:
        async with asyncio.timeout(seconds):
            page = await store.list(StreamQuery(limit=1))
            took = time.monotonic() - start
            if isinstance(store, ExaminedStore):
                notes = await store.examine()
    except TimeoutError:
        return Diagnosis("", time.monotonic() - start, no_answer(seconds))
    except Exception as exc:
        return Diagnosis("", time.monotonic() - start, classify_exception(exc))
    answer = "it holds streams" if page.streams or page.unreadable else "it is empty"
    return Diagnosis(answer, took, notes=(*(StoreNote(text, _VERIFY) for text in page.unreadable), *notes))


async def examine_flow_engine(engine: FlowEngine, seconds: float) -> Diagnosis:
    """Read the events of a run that does not exist. Failures are part of the diagnosis."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            await engine.events(FlowRun(NO_SCOPE, "lightagent doctor"))
    except TimeoutError:
        return Diagnosis("", time.monotonic() - start, no_answer(seconds))
    except Exception as exc:
        return Diagnosis("", time.monotonic() - start, classify_exception(exc))
    return Diagnosis("it answers", time.monotonic() - start)


async def examine_telemetry(sink: ProbedSink, seconds: float) -> Diagnosis:
    """Send one test span to the collector."""
    start = time.monotonic()
    why = await asyncio.to_thread(sink.probe, seconds)
    took = time.monotonic() - start
    if not why:
        return Diagnosis("the collector accepted a span", took)
    guidance = "Check endpoint, protocol and headers of [default.telemetry], and the network."
    return Diagnosis("", took, LightAgentErrorInfo("LA-503", f"The collector did not accept a span: {why}.", guidance))


async def examine_memory(store: MemoryStore, seconds: float) -> Diagnosis:
    """Search once, and read one record. Failures are part of the diagnosis."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            answer = await _look_into(store)
    except TimeoutError:
        return Diagnosis("", time.monotonic() - start, no_answer(seconds))
    except Exception as exc:
        return Diagnosis("", time.monotonic() - start, classify_exception(exc))
    return Diagnosis(answer, time.monotonic() - start)


async def _look_into(store: MemoryStore) -> str:
    # The search also fails if the stored memories were written with a different embedder.
    await store.recall(MemoryOwner(user="lightagent doctor"), TEXT, 1, RecallFilter(time.time()))
    if "read" not in store.supports:
        return "it can be searched"
    page = await store.read(OwnerSelection(), 1)
    return "it holds memories" if page.records else "it is empty"


def no_answer(seconds: float) -> LightAgentErrorInfo:
    """Return the error for a backend that did not answer in time."""
    return LightAgentErrorInfo(
        "LA-408", f"No answer within {seconds:g} seconds.", "Check the server, or raise --timeout."
    )


_PROGRAM: Final = CodeText("print(6 * 7)")


def examine_code(console: Console, runner: CodeRunner | None) -> bool:
    """Run a one-line program and print the result. Return whether it succeeded, or no runner is configured."""
    if runner is None:
        return True
    try:
        done = asyncio.run(_run(runner))
    except LightAgentError as exc:
        console.print("✗ code", style="red", markup=False)
        show_error(exc.info)
        return False
    if (done.exit_code, done.stdout) != (0, "42\n"):
        told = done.stderr.strip() or f"it ended with {done.exit_code}"
        console.print(printable(f"✗ code · {runner.name} · {told:.300}"), style="red", markup=False)
        return False
    console.print(f"✓ code · {runner.name} · {done.seconds * 1000:.0f} ms", markup=False)
    return True


async def _run(runner: CodeRunner) -> CodeResult:
    try:
        return await runner.run(CodeJob(_PROGRAM))
    finally:
        await runner.aclose()
