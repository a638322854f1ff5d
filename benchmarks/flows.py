"""What an engine of workflows costs a step, beside other libraries, and whether that grows with the number of steps.

    python benchmarks/flows.py
    python benchmarks/flows.py --only lightagent,agno --reps 9

Two shapes, of 100 and of 1,000 steps that do nothing: a chain, and layers of ten steps each of which depends on all of
the layer before. CPU of the process, its threads included, in microseconds a step. Each measurement is a fresh process,
and counts that every step was carried out. The libraries take turns, so that a busy machine troubles all alike.

What they do for it differs: lightagent and langgraph take any graph, and agno what can be written as lists and
`Parallel`; over a store lightagent has each step's result on the disk before the next one begins, and langgraph hands
its checkpoints to a task that goes on meanwhile. `bare-appends` is no library: so much costs it to write as many bytes
in a thread and to sync them, once a layer. A checkpoint is what the store costs beyond that and beyond memory.
"""

import argparse
import asyncio
import gc
import json
import os
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from libraries import in_fresh_process, installed
from peers.flow_runs import (
    Build,
    Steps,
    agno_memory,
    agno_sync,
    bare_appends,
    langgraph_memory,
    langgraph_saver,
    langgraph_sqlite,
    lightagent_json,
    lightagent_memory,
    lightagent_sqlite,
    lightagent_sync,
)

SIZES = (100, 1_000)
WIDTH = 10

LIBRARIES: dict[str, tuple[Build, str, str]] = {
    "lightagent": (lightagent_memory, "lightagent", "-e ."),
    "agno": (agno_memory, "agno", "agno"),
    "langgraph": (langgraph_memory, "langgraph", "langgraph"),
    "lightagent-sync": (lightagent_sync, "lightagent", "-e ."),
    "agno-sync": (agno_sync, "agno", "agno"),
    "lightagent-json": (lightagent_json, "lightagent", "-e ."),
    "lightagent-sqlite": (lightagent_sqlite, "lightagent", "-e ."),
    "langgraph-saver": (langgraph_saver, "langgraph", "langgraph"),
    "langgraph-sqlite": (langgraph_sqlite, "langgraph.checkpoint.sqlite", "langgraph langgraph-checkpoint-sqlite"),
    "bare-appends": (bare_appends, "lightagent", "-e ."),
}
"""How each library runs a workflow, the module that it needs, and how that is installed."""


def layers(size: int) -> Steps:
    above = [list[str](), *([f"s{n}" for n in range(first, first + WIDTH)] for first in range(0, size, WIDTH))]
    return [(f"s{n}", above[n // WIDTH]) for n in range(size)]


def chain(size: int) -> Steps:
    return [(f"s{n}", [f"s{n - 1}"] if n else []) for n in range(size)]


async def measure(library: str, repeats: int) -> dict[str, float]:
    """CPU in µs a step, the median of some runs after a first one, by shape and size."""
    found = dict[str, float]()
    for shape in (layers, chain):
        for size in SIZES:
            taken = list[float]()
            with tempfile.TemporaryDirectory() as folder:
                async with AsyncExitStack() as stack:
                    run = await LIBRARIES[library][0](shape(size), Path(folder), stack)
                    for number in range(repeats + 1):
                        gc.collect()
                        began = time.process_time()
                        done = await run()
                        if number:
                            taken.append((time.process_time() - began) / size * 1e6)
                        if done != size:
                            raise SystemExit(f"{library} carried out {done} of {size} steps.")
            found[f"{shape.__name__} {size:,}"] = median(taken)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--reps", type=int, default=5, help="processes a library, of which the medians are shown")
    parser.add_argument("--runs", type=int, default=3, help="runs a process and shape, besides a first one")
    parser.add_argument("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.reps, options.runs) < 1:
        parser.error("--reps and --runs must be at least 1")
    if options.measure:
        print(json.dumps(asyncio.run(measure(options.measure, options.runs))))
        return
    names = installed(parser, options.only, LIBRARIES)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(options.reps):
        for name in names:
            results[name].append(json.loads(in_fresh_process(__file__, name, "--runs", str(options.runs))))
    columns = [f"{shape.__name__} {size:,}" for shape in (layers, chain) for size in SIZES]
    medians = {name: {column: median(one[column] for one in results[name]) for column in columns} for name in results}
    print(f"| CPU µs a step | {' | '.join(columns)} | 1,000 : 100 |\n|---|---|---|---|---|---|")
    for name, found in medians.items():
        growth = max(found["layers 1,000"] / found["layers 100"], found["chain 1,000"] / found["chain 100"])
        print(f"| {name} | {' | '.join(f'{found[column]:,.0f}' for column in columns)} | {growth:.2f} |")
    print_ratios(medians, columns)
    if hasattr(os, "getloadavg"):
        print(f"\nLoad {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.")


def print_ratios(medians: dict[str, dict[str, float]], columns: list[str]) -> None:
    """How often agno's CPU lightagent takes, and what its checkpoints cost beyond what they must."""
    ours = medians.get("lightagent", {})
    for name in ("agno", "langgraph"):
        if ours and name in medians:
            ratios = ", ".join(f"{ours[column] / medians[name][column]:.2f}" for column in columns)
            print(f"\nlightagent : {name} = {ratios}")
    bare = medians.get("bare-appends", {})
    for name in ("lightagent-json", "lightagent-sqlite"):
        if ours and bare and name in medians:
            beyond = (f"{medians[name][column] - ours[column] - bare[column]:,.0f}" for column in columns)
            print(f"\n{name} beyond memory and the bare append: {', '.join(beyond)} µs a step")


if __name__ == "__main__":
    main()
