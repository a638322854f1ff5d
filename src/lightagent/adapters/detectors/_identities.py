"""Identity numbers of people, by one table of countries: how each is written, and how it carries its own check."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from lightagent.adapters.detectors._rules import DIGITS, Confirm, Rule, if_true

Check = Callable[[str], bool]
"""Whether a number, without what separates its groups, is one."""


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_date(year: str, month: str, day: str) -> bool:
    """Whether there is such a day, in whichever century."""
    try:
        return date(int(year) if len(year) == 4 else 2000 + int(year), int(month), int(day)).year >= 1900
    except ValueError:
        return False


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others by Luhn's method."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    total = sum(map(int, digits[-1::-2])) + sum(one - 9 if one > 9 else one for one in doubled)
    return total % 10 == 0


def _belgium(text: str) -> bool:
    number, check = text[:9], int(text[9:])
    return check in (97 - int(number) % 97, 97 - int(f"2{number}") % 97)


def _brazil(text: str) -> bool:
    checks = (_weighted(text, tuple(range(size, 1, -1))) * 10 % 11 % 10 for size in (10, 11))
    return len(set(text)) > 1 and text[9:] == "".join(map(str, checks))


def _britain(text: str) -> bool:
    return text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


_PROVINCES: Final = frozenset(
    number
    for least, most in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83), (91, 91))
    for number in range(least, most + 1)
)


def _china(text: str) -> bool:
    if int(text[:2]) not in _PROVINCES:
        return False
    total = _weighted(text[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return _is_date(text[6:10], text[10:12], text[12:14]) and "10X98765432"[total % 11] == text[-1].upper()


def _finland(text: str) -> bool:
    """The sign between the birthday and the rest says the century: most are letters, the others are separators."""
    letters, birthday, rest = "0123456789ABCDEFHJKLMNPRSTUVWXY", text[:6], text[-4:]
    return _is_date(text[4:6], text[2:4], text[:2]) and letters[int(birthday + rest[:3]) % 31] == rest[3]


def _france(text: str) -> bool:
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and int(text[13:]) == 97 - int(number) % 97


def _germany(text: str) -> bool:
    counts = sorted(map(text[:10].count, set(text[:10])))
    if counts[-1] not in (2, 3) or counts[-2] != 1:
        return False
    rest = 10
    for digit in text[:10]:
        rest = ((int(digit) + rest) % 10 or 10) * 2 % 11
    return (11 - rest) % 10 == int(text[10])


_TURNS: Final = ("1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def _india(text: str) -> bool:
    """By Verhoeff's method, whose tables are those of the symmetries of a pentagon."""
    check = 0
    for place, digit in enumerate(reversed(text)):
        turned = int(digit) if place % 8 == 0 else int(_TURNS[place % 8 - 1][int(digit)])
        low, turn = check % 5, turned % 5
        if check < 5:
            check = (low + turn) % 5 + (5 if turned >= 5 else 0)
        else:
            check = (low - turn) % 5 + (0 if turned >= 5 else 5)
    return check == 0


_ODD: Final = dict(
    zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True),
    **dict(
        zip(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
            strict=True,
        )
    ),
)


def _italy(text: str) -> bool:
    even = (int(one) if one.isdigit() else ord(one) - ord("A") for one in text[1:15:2])
    return (sum(_ODD[one] for one in text[:15:2]) + sum(even)) % 26 == ord(text[15]) - ord("A")


