"""What policies cost a turn: four of pure Python, two for the question and two for the answer, and a gate of one's own.

    python benchmarks/policies.py
    python benchmarks/policies.py --only lightagent --repeats 31

Every library answers a question by a model that takes no time, in turn without and with policies: so many turns each,
one after another, again and again. What is shown is the CPU of the process in µs a turn, the median of the repeats, and
what the policies add to it: the median of the differences within a repeat.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from common import STORED_ANSWER, Turn
from peers.guarded_turns import lightagent_turns, openai_agents_turns, pydantic_ai_turns

QUESTION = "What is one and two?"
WARM_UP = 50

LIBRARIES: dict[str, tuple[Callable[[], Mapping[str, Turn]], str, str]] = {
    "lightagent": (lightagent_turns, "lightagent", "-e ."),
    "pydantic-ai": (pydantic_ai_turns, "pydantic_ai", "pydantic-ai-slim"),
    "openai-agents": (openai_agents_turns, "agents", "openai-agents"),
}
"""How each library takes turns, the module that it needs, and how that is installed."""


async def measure(library: str, turns: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Of each variant, CPU in µs a turn, and what it is more than without policies."""
    variants = LIBRARIES[library][0]()
    for name, ask in variants.items():
        for _ in range(WARM_UP):
            if await ask(QUESTION) != STORED_ANSWER:
                raise SystemExit(f"{library} gave another answer with {name}.")
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, ask in variants.items():
            began = time.process_time()
            for _ in range(turns):
                await ask(QUESTION)
            found[name].append((time.process_time() - began) / turns * 1e6)
    more = {name: [one - none for one, none in zip(each, found["none"], strict=True)] for name, each in found.items()}
    return {name: (statistics.median(each), statistics.median(more[name])) for name, each in found.items()}


def in_fresh_process(library: str, turns: int, repeats: int) -> dict[str, tuple[float, float]]:
    """The figures of one library."""
    command = [sys.executable, __file__, "--turns", str(turns), "--repeats", str(repeats), "--measure", library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{library} failed:\n{done.stderr.strip()[-800:]}")
    figures: dict[str, tuple[float, float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def is_installed(module: str) -> bool:
    return find_spec(module) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100, help="of each variant in each repeat (default: 100)")
    parser.add_argument("--repeats", type=int, default=15, help="default: 15")
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.turns, options.repeats) < 1:
        parser.error("--turns and --repeats must be at least 1")
    if options.measure:
        print(json.dumps(asyncio.run(measure(options.measure, options.turns, options.repeats))))
        return
    wanted = options.only.split(",")
    if unknown := [name for name in wanted if name not in LIBRARIES]:
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(LIBRARIES)}")
    print("| library | policies | CPU µs a turn | added |\n|---|---|---|---|")
    for name in wanted:
        _, module, packages = LIBRARIES[name]
        if not is_installed(module):
            print(f"{name} is not installed: pip install {packages}", file=sys.stderr)
            continue
        for variant, (all_of_it, more) in in_fresh_process(name, options.turns, options.repeats).items():
            print(f"| {name} | {variant} | {all_of_it:,.0f} | {more:,.0f} |", flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end." if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
