"""What OpenTelemetry costs a run: one that asks its model twice and calls a tool between, which is four spans.

    python benchmarks/telemetry.py
    python benchmarks/telemetry.py --only lightagent --rounds 60
    python benchmarks/telemetry.py --collector
    python benchmarks/telemetry.py --collector --rounds 40

The model and the tool take no time, and exporters do nothing, so what is shown is what tracing adds. Variants take
turns in batches, the CPU is that of the process, its threads included, and each figure stands twice: the least of all
batches, and the median. `the SDK's` is what the same spans, attributes and measurements take, made with the bare SDK at
the same places of the same run; `own` is the rest. Peers join in when they are installed.

`--collector` shows instead how long runs take whose spans are sent to a collector that is not there, and to one that
never answers, beside untraced ones: some ten seconds a row, and more with `--rounds`.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping

from common import STORED_ANSWER, Turn
from libraries import in_fresh_process, installed
from peers.traced_turns import UNTRACED, lightagent_turn, lightagent_turns, openai_agents_turns, pydantic_ai_turns
from traced_variants import COLLECTORS, Variant, agent_variants, sent_to

QUESTION = "What is one and two?"
ROUNDS = 40
PASSES = 3
WARM_UP = 100
RUNS, RUNS_A_PASS = 60, 1_000
PERCENTILES = 50, 95, 99

LIBRARIES: dict[str, tuple[Callable[[], Mapping[str, Turn]], str, str]] = {
    "lightagent": (lightagent_turns, "opentelemetry.sdk", "-e '.[otel]'"),
    "pydantic-ai": (pydantic_ai_turns, "pydantic_ai", "pydantic-ai-slim opentelemetry-sdk"),
    "openai-agents": (openai_agents_turns, "agents", "openai-agents opentelemetry-sdk"),
}
"""How each library takes turns, the module that it needs, and how that is installed."""


async def in_turns(variants: Mapping[str, Variant], runs: int, rounds: int) -> dict[str, list[float]]:
    """By variant: CPU in µs a run, of each of its batches; what waits to be exported is waited for."""
    for name, variant in variants.items():
        for _ in range(min(WARM_UP, runs * rounds)):
            if await variant.ask(QUESTION) != STORED_ANSWER:
                raise SystemExit(f"{name} gave another answer.")
    found: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for _ in range(rounds):
        order.append(order.pop(0))  # Nobody always follows the same one.
        for name in order:
            ask, flush = variants[name]
            began = time.process_time()
            for _ in range(runs):
                await ask(QUESTION)
            flush()
            found[name].append((time.process_time() - began) / runs * 1e6)
    return found


def least_and_median(whole: list[float], *parts: tuple[int, list[float]]) -> str:
    """Two figures, of what is left of `whole` with the parts added or taken away, each by its sign."""
    least = min(whole) + sum(sign * min(part) for sign, part in parts)
    middle = statistics.median(one + sum(sign * part[place] for sign, part in parts) for place, one in enumerate(whole))
    return f"{least:,.0f} / {middle:,.0f}"


def print_variants(found: Mapping[str, list[float]]) -> None:
    """The table of one library's variants."""
    none, idle = found["untraced"], found["a sink that does nothing"]
    print("| | a run | more | the SDK's | own |\n|---|---|---|---|---|")
    for name, whole in found.items():
        if name.startswith("bare: "):
            continue
        cells = [least_and_median(whole), "-" if whole is none else least_and_median(whole, (-1, none)), "-", "-"]
        if bare := found.get(f"bare: {name}"):
            cells[2] = least_and_median(bare, (-1, idle))
            cells[3] = least_and_median(whole, (-1, none), (-1, bare), (1, idle))
        print(f"| {name} | {' | '.join(cells)} |")


def print_peers(figures: Mapping[str, Mapping[str, list[float]]]) -> None:
    """The table of all libraries; the ratio is to what tracing adds here with spans and metrics."""
    print("\n| | untraced | traced | more | of a run | to lightagent |\n|---|---|---|---|---|---|")
    ours = figures.get("lightagent", {})
    added = {name: statistics.median(_more(ours[name], ours[UNTRACED])) for name in ours if name != UNTRACED}
    for library, found in figures.items():
        for name, whole in found.items():
            if name == UNTRACED:
                continue
            none = statistics.median(found[UNTRACED])
            more = statistics.median(_more(whole, found[UNTRACED]))
            ratio = f"{more / added[name]:.1f}" if name in added else "-"
            print(
                f"| {library}, {name} | {none:,.0f} | {statistics.median(whole):,.0f} | {more:,.0f}"
                f" | {more / none:.0%} | {ratio} |"
            )


def _more(whole: list[float], without: list[float]) -> list[float]:
    return [one - none for one, none in zip(whole, without, strict=True)]


async def print_collectors(passes: int, runs: int) -> None:
    """How long runs take, in µs: percentiles of all, and how much higher they are than just before, without a trace."""
    print("| collector | runs | p50 | p95 | p99 | p50 more | p95 more | p99 more |\n|---|---|---|---|---|---|---|---|")
    for name in COLLECTORS:
        found: list[tuple[list[float], list[float]]] = []
        for number in range(1, passes + 1):
            without = await _percentiles(lightagent_turn(), runs)
            with sent_to(name) as ask:
                found.append((without, await _percentiles(ask, runs)))
            print(f"{name}: {number} of {passes}", file=sys.stderr, flush=True)
        whole = [statistics.median(traced[place] for _, traced in found) for place in range(len(PERCENTILES))]
        more = [statistics.median(traced[place] - without[place] for without, traced in found) for place in range(3)]
        cells = (f"{figure:,.0f}" for figure in (*whole, *more))
        print(f"| {name} | {passes * runs:,} | {' | '.join(cells)} |", flush=True)


async def _percentiles(ask: Turn, runs: int) -> list[float]:
    times: list[float] = []
    warm_up = min(WARM_UP, runs)
    for number in range(warm_up + runs):
        began = time.perf_counter()
        await ask(QUESTION)
        if number >= warm_up:
            times.append((time.perf_counter() - began) * 1e6)
    cuts = statistics.quantiles(times, n=100)
    return [cuts[percentile - 1] for percentile in PERCENTILES]


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runs",
        type=int,
        help=f"of each variant in each batch (default: {RUNS}); with --collector, of a pass (default: {RUNS_A_PASS:,})",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"batches of each variant (default: {ROUNDS}); with --collector, passes (default: {PASSES})",
    )
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--collector", action="store_true", help="show what a collector does that does not answer")
    parser.add_argument("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = PASSES if options.collector else ROUNDS
    if options.runs is None:
        options.runs = RUNS_A_PASS if options.collector else RUNS
    if min(options.runs, options.rounds) < 1:
        parser.error("--runs and --rounds must be at least 1")
    if options.measure:
        turns = {name: Variant(turn) for name, turn in LIBRARIES[options.measure][0]().items()}
        print(json.dumps(asyncio.run(in_turns(turns, options.runs, options.rounds))))
        return
    names = installed(parser, options.only, LIBRARIES)
    if options.collector:
        asyncio.run(print_collectors(options.rounds, options.runs))
        names = ()
    elif "lightagent" in names:
        print_variants(asyncio.run(in_turns(agent_variants(), options.runs, options.rounds)))
    arguments = "--runs", str(options.runs), "--rounds", str(options.rounds)
    if names:
        print_peers({name: json.loads(in_fresh_process(__file__, name, *arguments)) for name in names})
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end." if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
