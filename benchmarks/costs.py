"""What the small things cost that the tests count in calls: µs of CPU each, beside a baseline measured in this run.

The baseline is a frozen dataclass of five fields, made and compared: work of about a microsecond that every machine
knows. Ratios to it travel between machines; µs do not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from lightagent import LightAgent, RunContext
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tools.function_tool import as_tool
from lightagent.testing import ScriptedModel

TIMES = 500
ROUNDS = 7


@dataclass(frozen=True)
class Baseline:
    name: str
    size: int
    ratio: float
    flag: bool
    parts: tuple[str, ...]


class Shop:
    """What a tool needs."""


def get_weather(city: str, days: int = 3) -> str:
    """Get the weather."""
    return f"{city} {days}"


def look(ctx: RunContext[Shop], item: str) -> str:
    """Look for an item."""
    return item


def baseline() -> bool:
    return Baseline("a", 1, 0.5, True, ("x",)) == Baseline("a", 1, 0.5, True, ("y",))


async def hops() -> None:
    for _ in range(TIMES):
        await run_in_thread(int)


def often(work: Callable[[], object]) -> Callable[[], None]:
    def repeated() -> None:
        for _ in range(TIMES):
            work()

    return repeated


def cpu_of(repeated: Callable[[], object]) -> float:
    """µs of CPU for each of what is done `TIMES` times, in the best of a few rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        repeated()
        found.append((time.process_time() - began) / TIMES)
    return min(found) * 1e6


def main() -> None:
    """Print the table."""
    model, tool = ScriptedModel([]), as_tool(get_weather)
    works: dict[str, Callable[[], object]] = {
        "the baseline": baseline,
        "a known function as a tool": lambda: as_tool(get_weather),
        "an agent with a known tool": lambda: LightAgent(model=model, tools=[look], deps_type=Shop),
        "an openai model": lambda: OpenAIChatModel("m", "k", "http://127.0.0.1:8080/v1"),
        "a check of arguments": lambda: tool.check({"city": "Rome", "days": 2}),
    }
    figures = {name: cpu_of(often(work)) for name, work in works.items()}
    figures["a hop to a thread and back"] = cpu_of(lambda: asyncio.run(hops()))
    base = figures["the baseline"]
    print("| | µs | ratio |\n|---|---|---|")
    for name, figure in figures.items():
        print(f"| {name} | {figure:.2f} | {figure / base:.1f} |")


if __name__ == "__main__":
    main()
