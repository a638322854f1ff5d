"""What a turn costs that recalls memories and remembers one, beside other libraries over the same kind of store.

    python benchmarks/memory_peers.py
    python benchmarks/memory_peers.py --memories 5000 --only lightagent-qdrant,mem0-qdrant

Each library keeps its memories in a folder of its own, on disk; SQLite syncs at every commit (`synchronous = FULL`) in
all of them. First the memories of ten users are written, then each asks about one of them and says something else, in
turn. No model is asked, and the vectors, where there are any, are those of one hashing embedder. CPU is that of the
process, its threads included. What they do for it differs: agno gives the newest memories, mem0 those whose vectors
are nearest, lightagent those that fit by their words and, in Qdrant, by both.
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
from statistics import mean

from libraries import in_fresh_process, installed
from memory_costs import LENGTH, QUESTION, Language
from peers.remembered import (
    FOUND,
    Memories,
    agno_sqlite,
    lightagent_edge,
    lightagent_qdrant,
    lightagent_sqlite,
    mem0_qdrant,
)

USERS = 10
TURNS = 100

LIBRARIES: dict[str, tuple[Callable[[Path, AsyncExitStack], Awaitable[Memories]], str, str]] = {
    "lightagent-sqlite": (lightagent_sqlite, "lightagent", "-e ."),
    "agno-sqlite": (agno_sqlite, "agno", "agno 'sqlalchemy[asyncio]'"),
    "lightagent-qdrant": (lightagent_qdrant, "qdrant_client", "-e '.[qdrant]'"),
    "lightagent-qdrant-edge": (lightagent_edge, "qdrant_edge", "-e '.[qdrant]' qdrant-edge-py"),
    "mem0-qdrant": (mem0_qdrant, "mem0", "mem0ai"),
}
"""How each library keeps memories, the module that it needs, and how that is installed."""


async def measure(library: str, memories: int) -> dict[str, float]:
    """Milliseconds of CPU that recalling and writing took, the mean of some turns."""
    language, recalls, writes = Language(7), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            store = await LIBRARIES[library][0](Path(folder), stack)
            told = [language.sentence(LENGTH) for _ in range(memories)]
            for number, text in enumerate(told):
                await store.write(f"user-{number % USERS}", text)
            for number in range(TURNS):
                user, said = f"user-{number % USERS}", language.sentence(LENGTH)
                question = " ".join(told[number % memories].split()[:QUESTION])
                marks = [time.process_time()]
                found = await store.recall(user, question)
                marks.append(time.process_time())
                await store.write(user, said)
                marks.append(time.process_time())
                if not 0 < found <= FOUND:
                    raise SystemExit(f"{library} recalled {found} memories in turn {number}.")
                recalls.append((marks[1] - marks[0]) * 1000)
                writes.append((marks[2] - marks[1]) * 1000)
    return {"recall": mean(recalls), "write": mean(writes), "turn": mean(recalls) + mean(writes)}


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=1_000, help=f"of {USERS} users together (default: 1000)")
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--measure", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memories < USERS:
        parser.error(f"--memories must be at least {USERS}, one for each user")
    if options.measure:
        print(json.dumps(asyncio.run(measure(options.measure, options.memories))))
        return
    names = installed(parser, options.only, LIBRARIES)
    print(f"| {options.memories:,} memories | recall, ms CPU | write, ms CPU | a turn, ms CPU |\n|---|---|---|---|")
    for name in names:
        found: dict[str, float] = json.loads(in_fresh_process(__file__, name, "--memories", str(options.memories)))
        print(f"| {name} | " + " | ".join(f"{found[column]:.2f}" for column in ("recall", "write", "turn")) + " |")
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end." if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
