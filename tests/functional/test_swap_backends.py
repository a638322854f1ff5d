"""The example whose backend is one line: the same program, with the memories of each profile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.entrypoints.cli.app import app
from tests.architecture.source import ROOT

EXAMPLE = ROOT / "examples" / "swap_backends"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEO4J_URL", "neo4j://localhost:7687")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def invoke(*command: str) -> Result:
    return CliRunner().invoke(app, [*command, "--config", "lightagent.toml"], env={"COLUMNS": "200"})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", ["dev", "staging"])
def test_the_right_fact_comes_first_for_each_question(place: Path, profile: str) -> None:
    if profile == "staging":
        pytest.importorskip("qdrant_client")
    command = [sys.executable, "main.py", "--profile", profile]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith(f"{profile}: the right fact came first for 10 of 10 questions.\n"), ran.stdout
    assert invoke("doctor", "--profile", profile).exit_code == 0


@pytest.mark.usefixtures("place")
def test_the_difference_between_two_profiles_is_the_backend() -> None:
    diff = invoke("config", "diff", "dev", "prod")
    assert diff.exit_code == 1, diff.stderr
    assert "sqlite" in diff.stdout
    assert "neo4j" in diff.stdout
    assert "model" not in diff.stdout
