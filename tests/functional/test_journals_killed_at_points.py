"""A process is killed at each named point of what it does with a durable store: nothing is lost, doubled or unreadable.

After each death a store of another process holds what was acknowledged, and the deed that was under way as a whole or
not at all; every stream can be written on, and no lease has a token that was given before.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent.adapters.journals.files.lines import name_of
from lightagent.adapters.registry import open_adapter
from lightagent.ports.journals import JournalStore
from tests.servers.postgres import PostgresServer
from tests.support.crashes.model import Streams, after, check, check_use
from tests.support.crashes.points import POINTS
from tests.support.crashes.program import Deed, Order, key_of
from tests.support.golden_stores import GOLDEN, told

ROOT = Path(__file__).parents[2]
NEW = ("begin", "migrate")
"""Deeds that need a new place each time."""
KILLS = int(os.environ.get("TEST_KILLS", "1"))
"""At each point."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal"),
    pytest.mark.timeout(1800),
]


class Program:
    """The process whose forks carry out orders."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.crashes.program"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def carry_out(self, order: Order) -> tuple[int, dict[int, int]]:
        """The status with which the fork ended, and the result of each deed that it has acknowledged."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        done = dict[int, int]()
        for line in self.process.stdout:
            what, *numbers = line.split()
            if what == "ended":
                return int(numbers[0]), done
            if what == "done":
                done[int(numbers[0])] = int(numbers[1])
        raise AssertionError("The program has ended.")


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    started = Program()
    yield started
    started.process.communicate()


@dataclass
class Place:
    """Where a store is, and what it must hold."""

    kind: str
    folder: Path
    postgres: PostgresServer | None
    chance: random.Random
    streams: Streams
    token: int = 0
    number: int = 0

    def begin(self) -> None:
        """Go to a place where no store is."""
        self.number += 1
        self.name = f"crash_{self.number}_{uuid4().hex}"
        self.streams, self.token = {}, 0

    @property
    def options(self) -> dict[str, str | float]:
        if self.kind == "files":
            return {"directory": str(self.folder / self.name)}
        if self.kind == "sqlite":
            return {"path": str(self.folder / self.name)}
        assert self.postgres is not None
        return {"url": f"{self.postgres.url}&application_name={self.name}", "schema_name": self.name}

    def file_of(self, stream: str) -> Path:
        return self.folder / self.name / "streams" / f"{name_of(key_of(stream))}.jsonl"

    def settle(self) -> None:
        """Wait until the server has carried out what a dead process had sent."""
        if self.postgres is None:
            return
        import psycopg

        connected = f"SELECT FROM pg_stat_activity WHERE application_name = '{self.name}'".encode()
        with psycopg.connect(self.postgres.url, autocommit=True) as watching:
            while watching.execute(connected).rowcount:
                time.sleep(0.002)

    def open(self) -> JournalStore:
        store = open_adapter("journals", self.kind, self.options)
        assert isinstance(store, JournalStore)
        return store


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    postgres = request.getfixturevalue("postgres") if kind == "postgres" else None
    return Place(kind, tmp_path, postgres, random.Random(3), {})


def texts(place: Place, turn: int) -> tuple[str, ...]:
    """The contents of an append of one to three entries, which no other append has."""
    return tuple(
        json.dumps({"turn": turn, "part": part, "text": "x" * place.chance.choice((0, 40, 3000))})
        for part in range(place.chance.randrange(1, 4))
    )


def deeds_of(place: Place, what: str, turn: int) -> tuple[Deed, ...]:
    """What a process does up to the deed that is its last: some appends before it, and one that may follow."""
    known = {stream: kept.head for stream, kept in place.streams.items()}

    def append(stream: str, *, leased: bool = False) -> Deed:
        deed = Deed("append", stream, expected=known.get(stream, 0), contents=texts(place, turn), leased=leased)
        known[stream] = deed.expected + len(deed.contents)
        return deed

    if what in NEW or (what == "many leases" and known):
        before = list[Deed]()
    else:
        before = [append("a"), Deed("lease", "b"), append("b", leased=True), append("c"), append("c")]
    last = {
        "append": lambda: append("a"),
        "mend": lambda: append("d"),
        "create": lambda: append(f"n{turn}"),
        "begin": lambda: append("a"),
        "migrate": lambda: append("a"),
        "lease": lambda: Deed("lease", "a"),
        "many leases": lambda: Deed("lease", "a", times=3),
        "forget": lambda: Deed("forget", "c"),
        "prune": lambda: Deed("forget", "c", before=known["c"]),
    }
    return (*before, last[what]())


