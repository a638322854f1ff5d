"""Every way to go on with calls that wait, decided one at a time, with a save and a load between.

`TEST_REVIEW_TABLE=whole` runs every row; without it a sample that has each value of each column.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from lightagent import Reviews
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from tests.support.review_runs import ACTIONS, Case, begin, go_on, read_case, write_case

ROOT = Path(__file__).parents[2]
WHOLE = os.environ.get("TEST_REVIEW_TABLE") == "whole"
SAMPLE = 24

pytestmark = pytest.mark.timeout(1800)


def rows() -> list[Case]:
    """The table."""
    several = [("approve", "reject", "edit", "respond"), ("respond", "approve"), ("reject", "reject", "approve")]
    decided = [*((action,) for action in ACTIONS), *several]
    yes_no = (False, True)
    found = [
        Case(actions, depth, streamed, elsewhere, kept, given)
        for actions, depth, streamed, elsewhere, kept, given in product(
            decided, (0, 1, 2), yes_no, yes_no, ("json", "run", "session"), yes_no
        )
        if not (given and depth)  # What is given to a run is given to its outermost agent.
    ]
    if WHOLE:
        return found
    random.Random(10).shuffle(found)
    return found[:SAMPLE]


TOLD = {
    "approve": "ok paid {amount}",
    "reject": "rejected A human reviewer rejected this call. No.",
    "edit": "ok paid 70",
    "respond": "answered Paid in cash.",
}


def expected(case: Case, decided: int) -> tuple[str, list[int], list[str]]:
    """How a case stands when so many of its calls are decided."""
    made = [(one, {"approve": n + 1, "edit": 70}.get(one)) for n, one in enumerate(case.actions[:decided])]
    paid = [amount for _, amount in made if amount is not None]
    told = [TOLD[one].format(amount=n + 1) for n, one in enumerate(case.actions[:decided])]
    waiting = ["waiting"] * (len(case.actions) - decided)
    return "suspended" if waiting else "completed", paid, [*told, *waiting]


def check(case: Case, decided: int) -> None:
    assert (case.outcome, list(case.paid), list(case.told)) == expected(case, decided), case.name


async def decide(case: Case, number: int, journals: SqliteJournalStore) -> None:
    """Decide about the call with this number, and see that nothing else of the run is decided by it."""
    reviews = Reviews(journals)
    waiting = [review async for review in reviews.list("bob") if review.request.run_id == case.run_id]
    assert len(waiting) == len(case.actions) - number, case.name
    (meant,) = [one for one in waiting if one.request.call_id.split("/")[-1] == f"c{number}"]
    assert meant.request.agents == tuple(f"level {level}" for level in range(case.depth, -1, -1))
    await reviews.decide(meant.request.request_id, ACTIONS[case.actions[number]])


def elsewhere(cases: list[Case], path: Path) -> list[Case]:
    """The cases after another process has gone on with them."""
    command = [sys.executable, "-m", "tests.support.review_runs", str(path)]
    lines = "\n".join(map(write_case, cases))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [read_case(line) for line in done.stdout.splitlines()]


async def test_each_decision_is_carried_out_once_wherever_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    journals = SqliteJournalStore(path)
    cases = [await begin(case, journals) for case in rows()]
    for case in cases:
        check(case, 0)
    number = 0
    while cases:
        for case in cases:
            await decide(case, number, journals)
        here = [await go_on(case, journals) for case in cases if not case.elsewhere]
        there = [case for case in cases if case.elsewhere]
        there = await asyncio.to_thread(elsewhere, there, path) if there else []
        number += 1
        for case in (*here, *there):
            check(case, number)
        cases = [case for case in (*here, *there) if case.outcome == "suspended"]
    statuses = {review.status async for review in Reviews(journals).list(status=None)}
    assert statuses == {"used"}
    await journals.aclose()


def test_the_sample_has_each_value_of_each_column() -> None:
    found = rows()
    values = {"actions": 7, "depth": 3, "streamed": 2, "elsewhere": 2, "kept": 3, "given": 2}
    assert {column: len({getattr(case, column) for case in found}) for column in values} == values
