"""What a parameter is for, as its name, type and description tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lightagent.adapters.chat.offline.schemas import as_list, as_object, as_text, plain, type_of
from lightagent.adapters.chat.offline.words import word_set, words
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools import ToolSpec

Role = Literal[
    "choice", "number", "flag", "list", "object", "expression", "email", "url", "folder", "pattern", "file", "day",
    "time", "place", "id", "person", "language", "source", "target", "subject", "body", "text",
]  # fmt: skip

STRONG: frozenset[Role] = frozenset({"expression", "email", "url", "pattern", "file", "id", "day"})
"""Roles whose values are known by their looks."""

_BY_NAME: tuple[tuple[Role, frozenset[str]], ...] = (
    ("expression", word_set("expression expr formula equation calculation math")),
    ("email", word_set("email mail recipient recipients cc bcc")),
    ("url", word_set("url uri link website webpage")),
    ("folder", word_set("directory folder dir cwd root")),
    ("pattern", word_set("glob pattern wildcard mask")),
    ("id", word_set("id identifier sku ticket reference tracking uuid isbn code number no")),
    ("file", word_set("path file filename filepath document")),
    ("day", word_set("date day")),
    ("time", word_set("time hour")),
    ("source", word_set("from source origin start base")),
    ("target", word_set("to target destination into")),
    ("place", word_set("city location place town country region address area room where")),
    ("language", word_set("language lang locale")),
    ("person", word_set("person user username customer author who contact owner assignee")),
    ("subject", word_set("subject headline")),
    ("body", word_set("body message content text note")),
)
_NAMES = word_set("name full first last")
_BY_DESCRIPTION: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("expression", re.compile(r"arithmetic|math\w* expression|formula")),
    ("pattern", re.compile(r"\bglob\b|\*\.\w+")),
    ("email", re.compile(r"e-?mail address")),
    ("url", re.compile(r"\burl\b")),
    ("file", re.compile(r"\b(?:path|name) of (?:the |a )?file\b|\bfile ?path\b|\bfile to\b")),
    ("folder", re.compile(r"\b(?:folder|directory)\b")),
    ("place", re.compile(r"\b(?:city|town|country)\b")),
    ("id", re.compile(r"\bidentifier\b|\bid\b")),
    ("day", re.compile(r"\bdate\b|yyyy")),
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool, or one property of an answer.

    Attributes:
        schema: plain: without references and unions.
        about: name and description in lower case.
    """

    name: str
    schema: JsonObject
    required: bool
    role: Role
    about: str

    @property
    def type(self) -> str:
        """The JSON type of its value."""
        return type_of(self.schema)


def parameters(tool: ToolSpec) -> tuple[Parameter, ...]:
    """The parameters of `tool`, the required first."""
    return properties(tool.parameters, tool.parameters, f"{tool.name} {tool.description}")


def properties(schema: JsonObject, root: JsonObject, about: str = "") -> tuple[Parameter, ...]:
    """The properties of an object's schema, the required first, otherwise in their order."""
    required = as_list(schema.get("required"))
    found = [
        _parameter(name, plain(one, root), name in required, about)
        for name, one in as_object(schema.get("properties")).items()
    ]
    return tuple(sorted(found, key=lambda one: not one.required))


def _parameter(name: str, schema: JsonObject, required: bool, tool: str) -> Parameter:
    description = as_text(schema.get("description")).lower()
    role = _role(name, type_of(schema), "enum" in schema, description, tool.lower())
    return Parameter(name, schema, required, role, f"{' '.join(words(name))} {description}")


@lru_cache(maxsize=2048)
def _role(name: str, kind: str, enum: bool, description: str, tool: str) -> Role:
    by_type: dict[str, Role] = {
        "integer": "number", "number": "number", "boolean": "flag", "array": "list", "object": "object",
    }  # fmt: skip
    if enum:
        return "choice"
    if kind in by_type:
        return by_type[kind]
    parts = frozenset(words(name))
    role = "person" if parts <= _NAMES else _named(parts)
    if role == "target" and "mail" in tool:
        return "email"
    if role == "pattern" and re.search(r"regex|regular expression", description):
        return "text"
    if role in ("body", "id") and re.search(r"^(?:text|content|number|code)$", name):
        return "text"
    return role or _described(description)


def _named(parts: frozenset[str]) -> Role | None:
    for role, names in _BY_NAME:
        if parts & names:
            return role
    return None


def _described(description: str) -> Role:
    for role, told in _BY_DESCRIPTION:
        if told.search(description):
            return role
    return "text"
