"""Keys and tokens: by the prefixes that services give them, by their own structure, or by the name beside them."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

from lightagent.adapters.detectors._rules import Rule, if_true

_START: Final = r"(?<![A-Za-z0-9_])"
_CLOUD: Final = re.compile(
    _START + r"(?:(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA)[A-Z2-7]{16}(?![A-Za-z0-9])"
    r"|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])|ya29\.[A-Za-z0-9_-]{20,512}"
    r"|gh[pousr]_[A-Za-z0-9]{30,512}|github_pat_[A-Za-z0-9_]{22,512}|glpat-[A-Za-z0-9_-]{20,512}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,512}|xapp-\d-[A-Za-z0-9-]{10,512}|[rsp]k_(?:live|test)_[A-Za-z0-9]{16,512}"
    r"|hf_[A-Za-z0-9]{30,512}|npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{20,512}|dop_v1_[a-f0-9]{40,512}"
    r"|SG\.[A-Za-z0-9_-]{16,512}(?:\.[A-Za-z0-9_-]{16,512})?|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|gsk_[A-Za-z0-9]{20,512}|nvapi-[A-Za-z0-9_-]{20,512}"
    r"|\d{8,10}:AA[A-Za-z0-9_-]{33})"
)

_SK: Final = re.compile(_START + r"(?<!-)sk-(?:[a-z]{2,12}\d{0,2}-){0,3}(?P<body>[A-Za-z0-9_-]{16,512})")

_JWT: Final = re.compile(_START + r"(?<![-.])eyJ[A-Za-z0-9_-]{13,4000}(?:\.[A-Za-z0-9_-]{1,4000}){0,4}")
_JOSE_HEADERS: Final = tuple(
    # What base64 makes of {"alg", {"typ", {"kid", {"cty", {"enc", {"x5t", {"jku", {"jwk", {"zip", {"crit"
    f"eyJ{rest}"
    for rest in ("hbGci", "0eXAi", "raWQi", "jdHki", "lbmMi", "4NXQi", "qa3Ui", "qd2si", "6aXAi", "jcml0")
)

_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----)){0,20000}(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)

_URL_PASSWORD: Final = re.compile(r"(?<=://)[^\s/:@?#\"'<>]{0,64}:(?P<value>[^\s/@?#\"'<>]{1,64})(?=@[A-Za-z0-9\[])")

# The first letter stands alone, since an expression that begins with a character is searched for much faster.
_NAMED: Final = re.compile(
    r"[KSTPBkstpb](?i:(?<=k)ey|(?<=s)ecret|(?<=t)oken|(?<=p)assword|(?<=p)asswd|(?<=b)earer)"
    r"[\"']?(?:\s{0,2}(?::=|=>|[:=]|is)\s{0,2}|\s)[\"']?"
    r"(?P<value>[A-Za-z0-9_+/=.~-]{16,512})"
)
_LOOKED_AT: Final = 24
"""Characters of a value that decide, so that no later one changes what was said of it."""
_LOOKED_AT_OF_SK: Final = 40
"""The same of what follows ``sk-``, where a name in words is more likely."""
_ENTROPY: Final = 2.6
"""Bits a character: hexadecimal digits by chance have 3.2, and fewer in one text of twenty."""
_CHANGES: Final = 0.4
"""Of the places between two characters, those between a digit, a small letter and a capital one. By chance it is more
than half of them; in names of programs, such as ``customerIdentifier``, it is less."""
_CHANGES_OF_LETTERS: Final = 0.5
"""The same of a text without digits."""


def looks_random(value: str) -> bool:
    """Whether the first characters are such as no word or version is: letters and digits, by chance."""
    head = value[:_LOOKED_AT]
    digits, letters = sum(map(str.isdigit, head)), sum(map(str.isalpha, head))
    if digits >= 2 and letters >= 2:
        return _entropy(head) >= _ENTROPY
    return _is_mixed(head, _CHANGES if digits else _CHANGES_OF_LETTERS)


def _entropy(text: str) -> float:
    """Bits a character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _is_mixed(text: str, share: float) -> bool:
    """Whether at least this share of the characters are of another kind than the one before them."""
    kinds = [(one.isdigit(), one.isupper(), one.islower()) for one in text]
    changes = sum(one != before for before, one in pairwise(kinds))
    return changes >= share * (len(text) - 1)


def _is_sk(key: str) -> bool:
    found = _SK.fullmatch(key)
    if found is None:
        return False
    head = found["body"][:_LOOKED_AT_OF_SK]
    return any(map(str.isdigit, head)) or _is_mixed(head, _CHANGES)


RULES: Final = (
    Rule("cloud_key", _CLOUD, window=64),
    Rule("api_key", _SK, if_true(_is_sk), 96, ("sk-",)),
    Rule("jwt", _JWT, if_true(lambda token: token.startswith(_JOSE_HEADERS)), 17, ("eyJ",)),
    Rule("private_key", _PEM, window=80, needs=("-----BEGIN",)),
    Rule("url_password", _URL_PASSWORD, window=132, needs=("://",)),
    Rule("secret", _NAMED, if_true(looks_random), 48),
)
