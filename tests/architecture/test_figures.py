"""The figures of the house: small files, simple functions, next to no suppressions."""

import ast
import re
from statistics import median

import pytest

from tests.architecture.source import Source, run_python, sources

MEDIAN_LINES = 150
MOST_LINES = 400
LONGER = {"src/lightagent/adapters/chat/offline.py": 500}
"""The rules of the offline model are one thought, and read best in one file."""
MOST_COMPLEX = 10
LINES_A_SUPPRESSION = 1000

CASTS = ("cast", "typing.cast", "typing_extensions.cast")
SUPPRESSION = re.compile(r"#\s*(type:\s*ignore|noqa|ruff:\s*noqa|pragma:\s*no\s*cover|pyright:|mypy:)")


def test_files_are_small() -> None:
    lines = {source.name: source.lines for source in sources("src")}
    assert median(lines.values()) <= MEDIAN_LINES
    assert not {name: count for name, count in lines.items() if count > LONGER.get(name, MOST_LINES)}


def test_functions_are_simple() -> None:
    options = ["--isolated", "--ignore-noqa", "--no-cache", "--quiet", "--select", "C901"]
    limit = ["--config", f"lint.mccabe.max-complexity={MOST_COMPLEX}"]
    checked = run_python("-m", "ruff", "check", *options, *limit, "src")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_suppressions_are_rare() -> None:
    everything = sources("src", "tests")
    suppressions = [found for source in everything for found in _suppressions(source)]
    assert len(suppressions) * LINES_A_SUPPRESSION < sum(source.lines for source in everything), "\n".join(suppressions)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("x = f()  # type: ignore[misc]", 1),
        ("import x  # noqa: F401", 1),
        ("if x:  # pragma: no cover\n    pass", 1),
        ("x = f()  # pyright: ignore", 1),
        ("x = cast(int, f())", 1),
        ("x = typing.cast('int', f())", 1),
        ("x = broadcast(int)  # we type and ignore it", 0),
    ],
)
def test_a_suppression_is_seen(code: str, count: int) -> None:
    source = Source(sources("src")[0].path, code)
    assert len(list(_suppressions(source))) == count


def _suppressions(source: Source) -> list[str]:
    found: list[str] = []
    if "cast(" in source.text:
        found += [
            f"{source.name}:{node.lineno}: cast"
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CASTS
        ]
    if SUPPRESSION.search(source.text):
        found += [f"{source.name}: {comment}" for comment in source.comments() if SUPPRESSION.match(comment)]
    return found
