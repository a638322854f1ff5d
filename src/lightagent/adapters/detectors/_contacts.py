"""Ways to reach people: email addresses, and phone numbers by one table of countries."""

from __future__ import annotations

import re
from typing import Final

from lightagent.adapters.detectors._rules import DIGITS, Rule, groups_if

_LETTER: Final = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0300-\u036f\u0370-\u052f\u1e00-\u1fff"
"""Latin, Greek and Cyrillic letters and their marks. In scripts without blanks words stand right beside an address."""

_EMAIL: Final = re.compile(
    rf"(?<![{_LETTER}0-9._%+-])[{_LETTER}0-9_%+][{_LETTER}0-9._%+'-]{{0,63}}"
    rf"@[{_LETTER}0-9][{_LETTER}0-9-]{{0,62}}(?:\.[{_LETTER}][{_LETTER}0-9-]{{1,62}}){{1,4}}"
)

# By calling code: how many digits a number in a fixed or mobile network has after it.
_LENGTHS: Final = {
    code: frozenset(lengths)
    for lengths, codes in (
        ((5,), "247 500 682"),
        ((6,), "298 299 672 681 687"),
        ((7,), "238 239 246 248 269 291 297 501 592 673 674 679 680 691 692 960"),
        (
            (8,),
            "45 47 65 216 222 223 226 227 228 232 235 236 253 257 266 268 350 356 357 370 371 373 374 382 386 389 "
            "502 503 504 505 506 509 591 598 689 800 808 852 853 965 968 973 974 993",
        ),
        (
            (9,),
            "33 34 41 56 61 93 94 211 212 218 221 233 237 240 242 244 245 249 251 255 256 260 261 262 263 "
            "351 375 380 420 590 594 596 966 979 992 994 995 996 998",
        ),
        ((10,), "1 7 30 52 58 90 91 225 229 234"),
        ((11,), "888"),
        ((12,), "878"),
        ((4, 5), "290"),
        ((4, 7), "683"),
        ((5, 7), "676 677 678"),
        ((5, 8), "686"),
        ((6, 7), "597"),
        ((6, 9), "40 376 508"),
        ((7, 8), "230 241 267 372 507 599 670 675 961 975"),
        ((7, 9), "48 220 265 354 423"),
        ((8, 9), "32 36 51 66 213 224 250 258 264 355 377 385 387 593 855 886 962 963 970 971"),
        ((8, 10), "57 378 850 977"),
        ((9, 10), "44 81 84 92 881"),
        ((9, 11), "27 31"),
        ((9, 12), "870"),
        ((10, 11), "54 55"),
        ((5, 6, 7), "688"),
        ((6, 7, 9), "421"),
        ((6, 7, 10), "98"),
        ((7, 8, 9), "46 231 254 595 967"),
        ((8, 9, 10), "20 60 64 856 964 976"),
        ((4, 5, 6, 7), "690"),
        ((5, 6, 7, 10), "685"),
        ((6, 7, 8, 9), "252 359"),
        ((6, 7, 8, 10), "53"),
        ((6, 8, 9, 10), "63"),
        ((7, 8, 9, 10), "243 353"),
        ((8, 9, 11, 12), "972"),
        ((6, 7, 8, 9, 10), "82 95 880"),
        ((7, 8, 9, 10, 11), "86"),
        ((8, 9, 10, 11, 12), "383 883"),
        ((5, 6, 7, 8, 9, 10), "358"),
        ((7, 8, 9, 10, 11, 12), "62 381 882"),
        ((6, 7, 8, 9, 10, 11, 12), "39"),
        ((4, 5, 6, 7, 8, 9, 10, 11), "352"),
        ((5, 6, 7, 8, 9, 10, 11, 12, 13), "43 49"),
    )
    for code in codes.split()
}

_INTERNATIONAL: Final = re.compile(
    r"(?<![A-Za-z0-9+])(?:\+|00)[1-9]\d{0,14}"
    r"(?:[ .-]?\(0?\d{1,4}\)[ .-]?\d{1,12})?(?:[ .-]\d{1,12}){0,6}(?![A-Za-z0-9])"
)
_LEAST_DIGITS: Final = 7
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
        "DE": r"(?:\(0\d{2,5}\) ?|0\d{2,5}[ /-])(?:\d{3,4}[ -]?\d{2,5}(?:-\d{1,4})?|\d\d(?: \d\d){2,3})"
        r"|03\d{4} \d\d \d\d",
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
"""By country: characters of which each number that is written in its way has at least one."""


def _is_phone(text: str) -> bool:
    digits = "".join(filter(str.isdigit, text.replace("(0)", "")))
    digits = digits if text.startswith("+") else digits.removeprefix("00")
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS or len(set(digits)) < 3:
        return False
    return any(len(digits) - size in _LENGTHS.get(digits[:size], ()) for size in (1, 2, 3))


RULES: Final = (
    Rule("email", _EMAIL, window=132, needs=("@",)),
    Rule("phone", _INTERNATIONAL, groups_if(_is_phone), 40, ("+", "00")),
    *(
        Rule(f"phone_{country.lower()}", pattern, window=32, needs=_DIALLED[country], country=country)
        for country, pattern in _NATIONAL.items()
    ),
)
