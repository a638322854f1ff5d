"""What looks like a secret by its form, where neither its value nor its name is known: tokens of well-known services,
what follows ``Bearer``, the token in the path of a URL. For settings and objects that are shown to people.
"""

from __future__ import annotations

import re
from typing import Final

from lightagent.domain.secrets.names import PASSWORD

_RUN: Final = re.compile(r"\w{16,}", re.ASCII)
_WELL_KNOWN: Final = re.compile(
    r"(?<![A-Za-z])(?:(?:sk|pk|rk)[-_](?=[\w-]{0,60}\d)[\w-]{12,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|AKIA[0-9A-Z]{12,}|AIza[\w-]{16,}|hf_\w{16,}|gsk_\w{16,}|nvapi-[\w-]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)",
    re.ASCII,
)
_AFTER_WORD: Final = re.compile(rf"(?i)(\b(?:bearer|basic|{PASSWORD}|token|secret|key)[ \t]+)([^\s\"',;]{{8,}})")
_IN_PATH: Final = re.compile(r"(?<=/)[\w.~-]{16,}(?=[/?#\s\"']|$)", re.ASCII)
_SOLID: Final = re.compile(r"[A-Za-z0-9]{16,}")
_WEBHOOK: Final = re.compile(r"(hooks\.slack\.com/)[^\s\"'?#]+")


def looks_random(text: str) -> bool:
    """Whether it has a run of letters and digits such as no word is."""
    runs = _RUN.findall(text)
    return any(any(map(str.isdigit, run)) and any(map(str.isalpha, run)) for run in runs)


def mask_tokens(text: str, mask: str) -> str:
    """`text` with `mask` in the place of the tokens of well-known services."""
    return _WELL_KNOWN.sub(mask, text)


def mask_forms(text: str, mask: str) -> str:
    """`text` with `mask` in the place of what looks like a secret."""
    text = mask_tokens(text, mask)
    text = _AFTER_WORD.sub(lambda found: found[1] + mask if looks_random(found[2]) else found[0], text)
    if "://" not in text:
        return text
    text = _WEBHOOK.sub(rf"\1{mask}", text)
    return _IN_PATH.sub(lambda found: mask if looks_random(found[0]) else found[0], text)


def looks_like_key(text: str) -> bool:
    """Whether a text, or a part of it, is what a key looks like, and no name that people give."""
    return _WELL_KNOWN.search(text) is not None or any(map(looks_random, _SOLID.findall(text)))


def path_tokens(path: str) -> list[str]:
    """The parts of a URL's path that look like tokens."""
    return [part for part in path.split("/") if looks_random(part)]
