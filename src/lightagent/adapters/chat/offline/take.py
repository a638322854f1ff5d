"""Values for one parameter out of a text, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Callable

from lightagent.adapters.chat.offline import find_names, find_values
from lightagent.adapters.chat.offline.arithmetic import expressions
from lightagent.adapters.chat.offline.roles import Parameter, Role
from lightagent.adapters.chat.offline.schemas import as_list, as_object, type_of
from lightagent.adapters.chat.offline.words import SMALL_NUMBERS, stems, words
from lightagent.domain.json_types import JsonValue

_HERE = re.compile(
    r"\b(?:here|this (?:repository|project|folder|directory)|current (?:folder|directory)|repository|repo)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\b(?:about|regarding|concerning|titled)\s+(.+?)(?:\s+(?:saying|that says|with body|to \S+@)\b.*|[.?!]?$)",
    re.IGNORECASE,
)
_BODY = re.compile(
    r"\b(?:saying(?: that)?|that says|(?:with )?(?:the )?(?:text|message|body|content)[:\s]+(?:saying )?|that)"
    r"\s+(.+?)[.]?$",
    re.IGNORECASE,
)
_LONGEST_NUMBER = 30
_FOREIGN = re.compile(
    r"^(?:please\s+)?\w+\s+(?:the\s+(?:word|words|phrase|sentence|text)\s+)?(.+?)\s+(?:to|into|in|from)\s+[A-Z]\w+"
)


def take(parameter: Parameter, text: str) -> list[JsonValue]:
    """What `text` offers for `parameter`; empty if nothing."""
    explicit = named_values(parameter, text)
    if parameter.role == "choice":
        return _choices(parameter, text)
    if parameter.role == "flag":
        return _flags(parameter, text)
    if parameter.role == "number":
        return [*explicit, *(number for number in _numbers(parameter, text) if number not in explicit)]
    if parameter.role == "list":
        return _lists(parameter, text)
    if parameter.role == "object":
        return []
    found: list[str] = _FINDERS[parameter.role](text)
    return list(dict.fromkeys([*(str(value) for value in explicit), *found]))


def to_number(text: str, kind: str) -> int | float | None:
    """`text` as a number of the JSON type `kind`; None if it is none."""
    if len(text) > _LONGEST_NUMBER:
        return None
    value = float(text)
    if kind == "integer":
        return int(value) if value.is_integer() else None
    return int(text) if re.fullmatch(r"-?\d+", text) else value


def named_values(parameter: Parameter, text: str) -> list[JsonValue]:
    """A value that the text gives by the parameter's own name: `limit 5`, `city: Rome`, `3 days`."""
    parts = words(parameter.name)
    if not parts:
        return []
    name = r"[\s_-]?".join(map(re.escape, parts))
    if parameter.role == "number":
        after = re.findall(rf"\b{name}s?(?:\s*[:=]\s*|\s+(?:is|of|to)?\s*)(-?\d+(?:\.\d+)?)\b", text, re.IGNORECASE)
        unit = re.escape(parts[-1])
        before = re.findall(rf"(?<![\w.-])(-?\d+(?:\.\d+)?)\s+{unit}\b", text, re.IGNORECASE) if len(unit) > 1 else []
        numbers = [to_number(number, parameter.type) for number in [*after, *before]]
        return [number for number in numbers if number is not None]
    given = re.findall(rf"\b{name}\s*[:=]\s*(?:\"([^\"]+)\"|'([^']+)'|([^\s,;\"']+[^\s,;\"'.?!]))", text, re.IGNORECASE)
    if parameter.role in ("subject", "body"):
        given += re.findall(rf"\b{name}\s+(?:\"([^\"]+)\"|'([^']+)')()", text, re.IGNORECASE)
    return [next(filter(None, groups)) for groups in given]


def _choices(parameter: Parameter, text: str) -> list[JsonValue]:
    said = set(stems(text)) | set(words(text))
    options = as_list(parameter.schema.get("enum"))
    return [option for option in options if option is not None and _is_said(str(option), said, text)]


def _is_said(option: str, said: set[str], text: str) -> bool:
    if re.search(rf"(?<!\w){re.escape(option)}(?!\w)", text, re.IGNORECASE):
        return True
    parts = stems(option)
    return bool(parts) and set(parts) <= said


def _flags(parameter: Parameter, text: str) -> list[JsonValue]:
    if not set(stems(parameter.name)) & set(stems(text)):
        return []
    name = r"\W*".join(map(re.escape, words(parameter.name)))
    return [not re.search(rf"\b(?:not|no|without|never|non)\W+(?:\w+\W+)?{name}", text, re.IGNORECASE)]


def _numbers(parameter: Parameter, text: str) -> list[JsonValue]:
    spelled = re.sub(r"[A-Za-z]+", lambda match: SMALL_NUMBERS.get(match.group().lower(), match.group()), text)
    numbers = [to_number(number, parameter.type) for number in find_values.numbers(spelled)]
    return [number for number in numbers if number is not None]


def _lists(parameter: Parameter, text: str) -> list[JsonValue]:
    kind = type_of(as_object(parameter.schema.get("items")))
    if kind in ("integer", "number"):
        numbers = [to_number(number, kind) for number in find_values.numbers(text)]
        found: list[JsonValue] = [number for number in numbers if number is not None]
    else:
        finders = (find_values.quoted, find_values.emails, find_values.files, find_values.identifiers, find_names.names)
        found = list(next((values for finder in finders if (values := finder(text))), []))
    return [found] if found else []


def _folders(text: str) -> list[str]:
    return find_values.folders(text) or (["."] if _HERE.search(text) else [])


def _patterns(text: str) -> list[str]:
    named = [f"*{name}" if find_names.is_extension(name) else name for name in find_values.files(text)]
    return find_values.globs(text) or named or find_names.file_patterns(text)


def _languages(text: str) -> list[str]:
    return find_names.side(text, "to", "into", "in") or find_names.names(text)


def _subjects(text: str) -> list[str]:
    found = _SUBJECT.search(text)
    return [found.group(1).strip("\"'")] if found else []


def _bodies(text: str) -> list[str]:
    found = _BODY.search(text)
    return [*find_values.quoted(text)[-1:], *([found.group(1)] if found else [])]


def _texts(text: str) -> list[str]:
    foreign = _FOREIGN.match(text)
    return find_values.quoted(text) or ([foreign.group(1)] if foreign else find_names.topic(text))


def _sources(text: str) -> list[str]:
    return find_names.side(text, "from", "of") or re.findall(r"\d\s*([A-Za-z\u00b0]+)\s+(?:to|into|in)\b", text)


def _targets(text: str) -> list[str]:
    return find_names.side(text, "to", "into", "in")


def _people(text: str) -> list[str]:
    return find_values.quoted(text) or find_names.names(text) or find_values.emails(text)


_FINDERS: dict[Role, Callable[[str], list[str]]] = {
    "expression": expressions,
    "email": find_values.emails,
    "url": find_values.urls,
    "folder": _folders,
    "pattern": _patterns,
    "file": find_values.files,
    "day": find_values.days,
    "time": find_values.times,
    "place": find_names.places,
    "id": find_values.identifiers,
    "person": _people,
    "language": _languages,
    "source": _sources,
    "target": _targets,
    "subject": _subjects,
    "body": _bodies,
    "text": _texts,
}
