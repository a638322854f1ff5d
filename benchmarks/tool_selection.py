"""How often the tools that a query needs are among the first that are selected, and what that costs.

    python benchmarks/tool_selection.py
    python benchmarks/tool_selection.py --tools tools.jsonl --queries queries.jsonl --k 10
    python benchmarks/tool_selection.py --tools tools.jsonl --queries queries.jsonl --size 10000
    python benchmarks/tool_selection.py --embedder '{"kind": "onnx", "path": "bge-small", "pooling": "cls"}'

A line of the file of tools is a function as a request declares it: {"name": …, "description": …, "parameters": …}, by
itself or below "function". A line of the file of queries is {"query": …, "tools": [names of all that are needed]}.
Without files it is a small catalogue of its own (`corpus/office.py`), which shows no more than that all works.

A query counts if all tools that it needs are among the first k. The figures of a set on which weights were tuned are
flattering: measure on one that you have not looked at.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from corpus.office import ASKED, TOOLS, Asked

from lightagent import ConfigurationError, Embedder, JsonObject, ToolSelection, ToolSpec, open_embedder
from lightagent.adapters.numpy_vectors import make_table
from lightagent.adapters.system import SystemClock
from lightagent.application.tool_selection.rank_by_meaning import MeaningRanker
from lightagent.application.tool_selection.select_tools import MOST_RANKED
from lightagent.application.tool_selection.vector_cache import VectorCache
from lightagent.compose.selection import compose_rankers
from lightagent.domain.text.search import split_words
from lightagent.domain.tools.ranking import fuse
from lightagent.ports.tool_ranker import ToolRanker

PATIENCE = 3_600.0
SHARES = (5, 10, 20, 50)


def own_tools() -> tuple[ToolSpec, ...]:
    """The tools of the small catalogue."""
    made: list[ToolSpec] = []
    for line in TOOLS.strip().splitlines():
        name, description, parameters = line.split("|")
        properties: JsonObject = {
            one: {"type": "string", "description": " ".join(split_words(one))} for one in parameters.split(",")
        }
        made.append(ToolSpec(name, description, {"type": "object", "properties": properties}))
    return tuple(made)


def read_tools(path: Path) -> tuple[ToolSpec, ...]:
    """The tools of a file, one a line."""
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    functions = [entry.get("function", entry) for entry in entries]
    return tuple(
        ToolSpec(one["name"], one.get("description") or "", one.get("parameters") or {"type": "object"})
        for one in functions
    )


def read_queries(path: Path) -> tuple[Asked, ...]:
    """The queries of a file, one a line."""
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return tuple(Asked(entry["query"], tuple(entry["tools"])) for entry in entries)


def grown(tools: Sequence[ToolSpec], size: int) -> tuple[ToolSpec, ...]:
    """So many tools: those that there are, again and again under other names."""
    return tuple(
        tool if number < len(tools) else replace(tool, name=f"{tool.name[:56]}_{number}")
        for number, tool in ((number, tools[number % len(tools)]) for number in range(size))
    )


async def ranked(rankers: Sequence[ToolRanker], query: str, tools: tuple[ToolSpec, ...], limit: int) -> list[str]:
    """The names of the first tools, as a selection takes them."""
    rankings = [await ranker.rank(query, tools, limit) for ranker in rankers]
    return [tool.name for tool in (rankings[0] if len(rankings) == 1 else fuse(rankings))]


def all_rankers(embedder: Embedder | None = None) -> tuple[ToolRanker, ...]:
    """The rankers of an agent; with an embedder, which is waited for as long as it takes, also the one by meaning."""
    patient = () if embedder is None else (VectorCache(embedder, SystemClock(), PATIENCE),)
    by_meaning = tuple(MeaningRanker(vectors, make_table) for vectors in patient)
    return compose_rankers(ToolSelection(rankers=by_meaning))


async def measure(
    tools: tuple[ToolSpec, ...], asked: Sequence[Asked], k: int, size: int, embedder: Embedder | None = None
) -> None:
    """Print the figures."""
    # First, while this process has met no word yet.
    indexed, taken = await costs(many := grown(tools, size or len(tools)), asked, k)
    rankers = all_rankers(embedder)
    shares = sorted({*SHARES, k})
    hits = dict.fromkeys(shares, 0)
    for one in asked:
        names = await ranked(rankers, one.query, tools, max(MOST_RANKED, k))
        for share in shares:
            hits[share] += set(one.tools) <= set(names[:share])
    print(f"{len(tools):,} tools, {len(asked):,} queries, {' and '.join(ranker.name for ranker in rankers)}\n")
    print("| all that a query needs is among the first | share |\n|---|---|")
    for share in shares:
        print(f"| {share} | {hits[share] / len(asked):.3f} |")
    print(f"\n| CPU, {len(many):,} tools | |\n|---|---|")
    print(f"| to make the index | {indexed:.2f} s |")
    print(f"| a query, median | {median(taken):.2f} ms |")
    print(f"| a query, mean | {sum(taken) / len(taken):.2f} ms |")
    print(f"| a query, 95 % are within | {taken[int(len(taken) * 0.95)]:.2f} ms |")


async def costs(tools: tuple[ToolSpec, ...], asked: Sequence[Asked], k: int) -> tuple[float, list[float]]:
    """CPU of this process: the seconds that an index takes, and the milliseconds of each query, the least first."""
    rankers = compose_rankers(ToolSelection())
    began = time.process_time()
    await ranked(rankers, "anything", tools, k)
    indexed = time.process_time() - began
    taken: list[float] = []
    for one in asked:
        began = time.process_time()
        await ranked(rankers, one.query, tools, max(MOST_RANKED, k))
        taken.append((time.process_time() - began) * 1000)
    return indexed, sorted(taken)


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, metavar="FILE", help="tools, one a line")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="queries, one a line")
    parser.add_argument("--k", type=int, default=10, help="how many candidates are looked at besides 5, 10, 20 and 50")
    parser.add_argument("--embedder", metavar="JSON", help="ranks by meaning as well: a kind and its options")
    parser.add_argument("--size", type=int, default=0, help="measure the cost with so many tools, repeated as needed")
    chosen = parser.parse_args()
    if (chosen.tools is None) != (chosen.queries is None):
        parser.error("--tools and --queries belong together")
    try:
        tools = own_tools() if chosen.tools is None else read_tools(chosen.tools)
        asked = ASKED if chosen.queries is None else read_queries(chosen.queries)
        embedder = None if chosen.embedder is None else open_embedder(**json.loads(chosen.embedder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigurationError) as error:
        parser.error(f"the files or the embedder cannot be used: {type(error).__name__}: {error}")
    if not tools or not asked or chosen.k < 1:
        parser.error("there must be tools, queries, and a k of at least 1")
    asyncio.run(measure(tools, asked, chosen.k, chosen.size, embedder))


if __name__ == "__main__":
    main()
