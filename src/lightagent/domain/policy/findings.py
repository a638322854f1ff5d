"""What a detector finds in a text, where it stands, and the text without it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lightagent.domain.text.characters import FILLERS


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something in a text that a detector looks for.

    Attributes:
        start, end: where it stands.
        kind: what it is, such as ``email``.
    """

    start: int
    end: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class NormalText:
    """A text as detectors read it, and the way back to the text as it was written.

    Attributes:
        text: without invisible characters, and with the ASCII form of digits, letters, blanks and dashes that
            only look otherwise, such as full-width ones.
        places: for each character of `text`, its original place; None if nothing was changed.
        size: characters of the text as it was written.
    """

    text: str
    places: tuple[int, ...] | None
    size: int

    def place(self, index: int) -> int:
        """Where the character `index` of `text` stood; the end for one behind the last."""
        if self.places is None:
            return index
        return self.places[index] if index < len(self.places) else self.size

    def written(self, finding: Finding) -> Finding:
        """The finding in the text as it was written."""
        if self.places is None:
            return finding
        return Finding(self.place(finding.start), self.places[finding.end - 1] + 1, finding.kind)


def normalized(text: str) -> NormalText:
    """The text as detectors read it."""
    if text.isascii() and (text.isprintable() or _CONTROL.search(text) is None):
        return NormalText(text, None, len(text))
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = character if " " <= character < "\x7f" else _plain(character)
        if plain:
            kept.append(plain)
            places.append(place)
    return NormalText("".join(kept), tuple(places), len(text))


_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""ASCII control characters other than white space."""

_LINES: Final = frozenset("\t\n\v\f\r\x85")


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """The ASCII character that it stands for, or itself; nothing for an invisible one."""
    category = unicodedata.category(character)
    if character == "\u2800":  # The pattern of Braille without a dot.
        return " "
    if category == "Cf" or character in FILLERS:
        return ""
    if category == "Cc":
        return character if character in _LINES else ""
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    digit = unicodedata.decimal(character, -1)
    if digit >= 0:
        return str(digit)
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 and folded.isascii() else character


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in order, those that overlap as one."""
    spans: list[Finding] = []
    for finding in sorted(findings):
        if spans and finding.start < spans[-1].end:
            last = spans[-1]
            spans[-1] = Finding(last.start, max(last.end, finding.end), last.kind)
        else:
            spans.append(finding)
    return spans


def redacted(text: str, spans: Sequence[Finding], replacement: str) -> str:
    """The text with a replacement for each of these, which are in order and do not overlap."""
    if not spans:
        return text
    pieces: list[str] = []
    done = 0
    for span in spans:
        pieces += (text[done : span.start], replacement)
        done = span.end
    return "".join([*pieces, text[done:]])
