"""What a stored conversation costs a turn, and whether that grows with the conversation.

    python benchmarks/sessions.py --turns 1000
    python benchmarks/sessions.py --turns 10000 --only lightagent,lightagent-bounded

Each library keeps one conversation in an SQLite file of its own, on disk, with `synchronous = FULL`, and answers every
question at once without a network. What is measured is a whole turn as a reader of its documentation would write it:
CPU of the process, the file's bytes, and the first tenth of the turns beside the last one. What the libraries persist
differs: lightagent the events of each run, langgraph a checkpoint of the whole state, openai-agents the messages.
`lightagent-bounded` has a context budget of 4,000 tokens; the others keep and send the whole conversation.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from common import STORED_ANSWER, Turn
from libraries import in_fresh_process, installed
from peers.stored_turns import bounded_turns, langgraph_turns, lightagent_turns, openai_agents_turns

QUESTION = "What is one and two, and does it differ from the number that you told me in turn {number}?"

LIBRARIES: dict[str, tuple[Callable[[Path, AsyncExitStack], Awaitable[Turn]], str, str]] = {
    "lightagent": (lightagent_turns, "lightagent", "-e ."),
    "lightagent-bounded": (bounded_turns, "lightagent", "-e ."),
    "langgraph": (langgraph_turns, "langgraph.checkpoint.sqlite", "langgraph langgraph-checkpoint-sqlite"),
    "openai-agents": (openai_agents_turns, "agents", "openai-agents"),
}
"""How each library takes a turn, the module that it needs, and how that is installed."""


async def measure(library: str, turns: int) -> dict[str, float]:
    """CPU in µs a turn, over all turns, the first tenth and the last one; and bytes a turn."""
    tenth = max(1, turns // 10)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sessions.db"
        async with AsyncExitStack() as stack:
            turn = await LIBRARIES[library][0](file, stack)
            marks = [time.process_time()]
            for number in range(turns):
                if await turn(QUESTION.format(number=number)) != STORED_ANSWER:
                    raise SystemExit(f"{library} gave another answer in turn {number}.")
                marks.append(time.process_time())
        size = folder_size(folder)
    return {
        "all": (marks[-1] - marks[0]) / turns * 1e6,
        "first": (marks[tenth] - marks[0]) / tenth * 1e6,
        "last": (marks[-1] - marks[-1 - tenth]) / tenth * 1e6,
        "bytes": size / turns,
    }


def folder_size(folder: str) -> int:
    return sum(part.stat().st_size for part in Path(folder).iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1000, help="of one conversation (default: 1000)")
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turns < 1:
        parser.error("--turns must be at least 1")
    if options.measure:
        print(json.dumps(asyncio.run(measure(options.measure, options.turns))))
        return
    names = installed(parser, options.only, LIBRARIES)
    print(
        f"| {options.turns:,} turns | CPU µs a turn | first tenth | last tenth | bytes a turn |\n|---|---|---|---|---|"
    )
    for name in names:
        found: dict[str, float] = json.loads(in_fresh_process(__file__, name, "--turns", str(options.turns)))
        cells = " | ".join(f"{found[column]:,.0f}" for column in ("all", "first", "last", "bytes"))
        print(f"| {name} | {cells} |", flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end." if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
