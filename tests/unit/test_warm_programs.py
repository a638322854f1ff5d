"""A program that is forked from a warm process sees and leaves what one in an interpreter of its own does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.warm_programs import WarmPrograms

PROGRAM = """
import atexit, json, os, sys, threading, time, warnings
from typing import get_type_hints

class Place: ...

def hinted(place: "Place") -> None: ...

atexit.register(print, "the end")
threading.Thread(target=lambda: (time.sleep(0.1), print("a thread"))).start()
text = sys.stdin.read()
about = {"name": __name__, "argv": sys.argv, "folder": os.getcwd(), "first": sys.path[0], "variables": dict(os.environ)}
print(json.dumps({**about, "text": text, "hints": str(get_type_hints(hinted)), "bytecode": sys.dont_write_bytecode}))
print("→ a complaint", file=sys.stderr)
"""

ENDS = {
    "well": "",
    "with a number": "sys.exit(3)",
    "with an error": "1 / 0",
    "with a warning, which is an error": "warnings.warn('no')",
    "by a signal": "sys.stdout.flush(); os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_it_is_as_in_an_interpreter_of_its_own(warm_programs: WarmPrograms, tmp_path: Path, end: str) -> None:
    program = tmp_path / "sub folder" / "program.py"
    program.parent.mkdir()
    program.write_text(PROGRAM + end, encoding="utf-8")
    variables = {"PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1", "LC_CTYPE": "C.UTF-8", "OWN": "ä"}
    command = [sys.executable, "-W", "error", str(program), "--all", "x y"]
    cold = subprocess.run(
        command, cwd=tmp_path, env=variables, input="ä", capture_output=True, encoding="utf-8", check=False
    )
    warm = warm_programs.run(program, "--all", "x y", folder=tmp_path, environment=variables, stdin="ä")
    assert (warm.returncode, warm.stdout) == (cold.returncode, cold.stdout)
    assert warm.stderr.splitlines()[:1] == cold.stderr.splitlines()[:1]
    assert warm.stderr.splitlines()[-1:] == cold.stderr.splitlines()[-1:]
    assert json.loads(warm.stdout.splitlines()[0])["name"] == "__main__"


def test_what_goes_to_both_streams_is_told_in_its_order(warm_programs: WarmPrograms, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfor at in range(4): print(at, file=(sys.stdout, sys.stderr)[at % 2], flush=True)", "utf-8"
    )
    done = warm_programs.run(program, folder=tmp_path, environment={}, together=True)
    assert (done.stdout.split(), done.stderr) == (["0", "1", "2", "3"], "")
