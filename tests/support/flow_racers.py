"""Processes that race for runs of a flow whose owner lost its lease, as a program.

    python -m tests.support.flow_racers KIND OPTIONS FOLDER RACES

In each race an owner begins a run and is held up within its step, longer than its lease lasts. Then two to eight
processes go on with the run at the same instant, by `resume` or as workers. Once all of them are done, the owner wants
to put its result on record. Each call of the step is a line of JSON in FOLDER/calls.jsonl; what became of the owner is
printed: the race, and the name of the error.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final, TypeAlias

from lightagent import FlowWorker, LightFlow
from lightagent.adapters.registry import open_adapter
from lightagent.application.journals import hold_lease
from lightagent.domain.errors import LightAgentError
from lightagent.domain.journals.streams import Lease, StreamKey
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import WrappedStore

Work: TypeAlias = Callable[[str], Awaitable[str]]

MOST: Final = 8
LEASE: Final = 0.05
"""How long the lease of the owner lasts, who does not renew it."""


def open_store(kind: str, options: dict[str, str]) -> JournalStore:
    """A store of this process."""
    store = open_adapter("journals", kind, options)
    assert isinstance(store, JournalStore)
    return store


def racers_of(race: int) -> int:
    """How many race."""
    return 2 + race % (MOST - 1)


def make_flow(store: JournalStore, work: Work) -> LightFlow:
    """A flow of two steps, the first of which is done by `work`."""
    flow = LightFlow(name="raced", store=store).step("held", agent=work)
    return flow.step("after", agent=lambda query: "after", depends_on=["held"])


class UnrenewedStore(WrappedStore):
    """As a process sees it that is suspended: its lease is not renewed."""

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        if token is not None and seconds > 0:
            return Lease(token, seconds)
        return await super().lease(key, holder, seconds, token)


class Held:
    """What the step does, in every process by the same code: as other work, it would hold the run back.

    Args:
        place: of the process; the owner, at 0, is held up until the others are done.
    """

    def __init__(self, race: int, place: int, barrier: Barrier, called: Callable[[int], None]) -> None:
        self._race = race
        self._place = place
        self._barrier = barrier
        self._called = called

    async def __call__(self, query: str) -> str:
        self._called(self._race)
        if self._place:
            return f"by racer {self._place}"
        await asyncio.to_thread(self._barrier.wait)  # The others begin.
        await asyncio.to_thread(self._barrier.wait)  # They are done.
        return "by the owner"


async def own(store: JournalStore, races: int, barrier: Barrier, called: Callable[[int], None]) -> None:
    """Be the owner in each race."""
    vars(hold_lease)["SECONDS"] = LEASE
    for race in range(races):
        try:
            await make_flow(UnrenewedStore(store), Held(race, 0, barrier, called)).arun("x", run_id=str(race))
            became = ""
        except LightAgentError as error:
            became = type(error).__name__
        os.write(1, (json.dumps({"race": race, "became": became}) + "\n").encode())
        await asyncio.to_thread(barrier.wait)


async def race_for(
    store: JournalStore, place: int, races: int, barrier: Barrier, called: Callable[[int], None]
) -> None:
    """Take part in the races."""
    for race in range(races):
        flow = make_flow(store, Held(race, place, barrier, called))
        barrier.wait()
        if place <= racers_of(race):
            if race % 2:
                await flow.aresume(str(race))
            else:
                await asyncio.sleep(LEASE)
                await FlowWorker(flow).arun(once=True)
        barrier.wait()
        barrier.wait()


def run(kind: str, options: dict[str, str], folder: Path, races: int, place: int, barrier: Barrier) -> None:
    """One process; the owner is at the place 0."""

    def called(race: int) -> None:
        with (folder / "calls.jsonl").open("ab") as file:
            file.write(json.dumps([race, place]).encode() + b"\n")

    async def take_part() -> None:
        store = open_store(kind, options)
        try:
            await (race_for(store, place, races, barrier, called) if place else own(store, races, barrier, called))
        finally:
            await store.aclose()

    asyncio.run(take_part())


def main(kind: str, options: str, folder: str, races: str) -> int:
    """All processes; how many of them failed."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(MOST + 1, timeout=120)
    processes = [
        context.Process(target=run, args=(kind, json.loads(options), Path(folder), int(races), place, barrier))
        for place in range(MOST + 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return sum(process.exitcode != 0 for process in processes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