def prepare(place: Place, what: str) -> None:
    """Bring about what the deed is about."""
    if what in NEW or not place.number:
        place.begin()
    if what == "migrate":
        with closing(sqlite3.connect(place.folder / place.name)) as db:
            db.executescript((GOLDEN / "sqlite_1.sql").read_text())
    if what == "mend" and (file := place.file_of("d")).exists():
        file.write_bytes(file.read_bytes() + b'{"sum":"00000000","line"')
    if what == "many leases" and place.streams:
        numbers = place.folder / place.name / "store.jsonl"
        first, *_, last = numbers.read_bytes().splitlines(keepends=True)
        numbers.write_bytes(first + last * 2000)


async def see_what_is_left(place: Place, deeds: tuple[Deed, ...], done: dict[int, int], turn: int) -> None:
    """Check the store after a death, and use it."""
    for number in sorted(done):
        place.streams = after(place.streams, deeds[number])
        if deeds[number].do == "lease":
            assert done[number] > place.token
            place.token = done[number]
    possible = [place.streams]
    if len(done) < len(deeds):
        possible.append(after(place.streams, deeds[len(done)]))
    store = place.open()
    try:
        found = await check(store, possible)
        used = {*deeds[-1:], *place.chance.sample(deeds, 1)}
        text = f'"checked {turn}"'
        place.streams, place.token = await check_use(store, found, {one.stream for one in used}, text, place.token)
    finally:
        await store.aclose()


POINT_NAMES = [(kind, point) for kind, points in POINTS.items() for point in points]


@pytest.mark.parametrize(("kind", "point"), POINT_NAMES)
def test_a_death_at_a_named_point_loses_and_doubles_nothing(
    kind: str, point: str, place: Place, program: Program
) -> None:
    what = POINTS[kind][point].deed
    for turn in range(KILLS + 1):
        if turn == 0 and what in NEW:
            continue
        prepare(place, what)
        deeds = deeds_of(place, what, turn)
        # The first process lives, so that there is something to be lost.
        fatal = len(deeds) - 1 if turn else -1
        status, done = program.carry_out(Order(kind, place.options, deeds, point, fatal, seed=turn))
        assert os.WIFSIGNALED(status) == (turn > 0), "The point was not reached."
        if turn:
            assert os.WTERMSIG(status) == signal.SIGKILL
        assert len(done) == len(deeds) - (turn > 0)
        place.settle()
        asyncio.run(see_what_is_left(place, deeds, done, turn))
        if what == "migrate":
            asyncio.run(see_what_an_older_release_wrote(place))


async def see_what_an_older_release_wrote(place: Place) -> None:
    store = place.open()
    assert await told(store) == json.loads((GOLDEN / "events_2.json").read_text())["told"]
    await store.aclose()


@pytest.mark.parametrize("kind", POINTS)
def test_a_death_at_any_moment_loses_and_doubles_nothing(kind: str, place: Place, program: Program) -> None:
    deaths = 0
    for turn in range(4 * KILLS):
        what = place.chance.choice(("append", "create", "lease", "forget", "prune", "begin"))
        prepare(place, what)
        deeds = deeds_of(place, what, turn)
        fatal, within = place.chance.randrange(len(deeds)), place.chance.uniform(0.0001, 0.01)
        status, done = program.carry_out(Order(kind, place.options, deeds, "", fatal, within, seed=turn))
        deaths += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or len(done) == len(deeds)
        place.settle()
        asyncio.run(see_what_is_left(place, deeds, done, turn))
    assert deaths


def test_each_store_is_killed_at_twelve_points_at_least() -> None:
    assert all(len(points) >= 12 for points in POINTS.values())
