"""The line of every key of a settings file, for TOML as it may be written.

Documents are drawn together with the line of each of their keys. Only what Python's own parser accepts is kept.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightagent.domain.errors import ConfigurationError
from lightagent.settings.settings_file import read_file
from lightagent.settings.toml_lines import key_lines

PIECES: Final = ("a", "[x]", "#", "k = 1", '"', "'", "\\", "=", ".", "{", "}", "\n", " ", "é", "[[default.a]]\n", '"""')
"""Texts that look like TOML, to be put into strings."""

NAMES: Final = ("a", "b", "c-d", "1", "model", "x.y", "q q", '"', "it's", "k = 1", "[t]", "#", "", "é", "\\")

TABLES: Final = (("default",), ("default", "a"), ("default", "a", "b"), ("default", "q q"), ("default", "a", "x.y"))


def basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def literal(text: str) -> str:
    return "'" + text.replace("'", "").replace("\n", "") + "'"


def basic_lines(text: str) -> str:
    return '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'


def literal_lines(text: str) -> str:
    return "'''" + text.replace("'", "") + "'''"


@st.composite
def names(draw: st.DrawFn) -> tuple[str, str]:
    """A name of a key, and how a document writes it."""
    name = draw(st.sampled_from(NAMES))
    forms = [basic(name)]
    if "'" not in name:
        forms.append(literal(name))
    if name.isascii() and name.replace("-", "").isalnum():
        forms.append(name)
    return name, draw(st.sampled_from(forms))


@st.composite
def values(draw: st.DrawFn, depth: int = 0) -> str:
    """A value as a document writes it; it may take several lines."""
    kind = draw(st.sampled_from(("string", "scalar", "string", "list", "table")[: 5 if depth < 2 else 3]))
    if kind == "string":
        text = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=4)))
        write: Callable[[str], str] = draw(st.sampled_from((basic, literal, basic_lines, literal_lines)))
        return write(text)
    if kind == "scalar":
        return draw(st.sampled_from(("7", "-1", "true", "1.5", "1_000", "[]", "{}")))
    inner = st.lists(values(depth + 1), max_size=2)
    if kind == "list":
        between = draw(st.sampled_from((", ", ",\n  ", ',  # k = 1 [ "\n', " ,\n\n")))
        return "[" + draw(st.sampled_from(("", "\n", " # ]\n"))) + between.join(draw(inner)) + "]"
    return "{" + ", ".join(f"{written} = {value}" for (_, written), value in zip(KEYS, draw(inner), strict=False)) + "}"


KEYS: Final = (("a", "a"), ("k = 1", '"k = 1"'))


class Document:
    """A TOML document under construction, and the line of each of its keys."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[tuple[str, ...], int] = {}
        self.table: tuple[str, ...] = ()
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, written: str) -> bool:
        """Append a line, or several; not if the document would no longer be TOML."""
        try:
            tomllib.loads(f"{self.text}{written}\n")
        except tomllib.TOMLDecodeError:
            return False
        self.text += f"{written}\n"
        return True

    def start_table(self, path: tuple[str, ...], written: str, *, of_array: bool) -> bool:
        number = self.text.count("\n") + 1
        if not self.add(written):
            return False
        self.table = self._numbered(path[:-1] if of_array else path)
        if of_array:
            array = (*self.table, path[-1])
            self.lines.setdefault(array, number)
            self._counts[array] = self._counts.get(array, 0) + 1
            self.table = (*array, str(self._counts[array] - 1))
        self.lines.setdefault(self.table, number)
        return True

    def set(self, path: tuple[str, ...], written: str) -> None:
        number = self.text.count("\n") + 1
        if self.add(written):
            self.lines.setdefault((*self.table, *path), number)

    def _numbered(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The path with the index of the newest table of each array in it."""
        found: tuple[str, ...] = ()
        for name in path:
            found = (*found, name)
            if found in self._counts:
                found = (*found, str(self._counts[found] - 1))
        return found


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document whose tables all belong to the profile ``default``."""
    document = Document()
    space = st.sampled_from(("", "", " ", "\t"))
    comment = st.sampled_from(("", "", ' # " [ {', "\t# '''"))
    for table in draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=4)):
        of_array = len(table) > 1 and draw(st.booleans())
        dotted = f"{draw(space)}.{draw(space)}".join(
            basic(name) if name == "x.y" or " " in name else name for name in table
        )
        opened, closed = ("[[", "]]") if of_array else ("[", "]")
        header = f"{draw(space)}{opened}{draw(space)}{dotted}{draw(space)}{closed}{draw(comment)}"
        if not document.start_table(table, header, of_array=of_array):
            continue
        for _ in range(draw(st.integers(0, 3))):
            document.add(draw(st.sampled_from(("", "# x = 1", "  # '''", "\t"))))
            parts = draw(st.lists(names(), min_size=1, max_size=2))
            key = f"{draw(space)}.{draw(space)}".join(written for _, written in parts)
            line = f"{draw(space)}{key}{draw(space)}={draw(space)}{draw(values())}{draw(comment)}"
            document.set(tuple(name for name, _ in parts), line)
    return document


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_each_key_has_the_line_where_it_is_written(document: Document) -> None:
    assert key_lines(document.text) == document.lines


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(documents())
def test_lines_are_the_same_with_the_newlines_of_windows(tmp_path: Path, document: Document) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_bytes(document.text.replace("\n", "\r\n").encode())
    assert read_file(file, ("model",)).lines == document.lines


def test_a_lone_carriage_return_is_not_a_newline(tmp_path: Path) -> None:
    """TOML has none, so it must not be read as one: the file would mean something else to another program."""
    file = tmp_path / "lightagent.toml"
    file.write_bytes(b"[default.agent]\nname = 'a' # comment \rrole = 'b'\n")
    with pytest.raises(ConfigurationError, match=r"lightagent\.toml: this is not TOML"):
        read_file(file, ("model",))
