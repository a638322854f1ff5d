"""Values as they stand in a text: quoted words, files, globs, addresses, identifiers, dates, names, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lightagent.adapters.chat.offline.words import word_set

_URL = r"https?://[^\s\"'<>)]*[^\s\"'<>).,;:!?]"
_EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_UUID = r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
_DATE = r"\b\d{4}-\d{2}-\d{2}\b"
_FILE = (
    r"(?<![\w@/.*-])(?:~?/|\.{1,2}/)?(?:[\w.-]+/)*(?:[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w{0,7}|\.[a-z][\w.-]+"
    r"|Makefile|Dockerfile|LICENSE|README)(?![\w/*])"
)
_FOLDER = r"(?<![\w@/.*:-])(?:(?:~|\.{1,2})?/(?:[\w.-]+/?)*|(?=[\w./-]*[A-Za-z])[\w.-]+/(?:[\w.-]+/?)*)(?<![.,])"
_ID = rf"{_UUID}|\b[A-Za-z]{{1,6}}[-_]\d[\w-]*\b|\b[A-Z]{{1,6}}\d{{2,}}\w*\b|#\d+\b"
_GLOB = r"(?=[^\s,;]*\*)(?=[^\s,;]*[A-Za-z/])[\w./*?\[\]{}-]*[\w*\]}]"
_QUOTED = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|«([^»]+)»|(?<!\w)'([^']+)'(?!\w)|(?<!\w)\u2018([^\u2019]+)\u2019(?!\w)"
)
_NUMBER = re.compile(r"(?<![\w.])(?:(?<!\d )(?<!\d)-)?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_NOT_FOLDERS = {"and/or", "either/or", "he/she", "his/her", "km/h", "n/a", "yes/no"}
_FOLDER_NAMED = re.compile(
    r"\b(?:in|under|inside|below|within|from|of)\s+(?:the\s+|my\s+|our\s+)?([A-Za-z_][\w.-]*)\s+"
    r"(?:folder|directory|dir)\b"
    r"|\b(?:folder|directory|dir)\s+(?:called\s+|named\s+)?([A-Za-z_][\w.-]*)"
    r"|\b(?:in|under|inside|below|within)\s+([a-z_][\w-]*)(?=\s*(?:$|[,.;?!]|\band\b|\bthat\b|\bthen\b))"
)
_NOT_NAMES_OF_FOLDERS = word_set(
    "it this that there here parallel total order general detail english project repository repo current same python "
    "working root whole is and which with today"
)
_DAY = re.compile(
    rf"{_DATE}|\b(?:today|tomorrow|yesterday|tonight|(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?(?:,? \d{4})?\b"
    r"|\b\d{1,2}(?:st|nd|rd|th)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(?: \d{4})?\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?\b|\b\d{1,2}\s?[ap]m\b", re.IGNORECASE)
_STRONG = re.compile(f"{_URL}|{_EMAIL}|{_UUID}|{_DATE}|{_GLOB}|{_FILE}|{_FOLDER}|{_ID}")


def quoted(text: str) -> list[str]:
    """What stands in quotation marks or backticks."""
    return [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]


def urls(text: str) -> list[str]:
    """Web addresses."""
    return re.findall(_URL, text)


def emails(text: str) -> list[str]:
    """Mail addresses."""
    return re.findall(_EMAIL, text)


def globs(text: str) -> list[str]:
    """File patterns with a star."""
    return re.findall(_GLOB, text)


def files(text: str) -> list[str]:
    """Names and paths of files: they have an extension, or are known without one."""
    return _once(re.findall(_FILE, _without(text, _URL, _EMAIL)))


def folders(text: str) -> list[str]:
    """Paths of folders; a bare name only where the text says that it is a folder."""
    bare = _without(text, _URL, _EMAIL, _GLOB, _FILE)
    paths = [path for path in re.findall(_FOLDER, bare) if path.lower() not in _NOT_FOLDERS]
    named = [next(filter(None, match.groups())) for match in _FOLDER_NAMED.finditer(bare)]
    return _once([*paths, *(name for name in named if name.lower() not in _NOT_NAMES_OF_FOLDERS)])


def identifiers(text: str) -> list[str]:
    """Identifiers such as A-123, #42, a UUID or, where nothing else is there, a long number."""
    found = re.findall(_ID, _without(text, _URL, _EMAIL, _DATE, _FILE))
    return _once([item.lstrip("#") for item in found] or re.findall(r"(?<![\w.-])\d{3,}(?![\w.])", text))


def days(text: str) -> list[str]:
    """Dates and days as the text says them."""
    return [match.group() for match in _DAY.finditer(text)]


def times(text: str) -> list[str]:
    """Times of day as the text says them."""
    return [match.group() for match in _TIME.finditer(text)]


def numbers(text: str) -> list[str]:
    """Numbers that are no part of a name, a date or a path; thousands separators are dropped."""
    return [number.replace(",", "") for number in _NUMBER.findall(mask(text))]


def mask(text: str) -> str:
    """`text` with blanks for what is a name rather than a word: quotations, paths, addresses, identifiers."""
    return _STRONG.sub(_blank, _QUOTED.sub(_blank, text))


def _without(text: str, *patterns: str) -> str:
    for pattern in patterns:
        text = re.sub(pattern, _blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _once(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(found))
