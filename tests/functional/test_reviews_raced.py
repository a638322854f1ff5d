"""Two who decide at once, and two who go on at once: one decision, one effect. `TEST_REVIEW_RACES` says how often."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent import ReviewStore
from lightagent.domain.json_types import JsonObject
from tests.servers.postgres import PostgresServer
from tests.support.review_racers import PAY, open_store, payer

ROOT = Path(__file__).parents[2]
RACES = int(os.environ.get("TEST_REVIEW_RACES", "10"))

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def options(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return json.dumps({"url": postgres.url, "schema_name": f"races_{uuid4().hex}"})
    return json.dumps({"path": str(tmp_path / "db")})


class Racers:
    """Two processes that begin each task together."""

    def __init__(self, kind: str, options: str, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "tests.support.review_racers", kind, options]
        pipe = subprocess.PIPE
        self._both = [subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) for _ in range(2)]
        for one in self._both:
            stack.enter_context(one)

    def race(self, *tasks: JsonObject) -> list[JsonObject]:
        """What becomes of a task for each of them."""
        for process, task in zip(self._both, tasks, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        answers: list[JsonObject] = []
        for process in self._both:
            assert process.stdout is not None
            answers.append(json.loads(process.stdout.readline()))
        return answers


@pytest.fixture
def racers(kind: str, options: str) -> Iterator[Racers]:
    with ExitStack() as stack:
        yield Racers(kind, options, stack)


async def begin(store: ReviewStore, number: int) -> tuple[str, JsonObject]:
    """The id of a request, and what its run is gone on with: every other one is kept in the store."""
    user = f"u{number}"
    kept = store.journals if number % 2 else None
    result = await payer(store, [], PAY).arun("Pay.", user_id=user, journal=kept, result_format="object")
    [review] = [review async for review in store.reviews.list(user)]
    task: JsonObject = {"run_id": result.run_id, "user": user} if kept else {"journal": result.journal.to_json()}
    return review.request.request_id, task


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_one_decides_and_one_pays(kind: str, options: str, racers: Racers) -> None:
    store = open_store(kind, options)
    for number in range(RACES):
        request_id, task = await begin(store, number)
        tasks: list[JsonObject] = [{"request_id": request_id, "amount": amount} for amount in (7, 8)]
        decided = await asyncio.to_thread(racers.race, *tasks)
        assert sorted(bool(one["first"]) for one in decided) == [False, True]
        assert {one.get("error") for one in decided} == {None, "AlreadyDecided"}
        decision = (await store.reviews.show(request_id)).decision
        assert decision is not None
        assert decision.arguments is not None
        assert decision.actor == ("7" if decided[0]["first"] else "8")
        gone_on = await asyncio.to_thread(racers.race, task, task)
        assert sorted(bool(one["first"]) for one in gone_on) == [False, True], gone_on
        assert [amount for one in gone_on for amount in _amounts(one)] == [decision.arguments["amount"]]
        assert {one.get("error") for one in gone_on} <= {None, "AlreadyDecided", "LeaseHeld", "ConfigurationError"}
        assert (await store.reviews.show(request_id)).status == "used"
    await store.journals.aclose()


def _amounts(answer: JsonObject) -> list[object]:
    paid = answer["paid"]
    assert isinstance(paid, list)
    return [*paid]
