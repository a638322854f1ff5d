"""Finds the line of every key of a TOML document, which the parser does not report, by reading just enough of TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

from lightagent.settings.merge_layers import DEEPEST
from lightagent.settings.origins import KeyPath

_NAME = r"""(?:[\w-]+|"(?:[^"\\\n]|\\[^\n])*"|'[^'\n]*')"""
_DOTTED = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
# A comment, a string of any kind (an unclosed one extends to the end), a bracket or the end of a line.
_TOKEN = re.compile(
    r"""#[^\n]*|"{3}(?:[^"\\]|\\.|"(?!""))*+"{0,5}|'{3}(?:[^']|'(?!''))*+'{0,5}"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|[][{}\n]""",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of every table and key.

    The path of a table in an array of tables has its index: ``("a", "0")`` is the first ``[[a]]``.
    """
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for start, number in _statements(text):
        if header := _HEADER.match(text, start):
            names = _names(header[1])
            if header[0].lstrip().startswith("[["):
                table = (*_indexed(counts, names[:-1]), names[-1])
                lines.setdefault(table, number)
                counts[table] = counts.get(table, 0) + 1
            table = _indexed(counts, names)
            lines.setdefault(table, number)
        elif key := _KEY.match(text, start):
            lines.setdefault((*table, *_names(key[1])), number)
    return lines


def _indexed(counts: Mapping[KeyPath, int], names: KeyPath) -> KeyPath:
    """Return the path of `names`, in which each array of tables is followed by the index of its newest table."""
    path: KeyPath = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, str(counts[path] - 1))
    return path


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """The offset and the number of each line that is not inside a string, an array or an inline table.

    A line inside of one may look like a key without being one.
    """
    number, depth = 1, 0
    yield 0, number
    for token in _TOKEN.finditer(text):
        match token.group():
            case "\n":
                number += 1
                if depth == 0:
                    yield token.end(), number
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case comment_or_string:
                number += comment_or_string.count("\n")


def _names(dotted: str) -> KeyPath:
    return tuple(_name(written) for written in re.findall(_NAME, dotted))


def _name(written: str) -> str:
    """A name without its quotes and escapes."""
    if not written.startswith('"'):
        return written.strip("'")
    read: str = tomllib.loads(f"name = {written}")["name"]
    return read


def line_too_deep(text: str) -> int | None:
    """Return the first line where brackets are nested more than `DEEPEST` levels deep; None if there is none."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > DEEPEST:
            return text.count("\n", 0, token.start()) + 1
    return None
