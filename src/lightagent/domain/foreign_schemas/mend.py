"""The mending of one schema, from end to end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.foreign_schemas.keywords import Note
from lightagent.domain.foreign_schemas.references import References, Unmendable, referred
from lightagent.domain.foreign_schemas.root import RootFlattener
from lightagent.domain.foreign_schemas.subschema import Cleaner
from lightagent.domain.json_types import JsonObject, JsonValue

_MOST_CHARACTERS: Final = 30_000
_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True)
class Mended:
    """A schema that providers take.

    Attributes:
        schema: what the model is shown; an object with ``properties``, and no union at its top.
        notes: what was changed, each thing once; empty where nothing was.
    """

    schema: JsonObject
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BeyondRepair:
    """No schema that providers take could stand for it; `reason` says why.

    Attributes:
        by_size: it is only too large or too deep: a part of it might do.
    """

    reason: str
    by_size: bool = field(default=False, compare=False)


def mend(schema: JsonValue) -> Mended | BeyondRepair:
    """`schema` as providers take it. What is mended already comes out the same, without notes."""
    if _is_too_deep(schema):
        return BeyondRepair(f"it is nested more than {_DEEPEST} levels deep", by_size=True)
    notes: dict[str, None] = {}
    try:
        mended = _mended(_as_object(schema), lambda text: notes.setdefault(text))
    except Unmendable as found:
        return BeyondRepair(str(found))
    size = len(json.dumps(mended, ensure_ascii=False))
    if size > _MOST_CHARACTERS:
        return BeyondRepair(f"it has {size:,} characters; {_MOST_CHARACTERS:,} are the most", by_size=True)
    return Mended(mended, tuple(notes))


def _mended(schema: JsonObject, note: Note) -> JsonObject:
    cleaner = Cleaner(References(schema), note)
    cleaned = cleaner.clean(schema)
    definitions = cleaner.definitions()
    root = RootFlattener(definitions, note).flatten(cleaned)
    used = _reachable(root, definitions)
    if used:
        root["$defs"] = {name: definition for name, definition in definitions.items() if name in used}
    return root


def _as_object(schema: JsonValue) -> JsonObject:
    if isinstance(schema, dict):
        return schema
    if schema is None or schema is True:
        return {}
    raise Unmendable(f"it is {json.dumps(schema)[:60]} and no object")


def _is_too_deep(schema: JsonValue) -> bool:
    """Whether it is nested too deep to be walked, found out without walking deep oneself."""
    level: list[JsonValue] = [schema]
    for _ in range(_DEEPEST):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _reachable(root: JsonObject, definitions: JsonObject) -> set[str]:
    """The definitions that are referred to, from the root or from each other."""
    found: set[str] = set()
    waiting: list[JsonValue] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name = referred(value)
            if name in definitions and name not in found:
                found.add(name)
                waiting.append(definitions[name])
    return found
