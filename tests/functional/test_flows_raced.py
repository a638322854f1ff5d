"""Processes that want the same run: one goes on with it, and the owner that lost its lease is fenced off."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.domain.flow.events import AttemptFinished
from lightagent.domain.scopes import Scope
from tests.servers.postgres import PostgresServer
from tests.support.flow_racers import MOST, open_store

ROOT = Path(__file__).parents[2]
RACES = int(os.environ.get("TEST_FLOW_RACES", "7"))

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked"),
    pytest.mark.timeout(3600),
]


@pytest.fixture
def options(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return {"url": postgres.url, "schema_name": f"races_{uuid4().hex}"}
    return {"path": str(tmp_path / "db")} if kind == "sqlite" else {"directory": str(tmp_path / "runs")}


async def results(kind: str, options: dict[str, str]) -> list[list[tuple[str, object]]]:
    """The results on record of each race."""
    store = open_store(kind, options)
    try:
        runs = [(await read_flow(store, flow_key(str(race), Scope())))[1] for race in range(RACES)]
    finally:
        await store.aclose()
    return [[(one.path, one.output.value) for one in events if isinstance(one, AttemptFinished)] for events in runs]


@pytest.mark.parametrize("kind", ["sqlite", "files", "postgres"])
def test_of_those_who_go_on_with_a_run_one_owns_it_and_the_stale_owner_is_fenced_off(
    kind: str, options: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.support.flow_racers", kind, json.dumps(options), str(tmp_path), str(RACES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3500)
    assert (done.returncode, done.stderr) == (0, "")
    owners = [json.loads(line) for line in done.stdout.splitlines()]
    assert owners == [{"race": race, "became": "Fenced"} for race in range(RACES)]
    calls = defaultdict[int, list[int]](list)
    for line in (tmp_path / "calls.jsonl").read_text().splitlines():
        race, place = json.loads(line)
        calls[race].append(place)
    assert all(len(calls[race]) == 2 and calls[race][0] == 0 for race in range(RACES)), "an owner after the first"
    winners = [calls[race][1] for race in range(RACES)]
    assert all(1 <= winner <= MOST for winner in winners)
    assert asyncio.run(results(kind, options)) == [
        [("held", f"by racer {winner}"), ("after", "after")] for winner in winners
    ]
