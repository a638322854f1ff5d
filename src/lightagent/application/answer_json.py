"""Finds JSON in a model's answer: between prose, in fenced blocks, after reasoning that is part of the text.

The text is read once, from left to right: what was read as JSON is not looked into again, so neither a fence nor a tag
inside one of its strings means anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lightagent.application.strict_json import NotStrictJsonError, read_json, read_json_at
from lightagent.domain.json_types import JsonValue

MOST_ATTEMPTS: Final = 300
"""Places of one answer at which JSON may begin. A refusal costs time in proportion to what stands before it."""

_NAMES: Final = r"(?:\w{1,20}:)?(?:ant)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"
_OPENED: Final = rf"<{_NAMES}(?:[ \t][^<>\n]{{0,200}})?>|\[think\]|◁think▷|<\|begin_of_thought\|>"
_CLOSED: Final = rf"</{_NAMES}>|\[/think\]|◁/think▷|<\|end_of_thought\|>|<\|channel\|>final"
_CLOSING: Final = re.compile(_CLOSED, re.IGNORECASE)
_VALUE: Final = r"\{(?=[ \t\r\n]{0,200}[\"}])|\[(?=[ \t\r\n]{0,200}(?:[\[{\"\]\d-]|(?:true|false|null)\b))"
_MARK: Final = re.compile(
    rf"(?=[<\[◁`~{{])(?:(?P<opened>{_OPENED})|(?P<closed>{_CLOSED})|(?P<fence>`{{3,}}+|~{{3,}}+)|(?P<value>{_VALUE}))",
    re.IGNORECASE,
)
_BEGINNING: Final = re.compile(_VALUE)
_INFO: Final = re.compile(r"[^\n`]*+(?:\n|\Z)")
_SCALAR: Final = re.compile(r"[ \t\r\n]*+(?=[\"\d\-tfn])")
_SCALAR_END: Final = re.compile(r"[ \t\r\n]*+(?:```|~~~|\Z)")


@dataclass(slots=True)
class Found:
    """What was found in an answer.

    Attributes:
        values: each JSON value that stands for itself, in order, the same value once.
        problem: what is wrong with the first that is almost one.
    """

    values: list[JsonValue] = field(default_factory=list)
    problem: NotStrictJsonError | None = None


def find_json(content: str) -> Iterator[Found]:
    """The ways to read an answer, the most literal first; if one gives no fitting value, the next is tried."""
    text = content.strip().lstrip("\ufeff").lstrip()
    whole = _whole(text)
    yield whole
    if whole.values or (whole.problem is not None and text[:1] in ("{", "[")):
        return  # The whole text is the answer, so its fault can be named.
    yield _Scan(text).found()
    after = _after_reasoning(text)
    if after is not None:
        rest = _whole(after)
        yield rest if rest.values else _Scan(after).found()


def _whole(text: str) -> Found:
    try:
        return Found([read_json(text)])
    except NotStrictJsonError as exc:
        return Found(problem=exc if exc.held or exc.is_json else None)


def _after_reasoning(text: str) -> str | None:
    """The text after the last tag that closes reasoning, for texts whose reasoning cannot be told from the answer."""
    end = max((match.end() for match in _CLOSING.finditer(text)), default=None)
    return None if end is None else text[end:].strip()


class _Scan:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = Found()
        self._seen: set[str] = set()
        self._fence = ""
        self._attempts = 0
        self._never_closed = False
        self._at = 0

    def found(self) -> Found:
        """Everything in the text."""
        while self._attempts < MOST_ATTEMPTS and (mark := _MARK.search(self._text, self._at)) is not None:
            self._at = mark.end()
            self._take(mark)
        return self._found

    def _take(self, mark: re.Match[str]) -> None:
        match mark.lastgroup:
            case "opened":
                self._pass_reasoning()
            case "closed":
                self._forget()  # The tag that opened it is missing: everything up to here was reasoning.
            case "fence":
                self._pass_fence(mark[0], mark.start())
            case _:
                self._read(mark.start())

    def _pass_reasoning(self) -> None:
        """On after its end; reasoning that is never closed cannot be told from the answer, and so is read as one."""
        closing = None if self._never_closed else _CLOSING.search(self._text, self._at)
        self._never_closed = closing is None
        self._at = self._at if closing is None else closing.end()

    def _forget(self) -> None:
        self._found, self._fence = Found(), ""
        self._seen.clear()

    def _pass_fence(self, marker: str, start: int) -> None:
        """Open or close a block; a value of one that is neither object nor list is read here."""
        if self._fence:
            self._fence = "" if marker.startswith(self._fence) else self._fence
            return
        info = _INFO.match(self._text, self._at)
        if info is None or _BEGINNING.search(info[0]) or (info[0][:1] in " \t" and not self._begins_line(start)):
            return  # A span of code within a line.
        self._fence, self._at = marker, info.end()
        value = _SCALAR.match(self._text, self._at)
        if value is not None:
            self._read(value.end(), scalar=True)

    def _begins_line(self, place: int) -> bool:
        return not self._text[self._text.rfind("\n", max(0, place - 20), place) + 1 : place].strip(" \t>-*")

    def _read(self, start: int, *, scalar: bool = False) -> None:
        self._attempts += 1
        try:
            value, end = read_json_at(self._text, start)
        except NotStrictJsonError as exc:
            self._refuse(exc, start, scalar=scalar)
            return
        if isinstance(value, dict | list) or _SCALAR_END.match(self._text, end):
            self._keep(value)
            self._at = max(self._at, end)

    def _refuse(self, exc: NotStrictJsonError, start: int, *, scalar: bool) -> None:
        if exc.position is not None:
            # On from where it stopped being JSON, since a part of a value that was cut off is not the answer.
            self._at = self._at if scalar else max(exc.position, start + 1)
            return
        self._found.problem = self._found.problem or exc
        self._attempts = MOST_ATTEMPTS  # Where it ends is not known.

    def _keep(self, value: JsonValue) -> None:
        shown = json.dumps(value, sort_keys=True)
        if shown not in self._seen:
            self._seen.add(shown)
            self._found.values.append(value)
