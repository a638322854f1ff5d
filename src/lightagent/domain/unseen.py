"""Characters that nobody sees: what a text holds besides what its reader takes it to say."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
}
"""Fillers, blanks and variation selectors, which are neither spaces nor of the category of format characters."""


def is_unseen(character: str) -> bool:
    """Whether it has no ink and takes no place: a control or format character, or a filler."""
    return unicodedata.category(character) in ("Cc", "Cf") or character in FILLERS


def written_out(text: str) -> str:
    """The text with what cannot be seen, or moves what is around it, as escapes of JSON."""
    return "".join(each if each.isprintable() and each not in FILLERS else json.dumps(each)[1:-1] for each in text)
