"""Both type checkers agree: the good programs are clean, and the wrong ones are refused in exactly the marked lines."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
GOOD = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
WRONG = sorted((HERE / "wrong").glob("*.py"))
MARK = re.compile(r"# wrong\b")

Place = tuple[str, int]


def test_there_are_programs_to_check() -> None:
    assert len(GOOD) >= 4
    assert len(WRONG) >= 4
    assert len(marked()) > 60
    assert sum(path.read_text(encoding="utf-8").count("assert_type(") for path in GOOD) > 80


def test_mypy_accepts_the_good_and_refuses_the_wrong() -> None:
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-pretty", *map(str, GOOD + WRONG)]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    errors = re.findall(r"^(\S+\.py):(\d+): error: (.*)$", checked.stdout, re.MULTILINE)
    assert errors, checked.stdout + checked.stderr
    compare({(place(ROOT / path), int(line)): text for path, line, text in errors})


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
    compare({(place(Path(f["file"])), f["range"]["start"]["line"] + 1): f["message"] for f in errors})


def place(path: Path) -> str:
    return path.relative_to(HERE).as_posix()


def marked() -> set[Place]:
    """The lines that must not type-check."""
    return {
        (place(path), number)
        for path in WRONG
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MARK.search(line)
    }


def compare(errors: dict[Place, str]) -> None:
    unexpected = {where: text for where, text in errors.items() if where not in marked()}
    assert not unexpected, "\n".join(f"{name}:{line}: {text}" for (name, line), text in sorted(unexpected.items()))
    accepted = sorted(marked() - set(errors))
    assert not accepted, f"accepted, but wrong: {accepted}"
