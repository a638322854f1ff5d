"""Names and phrases in a text: places, people, file types, and what a question is about."""

from __future__ import annotations

import re

from lightagent.adapters.chat.offline.find_values import globs, mask, quoted
from lightagent.adapters.chat.offline.words import STOP, word_set

_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'\u2019.-]*[\w\u2019]|[A-Z]\b"
_NAME = re.compile(rf"(?:{_CAPITAL})(?:\s+(?:(?:de|da|do|la|le|of|am|upon|the)\s+)?(?:{_CAPITAL}))*")
_NO_NAMES = word_set(
    "i i'm please what what's where where's who who's when which why how is are does do can could tell show find read "
    "give get check look list search compute calculate send write add then also and the a an my in today tomorrow "
    "monday tuesday wednesday thursday friday saturday sunday if it will would should let hello hi hey thanks now "
    "translate convert track open summarise summarize book create email mail ask it's what's will"
)
_AFTER_PREPOSITION = re.compile(
    r"\b(?:in|for|at|near|around|of|from|to)\s+(?:the\s+)?([a-z][\w'-]*(?:\s+(?:and\s+)?[a-z][\w'-]*){0,4})",
    re.IGNORECASE,
)
_TIME_WORDS = re.compile(
    r"\s+(?:like|right now|now|today|tonight|tomorrow|yesterday|please|this|next|on|at|currently|and|or|is|in)\b.*",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|for|on|saying|says|say|that|of|mean(?:ing)? of)\s+(.+)$", re.IGNORECASE
)
_EXTENSIONS = {
    "python": "py", "markdown": "md", "text": "txt", "javascript": "js", "typescript": "ts", "rust": "rs", "ruby": "rb",
    "shell": "sh", "yaml": "yaml", "word": "docx", "excel": "xlsx", "golang": "go", "notebook": "ipynb",
    "jupyter": "ipynb", "image": "png",
}  # fmt: skip
_KNOWN = word_set(
    "py md txt js ts rs rb sh yaml yml docx xlsx go json toml html css csv xml pdf log c h cpp java sql ini cfg "
    "lock png jpg svg ipynb"
)
_TYPE = re.compile(
    r"\.?([A-Za-z]+)\s+(?:source\s+|code\s+|test\s+)?(?:files?|modules?|scripts?|documents?|sources?|notebooks?)\b",
    re.IGNORECASE,
)
_NAMED_FILES = re.compile(
    r"\b(?:files?|modules?)\s+(?:(?:that (?:are|is) )?(?:named|called)|whose names? contains?|with)\s+([\w.-]+)",
    re.IGNORECASE,
)


def names(text: str) -> list[str]:
    """Capitalised names; a lone one that begins the text comes last, since it may be no name."""
    found = []
    for match in _NAME.finditer(mask(text)):
        parts = match.group().split()
        while parts and parts[0].lower() in _NO_NAMES:
            parts = parts[1:]
        if parts:
            found.append(" ".join(parts))
    if len(found) > 1 and " " not in found[0] and text.lstrip().startswith(found[0]):
        found = [*found[1:], found[0]]
    return list(dict.fromkeys(found))


def places(text: str) -> list[str]:
    """Cities and the like: capitalised, or else what follows a preposition."""
    capitalised = names(text)
    if capitalised and not text.lstrip().startswith(capitalised[0]):
        return [name for name in capitalised if not text.lstrip().startswith(name)]
    found = []
    for match in _AFTER_PREPOSITION.finditer(mask(text)):
        phrase = _TIME_WORDS.sub("", match.group(1)).strip()
        if phrase and phrase.lower() not in STOP | {"today", "now", "tomorrow", "me"}:
            found += [part.strip() for part in re.split(r"\s+and\s+|,", phrase)]
    return list(dict.fromkeys(found)) or capitalised


def side(text: str, *prepositions: str) -> list[str]:
    """The word or name after one of `prepositions`, as in `from Paris to Rome`."""
    pattern = rf"\b(?:{'|'.join(prepositions)})\s+((?:{_CAPITAL})(?:\s+(?:{_CAPITAL}))*|[\w@.+-]*\w)"
    return [word for word in re.findall(pattern, text) if word.lower() not in STOP]


def file_patterns(text: str) -> list[str]:
    """Globs for the files a text speaks of: `*.py` for Python files."""
    explicit = globs(text)
    if explicit:
        return explicit
    bare = mask(text)
    kinds = [_EXTENSIONS.get(word.lower(), word.lower()) for word in _TYPE.findall(bare)]
    found = [f"*.{kind}" for kind in kinds if kind in _KNOWN]
    if found:
        return list(dict.fromkeys(found))
    named = [f"*{word}*" for word in quoted(text)] or [f"*{word}*" for word in _NAMED_FILES.findall(bare)]
    if named:
        return named
    if re.search(r"\btests?\s+(?:files?|modules?)\b", bare, re.IGNORECASE):
        return ["*test*"]
    return (
        ["*"] if re.search(r"\b(?:all|every|any|which|what|the|list|many)\b.*\bfiles?\b", bare, re.IGNORECASE) else []
    )


def is_extension(name: str) -> bool:
    """Whether `.toml` is rather the end of names than a name."""
    return name.startswith(".") and name[1:].lower() in _KNOWN


def topic(text: str) -> list[str]:
    """What a request is about: a quotation, what follows `about` or `for`, or the request without its verb."""
    said = quoted(text)
    if said:
        return said
    plain = text.strip().rstrip(".?!")
    about = _ABOUT.search(plain)
    if about:
        return [about.group(1).strip()]
    rest = re.sub(
        r"^(?:please\s+|can you\s+|could you\s+|would you\s+|kindly\s+)*"
        r"(?:(?:what|who|where|when|how)(?:'s| is| are| was| were| do| does)\s+|[A-Za-z]+\s+(?:me\s+|us\s+|up\s+)?)"
        r"(?:the\s+|an?\s+)?",
        "", plain, flags=re.IGNORECASE,
    )  # fmt: skip
    return [rest.strip()] if rest.strip() else []
