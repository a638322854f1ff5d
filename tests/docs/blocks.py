"""The fenced blocks of the documentation, and what becomes of each by its language.

python   runs. The blocks of a page run in order in one interpreter and one namespace, as a reader meets them.
output   what the python block right above it printed; `...` stands for anything.
toml     a whole lightagent.toml: every profile of it must load. Later console blocks of the page find it.
console  `$ ` begins a command, what follows is its output. See `tests/docs/test_commands.py` for what is run.
sh       commands that need the reader's own surroundings: only their names and options are checked.
text     anything else. json: must parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = ("python", "output", "toml", "console", "sh", "text", "json")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first line within the page, counted from 1."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def pages() -> list[Path]:
    """Every page of the documentation."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def page_name(page: Path) -> str:
    """For the name of a test."""
    return page.relative_to(ROOT).as_posix()


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    return list(_blocks(page, page.read_text(encoding="utf-8")))


def _blocks(page: Path, text: str) -> Iterator[Block]:
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        opening = line.strip()
        if not opening.startswith("```"):
            continue
        indent = len(line) - len(line.lstrip())
        inside: list[str] = []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            inside.append(inner[indent:])
        else:
            raise ValueError(f"{page}:{number}: the block has no end")
        yield Block(page, number + 1, opening.removeprefix("```"), "\n".join(inside) + "\n")
