"""Plans find what is there to be found: some games of the benchmark, with an evaluator that is right and wrong ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GAMES = 4
SHARES = ("0%", "10%", "20%", "30%")


def test_a_right_evaluator_finds_all_and_no_plan_is_above_its_budget() -> None:
    command = [sys.executable, "benchmarks/tree_of_thought.py", "--instances", str(GAMES), "--seeds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    _, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    assert len(rows) == 2 + 3 * 7
    for mode, wrong, _, found, of, _, most, allowed in rows:
        assert wrong in SHARES
        assert int(of) == GAMES
        assert int(most) <= int(allowed) + 1, "one call is the answer itself"
        if wrong == "0%" and ("beam" in mode or "best first" in mode):
            assert int(found) == GAMES, mode
    assert [row[5] for row in rows[:2]] == ["1.0", "3.0"]
