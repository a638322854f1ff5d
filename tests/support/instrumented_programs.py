"""Runs programs of tests/heavy in the environment where the instrumentations of others are, and reads what they saw."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from tests.servers.json_values import JsonObject, as_list, as_object, parse
from tests.toolchains import ROOT

PYTHON = ROOT / ".tools/instrumented/bin/python"
TIMEOUT = 120.0


@dataclass(frozen=True)
class Told:
    """What a program printed: its spans in the order of their beginning, and what it says of itself."""

    spans: Sequence[JsonObject]
    said: JsonObject
    stderr: str

    @property
    def traces(self) -> set[str]:
        """The ids of the traces that the spans are in."""
        return {str(as_object(span["context"])["trace_id"]).removeprefix("0x") for span in self.spans}

    @property
    def places(self) -> list[tuple[str, str]]:
        """The name of each span, and of the one above it."""
        names = {span_id(span): str(span["name"]) for span in self.spans}
        return [(str(span["name"]), names.get(str(span["parent_id"]), "")) for span in self.spans]


def told_by(module: str, *arguments: str) -> Told:
    """Run a program."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [str(PYTHON), "-m", f"tests.heavy.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    said = as_object(parse(done.stdout))
    return Told([as_object(span) for span in as_list(said["spans"])], said, done.stderr)


def span_id(span: JsonObject) -> str:
    """The id of a span: 16 hexadecimal digits behind ``0x``."""
    return str(as_object(span["context"])["span_id"])
