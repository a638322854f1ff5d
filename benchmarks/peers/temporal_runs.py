"""What peers on Temporal share: the work that they are given, and how a process of theirs is told what to do.

`work ADDRESS` takes work of a server until it is ended. `drive ADDRESS` reads batches, a line of JSON each, has their
runs carried out, and prints a line of what they took. It needs temporalio and nothing of lightagent's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import NamedTuple

from temporalio.client import Client

LAYERS = (("a",), ("b1", "b2", "b3"), ("c1", "c2", "c3"), ("d1", "d2"), ("e",))
"""Ten steps, each of which depends on all of the layer before."""
RESULT = "e after d1, d2"
QUESTION = "What is the weather in Berlin, and what time is it there?"
ANSWER = "It rains in Berlin, and it is noon."
DESCRIBED = 5


def outcome(name: str, before: list[str]) -> str:
    """What a step gives."""
    return f"{name} after {', '.join(sorted(before))}"


@dataclass(frozen=True)
class Batch:
    """Runs that are carried out at once, so many at a time."""

    scenario: str
    name: str
    runs: int
    at_once: int


@dataclass(frozen=True)
class Taken:
    """What the runs of a batch took: seconds for all of them; of each, what its workflow has in the server."""

    seconds: float
    events: float
    bytes: float
    transitions: float


class Driver(NamedTuple):
    """How runs of a library are had.

    Attributes:
        run: carries out a run of a scenario under an id; its result.
        workflow: the id of the workflow of a run.
    """

    run: Callable[[str, str], Awaitable[str]]
    workflow: Callable[[str], str]


async def carried_out(client: Client, driver: Driver, batch: Batch) -> Taken:
    """What a batch takes; a wrong result is no measurement."""
    room, right = asyncio.Semaphore(batch.at_once), {"dag": RESULT, "agent": ANSWER}[batch.scenario]

    async def one(number: int) -> None:
        async with room:
            result = await driver.run(batch.scenario, f"{batch.name}-{number}")
            if result != right:
                raise SystemExit(f"The run ended with {result!r:.300}.")

    began = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(batch.runs)))
    seconds = time.perf_counter() - began
    found = list[tuple[int, int, int]]()
    for number in range(min(DESCRIBED, batch.runs)):
        handle = client.get_workflow_handle(driver.workflow(f"{batch.name}-{number}"))
        info = (await handle.describe()).raw_description.workflow_execution_info
        found.append((info.history_length, info.history_size_bytes, info.state_transition_count))
    return Taken(seconds, *map(median, zip(*found, strict=True)))


async def drive(address: str, driver: Driver) -> None:
    """Carry out the batches that are asked for."""
    client = await Client.connect(address)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(asdict(await carried_out(client, driver, Batch(**json.loads(line))))), flush=True)


def main(work: Callable[[str], Awaitable[None]], connect: Callable[[str], Awaitable[Driver]]) -> None:
    """Do what the arguments say."""

    async def driven(address: str) -> None:
        await drive(address, await connect(address))

    what, address = sys.argv[1:]
    done = work(address) if what == "work" else driven(address)
    asyncio.run(_awaited(done))


async def _awaited(done: Awaitable[None]) -> None:
    await done
