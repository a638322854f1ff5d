"""The project's own files, read once for the architecture tests."""

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/lightagent"


@dataclass(frozen=True)
class Source:
    """A Python file: where it is, its lines, its syntax tree."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def comments(self) -> Iterator[str]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return (token.string for token in tokens if token.type == tokenize.COMMENT)

    def imports(self) -> Iterator[str]:
        """Every module it imports, and every name it imports from one, dotted."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(map(_source, paths))


@cache
def _source(path: Path) -> Source:
    return Source(path, path.read_text(encoding="utf-8"))


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's Python in the project's root."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
