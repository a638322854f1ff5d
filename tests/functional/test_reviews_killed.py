"""A process is killed between a decision and its effect: one effect, or a report that nobody knows."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lightagent import ApprovalDecision, PolicyError, Reviews, RunResult
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import LeaseHeld
from lightagent.ports.journals import JournalStore
from tests.support.review_killed import POINTS, Order, begin, go_on

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def program() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.review_killed"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def kill(program: subprocess.Popen[str], order: Order) -> None:
    """Have a process begin with the order, and die at its point."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(json.dumps(asdict(order)) + "\n")
    program.stdin.flush()
    assert int(program.stdout.readline()) == -signal.SIGKILL


async def go_on_when_the_lease_is_over(order: Order, journals: JournalStore) -> RunResult[str]:
    """What becomes of the run in the next process: the lease of the one that died has still to end."""
    for _ in range(100):
        try:
            return await go_on(order, journals)
        except (LeaseHeld, PolicyError) as error:
            if isinstance(error, PolicyError) and "Another process goes on" not in error.message:
                raise
            await asyncio.sleep(0.05)
    raise AssertionError("The lease did not end.")


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "not idempotent"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "as JSON"])
@pytest.mark.parametrize("point", POINTS)
async def test_an_approved_call_has_its_effect_once_or_is_reported(
    program: subprocess.Popen[str], tmp_path: Path, point: str, kept: bool, idempotent: bool
) -> None:
    path, effects = tmp_path / "db", tmp_path / "effects"
    effects.touch()
    order = Order(str(path), str(effects), kept, idempotent)
    journals = SqliteJournalStore(path)
    waiting = await begin(order, journals)
    [review] = [review async for review in Reviews(journals).list()]
    await Reviews(journals).decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    order = replace(order, run_id=waiting.run_id, journal=waiting.journal.to_json())
    await asyncio.to_thread(kill, program, replace(order, point=point))
    result = await go_on_when_the_lease_is_over(order, journals)
    assert result.content == "Done."
    # A store that keeps the run knows that nothing has happened yet, or what came of it; else nobody does.
    known = idempotent or (kept and point in ("decision taken", "result known"))
    assert result.tool_calls[0].status == ("ok" if known else "unknown")
    made = effects.read_text().splitlines()
    assert len(set(made)) == (0 if not known and point in ("decision taken", "tool called") else 1)
    assert len(made) <= (2 if idempotent else 1)
    over = kept and point == "result known"  # The next process has nothing to do with the call any more.
    assert (await Reviews(journals).show(review.request.request_id)).status == ("taken" if over else "used")
    if not kept:
        with pytest.raises(PolicyError, match="Another process"):
            await go_on(order, journals)
    assert effects.read_text().splitlines() == made
    await journals.aclose()
