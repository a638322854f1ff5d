"""Both type checkers agree: the good programs are clean, and the wrong ones are refused in exactly the marked lines.

``# wrong: name`` says besides that what the checkers say of the line names it.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)  # A checker that reads everything anew on a busy machine.

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
GOOD = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
WRONG = sorted((HERE / "wrong").glob("*.py"))
MARK = re.compile(r"# wrong\b(?:: (\w+))?")

Place = tuple[str, int]


def test_there_are_programs_to_check() -> None:
    assert len(GOOD) >= 10
    assert len(WRONG) >= 10
    assert len(marked()) > 200
    assert sum(map(bool, marked().values())) > 20
    assert sum(path.read_text(encoding="utf-8").count("assert_type(") for path in GOOD) > 200


def test_mypy_accepts_the_good_and_refuses_the_wrong() -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-pretty", *map(str, GOOD + WRONG)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    errors = re.findall(r"^(\S+\.py):(\d+): error: (.*)$", checked.stdout, re.MULTILINE)
    assert errors, checked.stdout + checked.stderr
    compare([((place(ROOT / path), int(line)), text) for path, line, text in errors])


def test_pyright_accepts_the_good_and_refuses_the_wrong(tmp_path: Path) -> None:
    project = tmp_path / "pyrightconfig.json"
    project.write_text(
        json.dumps(
            {
                "include": [os.path.relpath(path, tmp_path) for path in GOOD + WRONG],
                "extraPaths": [str(ROOT / "src")],
                "pythonVersion": "3.11",
                # What a user in the strictest mode sees; that a wrong line has no effect is not the point.
                "typeCheckingMode": "strict",
                "reportUnusedCoroutine": "none",
                "reportUnusedExpression": "none",
                "reportUnusedCallResult": "none",
            }
        ),
        encoding="utf-8",
    )
    # pyright looks for other packages with the first `python` of the path.
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    command = [sys.executable, "-m", "pyright", "--outputjson", "--project", str(project)]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    report = json.loads(checked.stdout)
    assert report["summary"]["filesAnalyzed"] == len(GOOD + WRONG), checked.stdout
    errors = [found for found in report["generalDiagnostics"] if found["severity"] == "error"]
    compare([((place(Path(f["file"])), f["range"]["start"]["line"] + 1), f["message"]) for f in errors])


def place(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def marked() -> dict[Place, str]:
    """The lines that must not type-check, each with what the checkers have to name; empty for anything."""
    return {
        (place(path), number): found[1] or ""
        for path in WRONG
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := MARK.search(line))
    }


def compare(errors: list[tuple[Place, str]]) -> None:
    wrong, said = marked(), defaultdict[Place, str](str)
    for where, text in errors:
        said[where] += f"{text}\n"
    unexpected = [f"{name}:{line}: {said[name, line]}" for name, line in sorted(said) if (name, line) not in wrong]
    assert not unexpected, "\n".join(unexpected)
    accepted = sorted(wrong.keys() - said.keys())
    assert not accepted, f"accepted, but wrong: {accepted}"
    unnamed = {where: said[where] for where, name in wrong.items() if f'"{name}"' not in said[where] and name}
    assert not unnamed, f"refused without a word on why: {unnamed}"
