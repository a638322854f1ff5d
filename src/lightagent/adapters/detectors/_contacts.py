"""Ways to reach people: email addresses, and phone numbers by one table of countries."""

from __future__ import annotations

import re
from typing import Final

from lightagent.adapters.detectors._rules import DIGITS, Rule

_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+][A-Za-z0-9._%+-]{0,63}"
    r"@[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z][A-Za-z0-9-]{1,62}){1,4}"
)

# Of each calling code, the digits of a national number, without the 0 that is dialled before it.
_LENGTHS: Final = {
    code: frozenset(lengths)
    for lengths, codes in (
        ((6, 7, 8, 9), "352"),
        ((6, 7, 8, 9, 10, 11), "39 49"),
        ((7,), "220 354"),
        ((7, 8), "372 507 961"),
        ((7, 8, 9), "46"),
        ((7, 8, 9, 10), "95"),
        ((7, 8, 9, 10, 11), "358"),
        ((7, 8, 9, 10, 11, 12, 13), "43"),
        ((8,), "45 47 53 65 216 356 357 370 371 373 374 386 387 502 503 504 505 506 591 598 852 853 965 968 973 974"),
        ((8, 9), "32 36 51 66 213 353 355 359 381 385 593 855 886 962 963 966 971 972"),
        ((8, 9, 10), "60 63 64 82 964 977"),
        ((8, 9, 10, 11, 12), "62"),
        ((8, 10), "234"),
        (
            (9,),
            "27 31 33 34 40 41 48 56 61 93 94 212 218 221 233 237 251 254 255 256 260 263 "
            "351 375 380 420 421 595 994 995 996 998",
        ),
        ((9, 10), "20 44 81 84 92"),
        ((10,), "1 7 30 52 57 58 90 91 98 880"),
        ((10, 11), "54 55 86"),
    )
    for code in codes.split()
}

_INTERNATIONAL: Final = re.compile(
    r"(?<![A-Za-z0-9+])(?:\+|00)[1-9]\d{0,14}"
    r"(?:[ .-]?\(0?\d{1,4}\)[ .-]?\d{1,12})?(?:[ .-]\d{1,12}){0,6}(?![A-Za-z0-9])"
)
_GROUP: Final = re.compile(r"\d+")
_MOST_DIGITS: Final = 15

# As numbers are written within a country. Bare digits do not count, except for mobile numbers in China.
_BEGINS: Final = r"(?<![A-Za-z0-9.-])"
_ENDS: Final = r"(?![A-Za-z0-9]|[.-]\d)"
_NATIONAL: Final = {
    country: re.compile(f"{_BEGINS}(?:{form}){_ENDS}")
    for country, form in {
        "US": r"(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}",
        "CN": r"1[3-9]\d(?:\d{8}| \d{4} \d{4}|-\d{4}-\d{4})",
        "FR": r"0[1-9](?:(?: \d\d){4}|(?:\.\d\d){4}|(?:-\d\d){4})",
        "GB": r"\(0\d{2,4}\) ?\d{3,4} ?\d{3,4}|0\d{4} \d{6}|0\d{3} \d{3} \d{4}|0\d{2} \d{4} \d{4}",
        "DE": r"(?:\(0\d{2,5}\) ?|0\d{2,4}[ /-])\d{3,4}[ -]?\d{2,5}(?:-\d{1,4})?",
        "JP": r"0[1-9]-\d{4}-\d{4}|0[1-9]\d-\d{3}-\d{4}|0[1-9]\d{2}-\d{2}-\d{4}|0[5789]0-\d{4}-\d{4}",
        "BR": r"\([1-9]\d\) ?9?\d{4}-\d{4}",
        "IN": r"0?[6-9]\d{4}[ -]\d{5}",
    }.items()
}


_DIALLED: Final = {
    **dict.fromkeys(("FR", "GB", "DE", "JP"), ("0",)),
    "US": DIGITS,
    "CN": ("1",),
    "BR": ("(",),
    "IN": tuple("6789"),
}
"""What a number written in a country's way has among its characters."""


def phone_size(text: str) -> int:
    """The characters of the phone number that the text begins with: as many groups of digits as its country has."""
    ends = [group.end() for group in _GROUP.finditer(text)]
    return next((end for end in reversed(ends) if _is_phone(text[:end])), 0)


def _is_phone(text: str) -> bool:
    digits = "".join(filter(str.isdigit, text.replace("(0)", "")))
    digits = digits if text.startswith("+") else digits.removeprefix("00")
    if len(digits) > _MOST_DIGITS or len(set(digits)) < 3:
        return False
    return any(len(digits) - size in _LENGTHS.get(digits[:size], ()) for size in (1, 2, 3))


RULES: Final = (
    Rule("email", _EMAIL, window=132, needs=("@",)),
    Rule("phone", _INTERNATIONAL, phone_size, 40, ("+", "00")),
    *(
        Rule(f"phone_{country.lower()}", pattern, window=32, needs=_DIALLED[country])
        for country, pattern in _NATIONAL.items()
    ),
)
