"""An agent in a web application that is instrumented already: one connected trace, and nothing of the application changed."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.json_values import JsonObject, as_list, as_object, parse
from tests.toolchains import ROOT

pytestmark = [pytest.mark.timeout(200), pytest.mark.needs("instrumented"), pytest.mark.needs("aimock")]

PYTHON = ROOT / ".tools/instrumented/bin/python"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock_server(tmp_path_factory.mktemp("aimock") / "server.log") as server:
        yield server


def told_by(module: str, *arguments: str) -> JsonObject:
    """What a program of that environment prints."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [str(PYTHON), "-m", f"tests.heavy.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "Overriding" not in done.stderr
    return as_object(parse(done.stdout))
