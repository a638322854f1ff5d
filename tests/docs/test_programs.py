"""Every program in the README, the docs, the docstrings and the examples runs, and prints what it is said to print."""

from __future__ import annotations

import ast
import doctest
import json
import re
from importlib import import_module
from itertools import groupby
from pathlib import Path

import pytest

from tests.docs.blocks import LANGUAGES, ROOT, Block, blocks, page_name, pages
from tests.support.warm_programs import WarmPrograms

RUNNER = Path(__file__).with_name("run_page.py")
EXAMPLES = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "examples").glob("*/main.py")])


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_the_programs_of_a_page_run(
    page: Path, folder: Path, with_endpoint: dict[str, str], endpoint: str, warm_programs: WarmPrograms
) -> None:
    every = blocks(page)
    programs = [block for block in every if block.language == "python"]
    tasks = [{"file": block.place, "line": block.line, "code": at(endpoint, block.text)} for block in programs]
    done = warm_programs.run(RUNNER, folder=folder, environment=with_endpoint, stdin=json.dumps(tasks))
    assert done.returncode == 0, done.stderr
    printed: list[str] = json.loads(done.stdout)
    for block, said in zip(programs, printed, strict=True):
        promised = _output_of(block, every)
        if promised is not None:
            assert same_output(promised.text, said), f"{promised.place} says\n{promised.text}\nbut it printed\n{said}"


def at(endpoint: str, program: str) -> str:
    """The program with the server of the tests in the place of every provider that it names."""
    return re.sub(r'(?<=\bbase_url=)"[^"]*"', f'"{endpoint}"', program)


@pytest.mark.parametrize("page", pages(), ids=page_name)
def test_nothing_escapes_the_rules(page: Path) -> None:
    every = blocks(page)
    assert not [block.place for block in every if block.language not in LANGUAGES]
    for block, before in zip(every[1:], every, strict=False):
        assert block.language != "output" or before.language == "python", f"{block.place} is the output of no program"
    for block in every:
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_an_example_runs_without_a_key(
    example: Path, environment: dict[str, str], warm_programs: WarmPrograms, tmp_path: Path
) -> None:
    done = warm_programs.run(example, folder=place(example, tmp_path), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_an_example_runs_over_http(
    example: Path, with_endpoint: dict[str, str], warm_programs: WarmPrograms, tmp_path: Path
) -> None:
    done = warm_programs.run(example, folder=place(example, tmp_path), environment=with_endpoint)
    assert done.returncode == 0, done.stdout + done.stderr


def place(example: Path, folder: Path) -> Path:
    """Where it runs: those in folders of their own leave files, and the others look at this repository."""
    return folder if example.parent.parent == ROOT / "examples" else ROOT


def modules_with_examples() -> list[str]:
    """The modules that have a `>>>` in a docstring."""
    found = []
    for path in sorted((ROOT / "src/lightagent").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if ">>>" in text and any(has_example(node) for node in ast.walk(ast.parse(text))):
            parts = path.relative_to(ROOT / "src").with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def has_example(node: ast.AST) -> bool:
    """Whether a docstring of this node holds one."""
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return bool(doctest.DocTestParser().get_examples(ast.get_docstring(node) or ""))


def test_the_examples_of_docstrings_run(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-docs")
    for name in modules_with_examples():
        result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
        assert result.attempted, name
        assert not result.failed, name


def test_an_example_in_a_docstring_is_seen() -> None:
    told = ast.parse('def f():\n    """Adds.\n\n    >>> 1 + 1\n    2\n    """')
    assert [has_example(node) for node in (told.body[0], ast.parse("x = '>>> 1'"))] == [True, False]


def test_a_wrong_output_is_seen() -> None:
    assert same_output("took ... ms\nok\n", "took 12 ms\nok\n")
    assert not same_output("took ... ms\nok\n", "took 12 ms\nno\n")
    assert same_output("→ a\n← x ...\n← y 2\n→ b\n", "→ a\n← y 2\n← x 1\n→ b\n")
    assert not same_output("← x 1\n→ b\n", "→ b\n← x 1\n")


def same_output(promised: str, said: str) -> bool:
    """Whether `said` is `promised`, in which `...` stands for anything and runs of blanks are one."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(_ordered(promised), _ordered(said), flags)


def _ordered(text: str) -> str:
    """Results of tools that ran at once, which come in any order, sorted."""
    runs = groupby(text.splitlines(keepends=True), lambda line: line.startswith("← "))
    return "".join(line for results, lines in runs for line in (sorted(lines) if results else lines))


def _output_of(program: Block, every: list[Block]) -> Block | None:
    following = every[every.index(program) + 1 :]
    return following[0] if following and following[0].language == "output" else None
