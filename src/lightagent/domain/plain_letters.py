"""Texts as a reader takes them: letters that look alike are one, and what cannot be seen is left out."""

from __future__ import annotations

from typing import Final
from unicodedata import category, decimal, normalize

from lightagent.domain.unseen import is_unseen

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
    return text if text.isprintable() else "".join(one for one in text if one.isspace() or not is_unseen(one))


def _plain(letter: str) -> str:
    kind = category(letter)
    if kind in ("Mn", "Me") or (is_unseen(letter) and not letter.isspace()):
        return ""
    return str(decimal(letter)) if kind == "Nd" else letter
