"""How many files a reader opens who follows a query to the model and back: a number that may fall, and not grow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES_OF_A_QUERY = 84
"""Lower this when a query passes fewer files."""


def path_of(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would."""
    command = [sys.executable, "benchmarks/path_of.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False)


def test_each_path_is_counted_and_a_query_passes_no_more_files_than_before() -> None:
    done = path_of()
    assert done.returncode == 0, done.stderr
    counts = dict(re.findall(r"^(\w+): (\d+) files, \d+ functions$", done.stdout, re.MULTILINE))
    assert list(counts) == ["query", "argument", "setting"]
    assert int(counts["query"]) <= FILES_OF_A_QUERY, done.stdout


def test_an_unknown_path_is_named_with_those_that_exist() -> None:
    done = path_of("answer")
    assert done.returncode == 2
    assert "Unknown path 'answer': use query, argument, setting." in done.stderr
