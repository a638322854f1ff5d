"""Processes that race for one lease: one gets it, and where clocks are wrong only the last one's entries are taken."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.ports.journals import JournalStore
from tests.servers.postgres import PostgresServer
from tests.support.lease_racers import key_of

ROOT = Path(__file__).parents[2]
RACES = int(os.environ.get("TEST_RACES", "14"))

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked"),
    pytest.mark.timeout(1800),
]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that got the lease of a race, and whether its append was taken."""

    racers: int
    token: int
    taken: bool


@pytest.fixture
def options(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return {"url": postgres.url, "schema_name": f"races_{uuid4().hex}"}
    return {"path": str(tmp_path / "db")} if kind == "sqlite" else {"directory": str(tmp_path / "journals")}


def race(kind: str, options: dict[str, str], *skews: float) -> dict[int, list[Owner]]:
    """Who got the lease in each race; each race has exactly one entry afterwards."""
    command = [sys.executable, "-m", "tests.support.lease_racers", kind, json.dumps(options), str(RACES)]
    done = subprocess.run([*command, *map(str, skews)], cwd=ROOT, capture_output=True, text=True, timeout=1700)
    assert (done.returncode, done.stderr) == (0, "")
    owners = defaultdict[int, list[Owner]](list)
    for line in done.stdout.splitlines():
        found = json.loads(line)
        owners[found.pop("race")].append(Owner(**found))
    assert asyncio.run(entries(kind, options)) == [1] * RACES
    return owners


async def entries(kind: str, options: dict[str, str]) -> list[int]:
    store = open_adapter("journals", kind, options)
    assert isinstance(store, JournalStore)
    try:
        return [len((await store.read(key_of(number))).entries) for number in range(RACES)]
    finally:
        await store.aclose()


@pytest.mark.parametrize("kind", ["sqlite", "files", "postgres"])
def test_of_those_who_race_for_a_lease_one_gets_it(kind: str, options: dict[str, str]) -> None:
    owners = race(kind, options)
    assert [len(owners[number]) for number in range(RACES)] == [1] * RACES
    assert all(owner.taken for found in owners.values() for owner in found)
    assert {owner.racers for found in owners.values() for owner in found} == {2, 3, 4, 5, 6, 7, 8}
    tokens = [owner.token for found in owners.values() for owner in found]
    assert len(set(tokens)) == RACES


@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_where_clocks_are_an_hour_apart_every_owner_but_the_last_is_fenced_off(
    kind: str, options: dict[str, str]
) -> None:
    owners = race(kind, options, 0.0, 3600.0, -3600.0, 45.0)
    assert sum(len(found) > 1 for found in owners.values()) > RACES / 10
    for number in range(RACES):
        last = max(owners[number], key=lambda owner: owner.token)
        assert [owner for owner in owners[number] if owner.taken] == [last]
