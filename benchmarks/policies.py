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
import time
from collections.abc import Callable, Mapping

from common import STORED_ANSWER, Turn
from libraries import in_fresh_process, installed
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
    """By variant: CPU in µs a turn, and how much of it the policies add."""
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
    names = installed(parser, options.only, LIBRARIES)
    print("| library | policies | CPU µs a turn | added |\n|---|---|---|---|")
    for name in names:
        arguments = "--turns", str(options.turns), "--repeats", str(options.repeats)
        figures: dict[str, tuple[float, float]] = json.loads(in_fresh_process(__file__, name, *arguments))
        for variant, (whole, more) in figures.items():
            print(f"| {name} | {variant} | {whole:,.0f} | {more:,.0f} |", flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end." if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
