"""The benchmark of runs on Temporal works: it measures a run of ours beside one by hand, on a server of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.temporal_server import PROGRAM

ROOT = Path(__file__).parents[2]


@pytest.mark.needs("temporal")
@pytest.mark.timeout(180)
def test_runs_on_temporal_are_measured() -> None:
    command = [sys.executable, "benchmarks/temporal_flows.py", "--server", str(PROGRAM), "--workers", "1"]
    command += ["--runs", "2", "--at-once", "2", "--reps", "1", "--scenario", "dag"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    head, _, *lines = (line for line in done.stdout.splitlines() if line.startswith("|"))
    assert "lightagent, 1 worker" in head
    found = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in lines}
    assert found["… time, as a ratio"].endswith("x")
    assert 40 < float(found["events"]) < 90
