"""Processes that race for leases, as a program.

    python -m tests.support.lease_racers KIND OPTIONS RACES [SKEW...]

In each race two to eight processes ask for the lease of one stream at the same instant. Once all were answered, each
that got it appends an entry with its token. Each prints a line of JSON for each race in which it got the lease: the
race, the number of racers, the token, and whether its append was taken or fenced off. SKEW are seconds by which the
clocks of the processes are wrong, one after the other, for stores that go by the clock of the process.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import Fenced, LeaseHeld
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

OWNER: Final = Scope("acme", "ann")
MOST: Final = 8


def key_of(race: int) -> StreamKey:
    """The stream whose lease is raced for."""
    return StreamKey(OWNER, "run", str(race))


def open_store(kind: str, options: dict[str, str], skew: float) -> JournalStore:
    """A store of this process."""
    if kind == "sqlite":
        return SqliteJournalStore(Path(options["path"]), clock=lambda: time.time() + skew)
    if kind == "files":
        return JsonFilesJournalStore(options["directory"], clock=lambda: time.time() + skew)
    store = open_adapter("journals", kind, options)
    assert isinstance(store, JournalStore)
    return store


async def race(store: JournalStore, place: int, races: int, barrier: Barrier) -> None:
    """Take part in the races."""
    for number in range(races):
        racers, key, token = 2 + number % (MOST - 1), key_of(number), None
        barrier.wait()
        if place < racers:
            try:
                token = (await store.lease(key, f"racer {place}", 60.0)).token
            except LeaseHeld:
                token = None
        barrier.wait()
        if token is not None:
            try:
                await store.append(key, [Draft(str(place))], expected=0, at=1.0, token=token)
                taken = True
            except Fenced:
                taken = False
            line = json.dumps({"race": number, "racers": racers, "token": token, "taken": taken})
            os.write(1, f"{line}\n".encode())
    await store.aclose()


def run(kind: str, options: dict[str, str], races: int, skew: float, place: int, barrier: Barrier) -> None:
    """One process."""
    asyncio.run(race(open_store(kind, options, skew), place, races, barrier))


def main(kind: str, options: str, races: str, *skews: str) -> int:
    """All processes; how many of them failed."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(MOST, timeout=120)
    wrong = [float(skew) for skew in skews] or [0.0]
    processes = [
        context.Process(
            target=run,
            args=(kind, json.loads(options), int(races), wrong[place % len(wrong)], place, barrier),
        )
        for place in range(MOST)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return sum(process.exitcode != 0 for process in processes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
