"""Normalize docstrings as people write them to the layout that a parser of the three styles expects.

griffe silently ignores Google sections without a blank line above or with one below, headings in lower case, and
entries with bullets or dashes; the model would then get no description.
"""

from __future__ import annotations

import re
from typing import Final

_PARAMETERS: Final = frozenset(
    {"args", "arg", "arguments", "params", "parameters", "keyword args", "keyword arguments", "kwargs", "inputs"}
    | {"other parameters", "keyword parameters"}
)
_HEADING: Final = re.compile(
    r"(?P<marks>[*_#]{0,3})[ ]{0,3}(?P<name>[A-Za-z][a-z]{2,9}(?: [A-Za-z][a-z]{3,10})?)[ ]?:?(?P=marks)[ ]?:?"
)
_OTHERS: Final = frozenset(
    {"Returns", "Return", "Yields", "Yield", "Raises", "Raise", "Example", "Examples", "Note", "Notes", "Attributes"}
    | {"Warns", "Receives", "Warning", "Warnings", "See Also", "Todo", "References", "Usage"}
)
_ENTRY: Final = re.compile(
    r"(?:[-*•+][ ]{1,3})?[`*_]{0,3}(?P<name>[^\W\d]\w{0,100})[`*_]{0,3}[ ]{0,20}(?P<form>\([^\n]{0,500}?\))?"
    r"(?:[ ]{0,20}:(?!:)|[ ]{1,20}(?:--?|\u2013|\u2014)[ ])[ ]{0,20}(?P<text>.*)",
    re.DOTALL,
)
_FIELD: Final = re.compile(r"@(?=(?:param|type|returns?|rtype|raises?|arg|keyword)\b)")
_FENCE: Final = ("```", "~~~")


def lay_out(text: str) -> str:
    """Return the docstring with its sections and entries in the standard layout."""
    return "\n".join(_Layout(text.expandtabs(4).split("\n")).lines())


class _Layout:
    def __init__(self, given: list[str]) -> None:
        self._given = given
        self._made: list[str] = []
        self._at = 0
        self._fenced = False

    def lines(self) -> list[str]:
        while self._at < len(self._given):
            line = self._given[self._at]
            name = None if self._fenced else _heading(line, self._given[self._at + 1 : self._at + 2])
            self._at += 1
            if name is None:
                self._copy(line)
            else:
                self._section(name, _indent(line))
        return self._made

    def _copy(self, line: str) -> None:
        if line.lstrip().startswith(_FENCE):
            self._fenced = not self._fenced
        self._made.append(line if self._fenced else _FIELD.sub(":", line, count=1) if line[:1] == "@" else line)

    def _section(self, name: str, indent: int) -> None:
        body = self._body(indent)
        if name in _PARAMETERS:
            entries = _entries(body)
            # Lines that are not entries describe the tool as a whole.
            self._made += ["", "Args:", *entries, ""] if entries else ["", *body, ""]
        else:
            self._made += ["", f"{name}:", *(f"    {line}" if line else "" for line in body), ""]

    def _body(self, indent: int) -> list[str]:
        """Return the lines of a section, without their indentation and surrounding blank lines."""
        lines: list[str] = []
        flat = False
        while self._at < len(self._given):
            line = self._given[self._at]
            if line.strip() and _indent(line) <= indent:
                # `inspect.cleandoc` removes the indentation if a docstring begins with its heading.
                flat = flat or not any(lines)
                if not flat or _heading(line, []) is not None or not _ENTRY.fullmatch(line.strip()):
                    break
            lines.append(line)
            self._at += 1
        least = min((_indent(line) for line in lines if line.strip()), default=0)
        return "\n".join(line[least:].rstrip() for line in lines).strip("\n").split("\n") if any(lines) else []


def _heading(line: str, following: list[str]) -> str | None:
    """Return the section that begins here, parameter headings in lower case; None for other lines and for NumPy."""
    found = _HEADING.fullmatch(line.strip()) if ":" in line[-6:] and len(line) < 200 else None
    if found is None or any(set(one.strip()) == {"-"} for one in following):
        return None
    name = found["name"]
    if name.lower() in _PARAMETERS:
        return name.lower()
    return name if name in _OTHERS else None


def _entries(body: list[str]) -> list[str]:
    made: list[str] = []
    known = False
    for line in body:
        entry = _ENTRY.fullmatch(line) if line[:1] != " " else None
        if entry is not None:
            known = True
            form = f" {entry['form']}" if entry["form"] else ""
            made.append(f"    {entry['name']}{form}: {entry['text']}".rstrip())
        else:
            made.append(f"        {line.strip()}" if line else "")
    return made if known else []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
