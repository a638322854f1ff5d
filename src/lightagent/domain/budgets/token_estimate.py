"""An estimate of how many tokens a text takes, for where no tokenizer is at hand."""

from __future__ import annotations

from typing import Final

_SMALL: Final = b"abcdefghijklmnopqrstuvwxyz"
_DENSE: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ASCII: Final = bytes(range(0x80))
_LEADS_2: Final = bytes(range(0xC2, 0xE0))
_LEADS_3: Final = bytes(range(0xE0, 0xF0))
_LEADS_4: Final = bytes(range(0xF0, 0xF5))

_WORD: Final = 10
"""The largest average of letters and digits per word; a text with more is base64 or the like."""


def estimate_tokens(text: str) -> int:
    """The tokens that a text takes, estimated from its UTF-8 form; rather too many than too few.

    A small letter or a blank of ASCII counts a quarter of a token, and any other character of ASCII a half: English
    prose comes to about four characters a token, code to about three. Letters and digits beyond ten for each character
    that parts words count half a token more, as in base64 and hexadecimal numbers. A character of two bytes (accents,
    Greek, Cyrillic, Arabic) counts three quarters, one of three bytes (Chinese, Japanese, Korean, the scripts of India)
    1.25, one of four bytes (emoji) three. The sum is rounded up.
    """
    data = text.encode("utf-8", "surrogatepass")
    rest = data.translate(None, _SMALL)
    small, blanks = len(data) - len(rest), rest.count(b" ")
    wide = rest.translate(None, _ASCII)
    others = len(rest) - len(wide) - blanks
    parting = len(rest.translate(None, _DENSE)) - len(wide)
    letters = len(data) - len(wide) - parting
    quarters = small + blanks + 2 * others + 2 * max(letters - _WORD * (parting + 1), 0)
    if wide:
        quarters += 3 * _count(wide, _LEADS_2) + 5 * _count(wide, _LEADS_3) + 12 * _count(wide, _LEADS_4)
    return -(-quarters // 4)


def _count(data: bytes, wanted: bytes) -> int:
    """How many of the bytes are among `wanted`, without a loop in Python: a conversation may hold megabytes."""
    return len(data) - len(data.translate(None, wanted))