def _korea(text: str) -> bool:
    total = _weighted(text[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return _is_date(text[:2], text[2:4], text[4:6]) and (11 - total % 11) % 10 == int(text[12])


def _mexico(text: str) -> bool:
    values = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
    total = sum(values.index(one) * (18 - place) for place, one in enumerate(text[:17]))
    return _is_date(text[4:6], text[6:8], text[8:10]) and (10 - total % 10) % 10 == int(text[17])


def _norway(text: str) -> bool:
    first = _weighted(text, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = _weighted(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return _is_date(text[4:6], text[2:4], text[:2]) and first == 0 and second == 0


def _poland(text: str) -> bool:
    total = _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    month = int(text[2:4]) % 20  # The tens say the century.
    return _is_date(text[:2], str(month), text[4:6]) and total % 10 == 0


def _spain(text: str) -> bool:
    number = text[:-1].translate({ord("X"): "0", ord("Y"): "1", ord("Z"): "2"})
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def _sweden(text: str) -> bool:
    century, last = text[:-10], text[-10:]
    return century in ("", "19", "20") and _is_date(last[:2], last[2:4], last[4:6]) and luhn(last)


def _switzerland(text: str) -> bool:
    return (10 - _weighted(text[:12], (1, 3) * 6) % 10) % 10 == int(text[12])


def _united_states(text: str) -> bool:
    """Check the ranges of issued numbers, since these numbers have no check digit."""
    return text[:3] not in ("000", "666") and text[0] != "9" and text[3:5] != "00" and text[5:] != "0000"


_SEPARATORS: Final = str.maketrans("", "", " .-+")

_FORMS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("be_nn", r"[0-9]{}\d\.\d\d\.\d\d-\d{3}\.\d\d", _belgium),
    ("br_cpf", r"[0-9]{}\d\d\.\d{3}\.\d{3}-\d\d", _brazil),
    ("ch_ahv", r"7{}56(?:\.\d{4}\.\d{4}\.\d\d|\d{10})", _switzerland),
    ("cn_id", r"[1-9]{}\d{16}[\dXx]", _china),
    ("de_idnr", r"[1-9]{}\d(?: \d{3} \d{3} \d{3}|\d{9})", _germany),
    ("es_id", r"[0-9XYZ]{}-?\d{7}-?[A-HJ-NP-TV-Z]", _spain),
    ("fi_hetu", r"[0-9]{}\d{5}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _finland),
    ("fr_nir", r"[1-478]{} ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d", _france),
    ("gb_nino", r"[A-CEGHJ-PR-TW-Z]{}[A-CEGHJ-NPR-TW-Z] \d\d \d\d \d\d [A-D]", _britain),
    ("in_aadhaar", r"[2-9]{}\d{3}(?: \d{4} \d{4}|-\d{4}-\d{4})", _india),
    ("it_cf", r"[A-Z]{}[A-Z]{5}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _italy),
    ("kr_rrn", r"[0-9]{}\d{5}-[1-8]\d{6}", _korea),
    ("mx_curp", r"[A-Z]{}[A-Z]{3}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", _mexico),
    ("no_fnr", r"[0-9]{}\d{5} ?\d{5}", _norway),
    ("pl_pesel", r"[0-9]{}\d{10}", _poland),
    ("se_pn", r"[0-9]{}\d{5}(?:\d\d)?[-+]\d{4}", _sweden),
    ("us_ssn", r"[0-9]{}\d\d(?:-\d\d-|\x20\d\d\x20)\d{4}", _united_states),
)
"""By kind, which begins with the country: how the number is written, and its check.

Behind its first character, ``{}`` stands for what must not be before it. An expression that begins with a character is
searched for much faster than one that begins with a condition.
"""


def _confirm(check: Check) -> Confirm:
    return if_true(lambda proposed: check(proposed.translate(_SEPARATORS)))


_BEFORE: Final = "(?<![A-Za-z0-9.+-].)"
_BEHIND: Final = r"(?![A-Za-z0-9]|[.-]\d)"

_NEEDS: Final = {"ch_ahv": ("756",), **dict.fromkeys(("be_nn", "br_cpf", "kr_rrn"), ("-",)), "se_pn": ("-", "+")}
"""Characters of which each number of the kind has at least one, where they are rarer than digits."""

RULES: Final = tuple(
    Rule(
        kind,
        re.compile(f"(?s:{form.replace('{}', _BEFORE)}){_BEHIND}"),
        _confirm(check),
        24,
        _NEEDS.get(kind, DIGITS),
        kind[:2].upper(),
    )
    for kind, form, check in _FORMS
)
