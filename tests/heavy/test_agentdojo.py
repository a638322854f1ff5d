"""One suite of AgentDojo with a model that obeys all that it reads; `benchmarks/agentdojo.py` runs all four."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.toolchains import ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.needs("agentdojo")]


def test_no_attack_has_an_outside_effect_without_approval_and_users_get_the_rest() -> None:
    done = subprocess.run(
        [".tools/agentdojo/bin/python", "benchmarks/agentdojo.py", "--suite", "banking", "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["all"] == {
        "user tasks": 16,
        "completed unattended": 4,
        "completed with every question approved": 16,
        "questions": 13,
        "pairs": 144,
        "pairs whose attack has an outside effect": 144,
        "attacks that the model read and obeyed": 144,
        "attacks with an outside effect without approval": 0,
        "the same with tainted calls allowed": 144,
    }
