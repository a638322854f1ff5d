"""Bank cards and bank accounts, whose numbers carry their own check."""

from __future__ import annotations

import re
from typing import Final

from lightagent.adapters.detectors._identities import luhn
from lightagent.adapters.detectors._rules import DIGITS, Rule, groups_if

_CARD: Final = re.compile(
    r"[2-6](?<![A-Za-z0-9_].)(?:\d{11,18}|\d{3}([ -])\d{4}\1\d{4}(?:\1\d{1,4}(?:\1\d{1,3})?)?"
    r"|(?<=3)\d{3}([ -])\d{6}\2\d{4,5})(?![A-Za-z0-9_])",
    re.DOTALL,
)

_MAESTRO: Final = (12, 13, 15, 16, 18, 19)

# First digits, as the least and the most of a range, and the lengths that the brand has.
_BRANDS: Final = (
    *(("4", "4", (13, 16, 19)), ("51", "55", (16,)), ("2221", "2720", (16,)), ("34", "34", (15,)), ("37", "37", (15,))),
    *(("6011", "6011", (16, 19)), ("644", "649", (16, 19)), ("65", "65", (16, 19)), ("300", "305", (14, 16, 19))),
    *(("36", "36", (14, 16, 19)), ("38", "39", (14, 16, 19)), ("35", "35", (16,)), ("3528", "3589", (17, 18, 19))),
    *(("62", "62", (16, 17, 18, 19)), ("50", "50", (16, 18, 19)), ("56", "58", _MAESTRO), ("2200", "2204", (16,))),
    *((prefix, prefix, _MAESTRO) for prefix in ("5018", "5020", "5038", "63", "67")),
)


def is_card(text: str) -> bool:
    """Whether the number has the check digit (Luhn), the first digits and the length of a bank card."""
    digits = text.replace(" ", "").replace("-", "")
    known = any(len(digits) in lengths and least <= digits[: len(least)] <= most for least, most, lengths in _BRANDS)
    if not known or len(set(digits)) < 2:
        return False
    return luhn(digits)


_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}")

_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in (
        *(
            ("15", "NO"),
            ("16", "BE"),
            ("18", "DK FK FO FI GL NL SD"),
            ("19", "MK SI"),
            ("20", "AT BA EE KZ LT LU XK MN"),
        ),
        *(("21", "CH HR LI LV"), ("22", "BG BH CR DE GB GE IE ME RS VA"), ("23", "AE GI IL IQ TL OM SO")),
        *(("24", "AD CZ ES MD PK RO SA SE SK TN VG"), ("25", "LY PT ST"), ("26", "IS TR"), ("33", "RU")),
        *(("27", "BI DJ FR GR IT MC MR SM"), ("28", "AL AZ BY CY DO GT HN HU LB NI PL SV"), ("29", "BR EG PS QA UA")),
        *(("30", "JO KW MU YE"), ("31", "MT SC"), ("32", "LC")),
    )
    for country in countries.split()
}


def iban_size(text: str) -> int:
    """The characters of the bank account number that the text begins with, by its country's length and mod 97."""
    length = _IBAN_LENGTHS.get(text[:2].upper())
    if length is None:
        return 0
    taken, size = "", 0
    for character in text:
        size += 1
        taken += character.strip()
        if len(taken) == length:
            break
    if len(taken) < length or (size < len(text) and text[size].isalnum()):
        return 0
    turned = taken[4:] + taken[:4]
    return size if int("".join(str(int(one, 36)) for one in turned)) % 97 == 1 else 0


RULES: Final = (
    Rule("card", _CARD, groups_if(is_card), 24, DIGITS),  # Behind it may stand a date, or its check code.
    Rule("iban", _IBAN, iban_size, 44, DIGITS),
)
