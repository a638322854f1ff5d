"""The example whose backend is one line, with the memories of its third profile in a real Neo4j server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.servers.neo4j import Neo4jServer

pytestmark = [pytest.mark.needs("java", "maven", "neo4j"), pytest.mark.timeout(300)]


def test_the_right_fact_comes_first_for_each_question(neo4j: Neo4jServer, tmp_path: Path) -> None:
    environment = {**os.environ, "NEO4J_URL": neo4j.url}
    command = [sys.executable, str(ROOT / "examples" / "swap_backends" / "main.py"), "--profile", "prod"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("prod: the right fact came first for 10 of 10 questions.\n"), ran.stdout
    settings = str(ROOT / "examples" / "swap_backends" / "lightagent.toml")
    doctor = [sys.executable, "-m", "lightagent", "doctor", "--profile", "prod", "--config", settings]
    checked = subprocess.run(
        doctor, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
