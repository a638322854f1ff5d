"""The programs of the documentation, and ruff's view of them: they type-check strictly and are in house style."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks, pages

# The older way to declare a tool sets an attribute of a function, of which no type checker knows.
UNKNOWN = 'has no attribute "tool_info"'


@pytest.fixture
def programs(tmp_path: Path) -> list[str]:
    """A file a page, with every program on the lines that it has in the page."""
    return [file for page in pages() if (file := _program(page, tmp_path)) is not None]


@pytest.mark.timeout(240)
def test_the_programs_type_check(programs: list[str]) -> None:
    command = ["-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", "--hide-error-context", *programs]
    checked = _run(command)
    errors = [line for line in checked.stdout.splitlines() if ": error: " in line and UNKNOWN not in line]
    assert checked.returncode in (0, 1), checked.stdout + checked.stderr
    assert not errors, "\n".join(errors)


def test_the_programs_are_in_house_style(programs: list[str]) -> None:
    # E402: a page imports where it needs a name. The space between programs is the page's.
    options = ["--config", "pyproject.toml", "--select", "ASYNC,B,C4,E,F,I,PERF,SIM,UP", "--ignore", "E402"]
    checked = _run(["-m", "ruff", "check", "--no-cache", "--quiet", *options, *programs])
    assert checked.returncode == 0, checked.stdout


def _program(page: Path, folder: Path) -> str | None:
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python":
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.text.splitlines()
    if not lines:
        return None
    name = page.relative_to(ROOT).with_suffix("").as_posix().replace("/", "_").replace("-", "_").lower()
    file = folder / f"{name}.py"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(file)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
