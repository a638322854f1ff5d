"""Characters that cannot be seen, and so make a text another one than its reader takes it for."""

from __future__ import annotations

import json
import unicodedata
from typing import Final

_RANGES: Final = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x2800, 0x2800)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
)

FILLERS: Final = frozenset(chr(code) for first, last in _RANGES for code in range(first, last + 1))
"""What Unicode has readers ignore (Default_Ignorable_Code_Point) beside format characters: fillers, variation selectors
and code points that are kept free for the like; and the pattern of Braille without a dot."""


def is_unseen(character: str) -> bool:
    """Whether it has no ink and takes no place: a control or format character, or a filler."""
    return unicodedata.category(character) in ("Cc", "Cf") or character in FILLERS


def written_out(text: str) -> str:
    """The text with what cannot be seen, or moves what is around it, as escapes of JSON."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() and each not in FILLERS else json.dumps(each)[1:-1] for each in text)
