"""Measures one scenario of one peer in this process and prints the figures as JSON; `compare.py` starts it.

python benchmarks/worker.py lightagent one_turn http://127.0.0.1:PORT full
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import common

Figures = dict[str, float]


class Counts(NamedTuple):
    """How much of everything is run."""

    batches: int = 5
    runs: int = 30
    in_flight: int = 1000
    chunks: int = 500
    streams: int = 3
    turns: int = 50
    long_runs: int = 2


COUNTS = {"full": Counts(), "quick": Counts(batches=1, runs=2, in_flight=20, chunks=20, streams=1, long_runs=1)}


class Driver(NamedTuple):
    """What a file in `peers/` defines; see the README beside this file."""

    build: Callable[[str, bool], object]
    run: Callable[[object, str, int], Awaitable[str]]
    stream: Callable[[object, str], AsyncIterator[str | None]]
    trace_on: Callable[[], Callable[[], int]] | None


def load(peer: str) -> Driver:
    """The driver of a peer; importing it imports the library."""
    module = import_module(f"peers.{peer}_driver")
    if module.SYNC:
        raise SystemExit(f"peers/{peer}_driver.py: SYNC drivers are not measured here")
    return Driver(module.build, module.run, module.stream, getattr(module, "trace_on", None))


async def cold(driver: Driver, url: str, counts: Counts) -> Figures:
    """From the start of the process to an agent that is built, and on to its first answer."""
    agent = driver.build(f"{url}/turns=0", True)
    figures = {"built_ms": time.process_time() * 1e3, "built_mb": peak_mb()}
    await ask(driver, agent)
    return {**figures, "answered_ms": time.process_time() * 1e3}


async def one_turn(driver: Driver, url: str, counts: Counts) -> Figures:
    """A question and its answer."""
    return {"cpu_us": await cpu_of_a_run(driver, driver.build(f"{url}/turns=0", False), counts)}


async def with_tool(driver: Driver, url: str, counts: Counts) -> Figures:
    """A question, a call of the tool, the answer."""
    return {"cpu_us": await cpu_of_a_run(driver, driver.build(f"{url}/turns=1", True), counts)}


async def in_flight(driver: Driver, url: str, counts: Counts) -> Figures:
    """Many runs at once on one agent, while the model takes its time."""
    agent = driver.build(f"{url}/turns=0,wait=100", False)
    await asyncio.gather(*[ask(driver, agent) for _ in range(10)])
    start = time.process_time()
    await asyncio.gather(*[ask(driver, agent) for _ in range(counts.in_flight)])
    return {"cpu_us": (time.process_time() - start) / counts.in_flight * 1e6, "peak_mb": peak_mb()}


async def stream(driver: Driver, url: str, counts: Counts) -> Figures:
    """A streamed answer, a piece each millisecond."""
    agent = driver.build(f"{url}/turns=0,chunks={counts.chunks},gap=1", False)

    async def first_text() -> float:
        begin, first, pieces = time.perf_counter(), 0.0, 0
        async for text in driver.stream(agent, common.PROMPT):
            if text:
                first = first or time.perf_counter() - begin
                pieces += text.count("tok")
        expect(pieces == counts.chunks, f"{pieces} pieces of text came instead of {counts.chunks}")
        return first

    await first_text()
    start = time.process_time()
    firsts = [await first_text() for _ in range(counts.streams)]
    spent = time.process_time() - start
    return {"cpu_us": spent / counts.streams / counts.chunks * 1e6, "first_us": median(firsts) * 1e6}


async def long_run(driver: Driver, url: str, counts: Counts) -> Figures:
    """One run that calls the tool many times in a row: what a turn costs early and late in it."""
    agent = driver.build(f"{url}/turns={counts.turns}", True)
    early, late = [], []
    for warm in range(counts.long_runs + 1):
        common.tool_clock.clear()
        await ask(driver, agent, counts.turns + 10)
        clock = common.tool_clock
        expect(len(clock) == counts.turns, f"the tool was called {len(clock)} times instead of {counts.turns}")
        if warm:
            turns = [after - before for before, after in pairwise(clock)]
            early += turns[2:7]
            late += turns[-5:]
    return {"early_us": median(early) * 1e6, "late_us": median(late) * 1e6}


async def tracing(driver: Driver, url: str, counts: Counts) -> Figures:
    """What keeping the trace of a run with a tool adds to it; nothing where a peer has none."""
    if driver.trace_on is None:
        return {}
    off = await cpu_of_a_run(driver, driver.build(f"{url}/turns=1", True), counts)
    spans = driver.trace_on()
    on = await cpu_of_a_run(driver, driver.build(f"{url}/turns=1", True), counts)
    expect(spans() > 0, "nothing was traced")
    return {"added_us": on - off}


SCENARIOS = {
    scenario.__name__: scenario for scenario in (cold, one_turn, with_tool, in_flight, stream, long_run, tracing)
}


async def ask(driver: Driver, agent: object, max_turns: int = 10) -> None:
    """One run; a wrong answer is no measurement."""
    answer = await driver.run(agent, common.PROMPT, max_turns)
    expect("answer" in answer, f"the run ended with {answer!r}")


async def cpu_of_a_run(driver: Driver, agent: object, counts: Counts) -> float:
    """µs of CPU: the median of some batches, after one that warms up."""
    spent = []
    for _ in range(counts.batches + 1):
        start = time.process_time()
        for _ in range(counts.runs):
            await ask(driver, agent)
        spent.append((time.process_time() - start) / counts.runs * 1e6)
    return median(spent[1:])


def median(values: list[float]) -> float:
    """Without importing statistics, which would count as memory of the peer."""
    return sorted(values)[len(values) // 2]


def expect(held: bool, otherwise: str) -> None:
    """End the measurement where a peer did not do what is measured."""
    if not held:
        raise RuntimeError(otherwise)


def peak_mb() -> float:
    """The most memory that this process has had, or nan where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    name, scenario, url, size = sys.argv[1:]
    print("\n" + json.dumps(asyncio.run(SCENARIOS[scenario](load(name), url, COUNTS[size]))))
