"""Characters that cannot be seen, and so make a text another one than its reader takes it for."""

from __future__ import annotations

import json
import unicodedata
from typing import Final
from unicodedata import category, decimal, normalize

_RANGES: Final = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x2800, 0x2800)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF)),
)

FILLERS: Final = frozenset(chr(code) for first, last in _RANGES for code in range(first, last + 1))
"""What Unicode has readers ignore (Default_Ignorable_Code_Point) beside format characters: fillers, variation selectors
and code points that are kept free for the like; and the pattern of Braille without a dot."""


def is_invisible(character: str) -> bool:
    """Whether it has no ink and takes no place: a control or format character, or a filler."""
    return unicodedata.category(character) in ("Cc", "Cf") or character in FILLERS


def written_out(text: str) -> str:
    """The text with what cannot be seen, or moves what is around it, as escapes of JSON."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() and each not in FILLERS else json.dumps(each)[1:-1] for each in text)


_CYRILLIC: Final = "авеёіїјкмнорстухѕһԁԛԝ"
_AS_LATIN: Final = "abeeiijkmhopctyxshdqw"
_GREEK: Final = "αβεηικνορτυχγ"
_AS_LATIN_TOO: Final = "abehikvoptuxy"
_OTHERS: Final = "ıłøđɑɡƒ"
_AS_LATIN_AS_WELL: Final = "ilodagf"

_LOOKS_LIKE: Final = str.maketrans(_CYRILLIC + _GREEK + _OTHERS, _AS_LATIN + _AS_LATIN_TOO + _AS_LATIN_AS_WELL)
"""Letters of other scripts, in lower case, that are read as Latin ones: those of Unicode's confusables that matter."""


def plain(text: str) -> str:
    """The text in lower case, with its compatibility forms, accents and look-alikes gone and every digit an ASCII one.

    A text in Cyrillic or Greek is mapped as well, so that two such texts can still be compared with each other.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    spread = normalize("NFKD", normalize("NFKD", text).casefold())
    letters = "".join(map(_plain, spread))
    return normalize("NFC", letters).translate(_LOOKS_LIKE)  # Hangul is put together again.


def visible(text: str) -> str:
    """The text without what cannot be seen; spaces and line breaks stay."""
    return text if text.isprintable() else "".join(one for one in text if one.isspace() or not is_invisible(one))


def _plain(letter: str) -> str:
    kind = category(letter)
    if kind in ("Mn", "Me") or (is_invisible(letter) and not letter.isspace()):
        return ""
    return str(decimal(letter)) if kind == "Nd" else letter
