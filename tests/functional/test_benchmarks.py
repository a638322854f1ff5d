"""The benchmark works: every scenario measures something of each library. What it measures is not judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = ["lightagent", "openai", "aiohttp"]
WHOLE = os.environ.get("TEST_BENCHMARKS") == "whole"
"""Each scenario with each library, as in `make soak`."""
EVERY_SCENARIO = [
    "import and build",
    "first answer",
    "one turn",
    "two turns and a tool",
    "runs in flight",
    "peak memory",
    "stream",
    "first text",
    "turn 5:",
    "turn 50",
    "tracing on",
]


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark as a user would."""
    command = [sys.executable, "benchmarks/compare.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=170, check=False)


@pytest.mark.timeout(180)
def test_the_benchmark_measures_every_scenario() -> None:
    done = compare("--quick", "--reps", "1", "--only", "lightagent")
    assert done.returncode == 0, done.stderr
    _, _, *lines = (line for line in done.stdout.splitlines() if line.startswith("|"))
    assert not [scenario for scenario in EVERY_SCENARIO if not any(scenario in line for line in lines)]
    for line in lines:
        assert any(character.isdigit() for character in line.split("|")[2]), line


@pytest.mark.timeout(180)
def test_the_benchmark_measures_every_library() -> None:
    scenarios = [] if WHOLE else ["--scenario", "one_turn"]
    done = compare("--quick", "--reps", "1", "--only", ",".join(LIBRARIES), *scenarios)
    assert done.returncode == 0, done.stderr
    head, _, *lines = (line for line in done.stdout.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in head.split("|")[2:-1]] == LIBRARIES
    for line in lines:
        title, lightagent, openai, aiohttp = (cell.strip() for cell in line.split("|")[1:-1])
        assert any(character.isdigit() for character in lightagent), line
        if not title.startswith("tracing"):
            assert openai.endswith("(1.00x)"), line
            assert aiohttp.endswith("x)"), line


def test_a_library_or_scenario_that_does_not_exist_is_named() -> None:
    done = compare("--only", "lightagent,nothing")
    assert done.returncode == 2
    assert "no nothing; there are lightagent, openai, aiohttp" in done.stderr


def test_help_teaches() -> None:
    done = compare("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("examples:", "scenarios: cold, one_turn", "libraries: lightagent"))


def test_stored_conversations_are_measured() -> None:
    command = [sys.executable, "benchmarks/sessions.py", "--turns", "20", "--only", "lightagent"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    cells = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| lightagent")]
    assert [float(cell.replace(",", "")) > 0 for row in cells for cell in row[1:]] == [True] * 4


def test_policies_are_measured() -> None:
    command = [sys.executable, "benchmarks/policies.py", "--turns", "2", "--repeats", "1", "--only", "lightagent"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| lightagent")]
    assert len(rows) == 7
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)


def test_telemetry_is_measured() -> None:
    program = [sys.executable, "benchmarks/telemetry.py", "--only", "lightagent"]
    for arguments, count in ((["--runs", "1"], 7 + 2), (["--collector", "--runs", "20"], 2)):
        command = [*program, *arguments, "--rounds", "1"]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False
        )
        assert done.returncode == 0, done.stderr
        rows = [line for line in done.stdout.splitlines() if line.startswith("|") and "p95" not in line]
        assert ("never answers: 1 of 1" in done.stderr) == ("--collector" in arguments)
        assert sum(any(character.isdigit() for character in row) for row in rows) == count


def test_tool_selection_is_measured(tmp_path: Path) -> None:
    tools, queries = tmp_path / "tools.jsonl", tmp_path / "queries.jsonl"
    tools.write_text(
        '{"name": "pay", "description": "Pay.", "parameters": {"type": "object"}}\n'
        '{"type": "function", "function": {"name": "sing"}}\n'
    )
    queries.write_text('{"query": "Please pay", "tools": ["pay"]}\n{"query": "Dance", "tools": ["sing"]}\n')
    files = ["--tools", str(tools), "--queries", str(queries)]
    for arguments, first in (([], 0.9), ([*files, "--k", "1", "--size", "100"], 0.5)):
        command = [sys.executable, "benchmarks/tool_selection.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False
        )
        assert done.returncode == 0, done.stderr
        rows = dict(line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("|"))
        assert float(rows[" 5 "]) >= first
        assert float(rows[" a query, median "].removesuffix(" ms ")) > 0


def test_memories_are_measured(tmp_path: Path) -> None:
    said = ["What is your dog called?", "Rex.", "I was in Rome last week.", "It rained."]
    turns = [
        {"id": f"t{place}", "at": "1:56 pm on 8 May, 2023", "speaker": "Ann", "text": text}
        for place, text in enumerate(said)
    ]
    asked = [{"question": "What is the dog called?", "evidence": ["t1"]}, {"question": "Paris?", "evidence": ["t2"]}]
    file = tmp_path / "conversations.json"
    file.write_text(json.dumps([{"memories": turns, "questions": asked}]))
    for arguments, found in (
        (["memory_recall.py", str(file), "--embedder", '{"kind": "hashing"}'], "| sqlite | 0.500 |"),
        (["memory_recall.py", str(file), "--store", '{"kind": "process"}', "--k", "2"], "| process | 0.000 |"),
        (["memory_costs.py", "--memories", "200", "--owners", "10"], "| 200 | 10 | "),
        (["memory_peers.py", "--memories", "20", "--only", "lightagent-sqlite"], "| lightagent-sqlite | "),
    ):
        done = subprocess.run(
            [sys.executable, *(f"benchmarks/{arguments[0]}", *arguments[1:])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert found in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_serving_is_measured() -> None:
    command = [sys.executable, "benchmarks/serving.py", "--quick", "--reps", "1", "--only", "in_process"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    _, _, *lines = (line for line in done.stdout.splitlines() if line.startswith("|"))
    figures = [float(line.split("|")[2].replace(",", "")) for line in lines]
    assert len(figures) == 5
    assert min(figures[:4]) > 0
