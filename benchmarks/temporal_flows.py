"""What a run costs on Temporal: beside a workflow that somebody would write by hand, and beside pydantic-ai's agent.

    python benchmarks/temporal_flows.py
    python benchmarks/temporal_flows.py --server .tools/bin/temporal --peers /path/to/other/bin/python --reps 5

Two scenarios, on a real server (`temporal server start-dev`, on a file), with 1, 2 and 3 worker processes:

* `dag`: ten plain steps in five layers, each of which depends on all of the layer before, and which do nothing; beside
  a workflow of the same layers and one activity, written by hand with the SDK.
* `agent`: an agent that asks its model three times and calls two tools; models and tools answer at once and are in the
  worker's process. Beside `TemporalAgent` of pydantic-ai. `--peers` names the Python of an environment that has it:

      pip install 'pydantic-ai-slim[temporal,openai]==2.68.0' temporalio==1.35.0

Shown are runs a second while so many go on at once (`--at-once`), the milliseconds of a run while no other goes on, how
many events and bytes its workflow has in the server, and the CPU of workers and of the server. The libraries take turns
batch by batch, and batches are short, so that a busy machine troubles all alike; ratios are those of batches that
followed each other, and the median of them is shown.

CPU is that of Linux, whose /proc tells it of another process; elsewhere it is 0.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from libraries import is_installed
from peers.temporal_runs import Batch
from serving import has_module
from table import number
from temporal_processes import Peer, Server, cpu_seconds, peer, server

SCENARIOS = {"dag": ("lightagent", "by_hand"), "agent": ("lightagent", "pydantic_ai")}
"""The libraries of each scenario; ratios are to the last one."""
MODULES = {"lightagent": "lightagent", "by_hand": "temporalio", "pydantic_ai": "pydantic_ai"}
ROWS = {
    "runs a second": "rate",
    "… time, as a ratio": "seconds",
    "a run alone, ms": "alone_ms",
    "events": "events",
    "bytes": "bytes",
    "state transitions": "transitions",
    "workers' CPU a run, ms": "workers_ms",
    "server's CPU a run, ms": "server_ms",
}


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    runs: int
    at_once: int
    reps: int
    workers: Sequence[int]


def measured(name: str, one: Peer, there: Server, batch: Batch) -> dict[str, float]:
    """The figures of one batch, and of some runs one after the other."""
    workers, served = one.cpu_seconds(), cpu_seconds(there.pid)
    taken = one.carry_out(batch)
    workers, served = one.cpu_seconds() - workers, cpu_seconds(there.pid) - served
    few = max(1, batch.runs // 10)
    alone = one.carry_out(Batch(batch.scenario, f"{batch.name}-alone", few, 1))
    found = {
        "rate": batch.runs / taken.seconds,
        "seconds": taken.seconds,
        "alone_ms": alone.seconds / few * 1e3,
        "events": taken.events,
        "bytes": taken.bytes,
        "transitions": taken.transitions,
        "workers_ms": workers / batch.runs * 1e3,
        "server_ms": served / batch.runs * 1e3,
    }
    told = ", ".join(f"{figure} {number(value)}" for figure, value in found.items())
    print(f"{batch.name}: {told}", file=sys.stderr, flush=True)
    return found


def rounds(
    scenario: str, pythons: Mapping[str, str], there: Server, workers: int, options: Options
) -> dict[str, list[dict[str, float]]]:
    """The figures of each library in each round, with so many workers each."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    with ExitStack() as stack:
        peers = {name: stack.enter_context(peer(name, pythons[name], there.address, workers)) for name in pythons}
        for name, one in peers.items():
            one.carry_out(
                Batch(scenario, f"{scenario}-{name}-{workers}-warm", options.at_once * workers, options.at_once)
            )
        for place in range(options.reps):
            for name, one in peers.items():
                batch = Batch(scenario, f"{scenario}-{name}-{workers}-{place}", options.runs, options.at_once)
                found[name].append(measured(name, one, there, batch))
    return found


def table(scenario: str, results: Mapping[int, Mapping[str, list[dict[str, float]]]]) -> str:
    """A row for each figure, a column for each library and number of workers."""
    columns = [(workers, name) for workers, found in results.items() for name in found]
    lines = [[scenario, *(f"{name}, {workers} worker{'s'[: workers - 1]}" for workers, name in columns)]]
    lines.append(["---", *["--:"] * len(columns)])
    for title, figure in ROWS.items():
        cells = list[str]()
        for workers, name in columns:
            found = results[workers]
            if figure != "seconds":
                cells.append(number(median(one[figure] for one in found[name])))
            elif (base := found.get(SCENARIOS[scenario][-1])) is None:
                cells.append("-")
            else:
                pairs = zip(found[name], base, strict=True)
                cells.append(f"{median(one[figure] / other[figure] for one, other in pairs):.2f}x")
        lines.append([title, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def libraries(scenario: str, peers: str) -> dict[str, str]:
    """The libraries of a scenario that can be measured, and the Python of each."""
    pythons = {name: peers if name == "pydantic_ai" else sys.executable for name in SCENARIOS[scenario]}
    there = {name: python for name, python in pythons.items() if has_module(python, MODULES[name])}
    for name in pythons.keys() - there.keys():
        print(f"{name} is not installed in the environment of {pythons[name]}", file=sys.stderr)
    return there


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default=",".join(SCENARIOS), help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--workers", default="1,2,3", help="how many worker processes, each number in turn")
    parser.add_argument("--runs", type=int, default=20, help="in a batch")
    parser.add_argument("--at-once", type=int, default=10, help="runs that go on at the same time")
    parser.add_argument("--reps", type=int, default=9, help="batches of each library, of which the medians are shown")
    parser.add_argument("--server", default="temporal", help="Temporal's own program")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has pydantic-ai")
    given = parser.parse_args()
    if min(given.runs, given.at_once, given.reps) < 1:
        parser.error("--runs, --at-once and --reps must be at least 1")
    program = shutil.which(given.server)
    if program is None or not is_installed("temporalio"):
        parser.error("it takes temporalio (pip install '.[temporal]') and --server, which is Temporal's own program")
    workers = [int(one) for one in given.workers.split(",")]
    options = Options(given.runs, given.at_once, given.reps, workers)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    for scenario in given.scenario.split(","):
        pythons = libraries(scenario, given.peers)
        with tempfile.TemporaryDirectory() as folder, server(program, Path(folder)) as there:
            results = {number: rounds(scenario, pythons, there, number, options) for number in options.workers}
        print(f"{table(scenario, results)}\n")
    if hasattr(os, "getloadavg"):
        print(f"{options.at_once} runs at once. Load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
