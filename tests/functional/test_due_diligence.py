"""examples/due_diligence: killed while an analyst's model is still busy, and finished by other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lightagent import JsonLightFlowStore, LightFlow
from tests.servers.json_values import as_list, as_object
from tests.support.warm_programs import WarmPrograms

EXAMPLE = Path(__file__).parents[2] / "examples/due_diligence/diligence.py"
WATCHDOG = 60.0
LONG = "100"
"""Seconds that the second model thinks about what it has read, which are never waited for."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the store of files is for POSIX systems")


Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, warm_programs: WarmPrograms) -> Run:
    """Runs the example in a process of its own; what it prints."""

    def run_example(*arguments: str) -> str:
        done = warm_programs.run(EXAMPLE, *arguments, folder=tmp_path, environment=os.environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_example


def shown(folder: Path) -> dict[str, object]:
    """The status of each step, as another process sees it while the run goes on."""
    with closing(LightFlow(store=JsonLightFlowStore(folder / "runs"))) as flow:
        record = flow.get_run("northwind") or {}
    steps = [as_object(step) for step in as_list(record.get("steps", []))]
    return {str(step["name"]): step["status"] for step in steps}


def reports(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "board.jsonl").read_text(encoding="utf-8").splitlines()]


def read_by(folder: Path) -> list[str]:
    log = folder / "read.log"
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def test_all_at_once(run: Run) -> None:
    printed = run()
    assert printed.count("success") == 10
    assert "3 risks" in printed


def test_a_run_that_was_killed_in_the_middle_is_finished_by_other_processes(tmp_path: Path, run: Run) -> None:
    process = subprocess.Popen([sys.executable, str(EXAMPLE), "start", str(tmp_path), "--pace", LONG])
    try:
        deadline = time.monotonic() + WATCHDOG
        while len(read_by(tmp_path)) < 3 or shown(tmp_path).get("finances") != "success":
            assert process.poll() is None
            assert time.monotonic() < deadline, "the first analyst has found nothing"
            time.sleep(0.1)
        assert shown(tmp_path)["contracts"] == "running"
    finally:
        process.kill()
        process.wait()

    assert "waiting_approval" in run("resume", str(tmp_path))
    assert not (tmp_path / "board.jsonl").exists(), "published without a person"
    assert run("approve", str(tmp_path)).endswith("→ success\n")

    (report,) = reports(tmp_path)
    assert report["key"] == "northwind/publish@1"
    assert all(f"* {topic}: Strength:" in report["report"] for topic in ("finances", "contracts", "people"))
    assert sorted(read_by(tmp_path)) == ["contracts", "finances", "people"], "a document was read twice"


def test_what_is_rejected_is_not_published(tmp_path: Path, run: Run) -> None:
    run("start", str(tmp_path))
    assert "publish    failed" in run("reject", str(tmp_path))
    assert not (tmp_path / "board.jsonl").exists()
