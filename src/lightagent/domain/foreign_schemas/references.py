"""Where the references of a schema lead, and the names of definitions that are made of that."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from lightagent.domain.json_pointers import at_pointer
from lightagent.domain.json_types import JsonObject, JsonValue

DEFINITIONS: Final = "#/$defs/"
_LONGEST_NAME: Final = 64
_KEPT_OF_NAME: Final = 50
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class Unmendable(Exception):
    """The schema cannot be mended; the text says why."""


def referred(schema: JsonObject) -> str:
    """The name of the definition that a mended reference leads to; empty where it is none."""
    target = schema.get("$ref")
    return target.removeprefix(DEFINITIONS) if isinstance(target, str) and target.startswith(DEFINITIONS) else ""


class References:
    """The places in a schema that references may lead to: by pointer, anchor or identifier."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._identified: dict[str, JsonObject] = {}
        self._anchored: dict[str, JsonObject] = {}
        self._index(root)
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()

    def target(self, reference: str) -> tuple[str, JsonValue]:
        """What `reference` leads to in the end, and the name of its definition.

        Raises:
            Unmendable: it leads nowhere, outside, or back to itself.
        """
        seen: list[str] = []
        while True:
            if reference in seen:
                raise Unmendable(f"its references lead in a circle: {' -> '.join([*seen, reference])[:200]}")
            seen.append(reference)
            found = self._at(reference)
            further = found.get("$ref") if isinstance(found, dict) else None
            if not isinstance(further, str):
                return self._name(reference, found), found
            reference = further

    def _at(self, reference: str) -> JsonValue:
        base, _, fragment = reference.partition("#")
        start = self._identified.get(base) if base else self._root
        if start is None:
            raise Unmendable(f"it refers to something outside of itself: {reference[:200]}")
        if not fragment:
            return start
        if fragment.startswith("/"):
            with suppress(LookupError):
                return at_pointer(start, fragment)
        elif fragment in self._anchored:
            return self._anchored[fragment]
        raise Unmendable(f"it refers to something that is not there: {reference[:200]}")

    def _name(self, reference: str, target: JsonValue) -> str:
        """One name for each place, also where references of different forms lead to it."""
        known = self._names.get(id(target)) if isinstance(target, dict) else None
        if known:
            return known
        wanted = _OTHERS.sub("_", reference.rstrip("#/").rpartition("/")[2].lstrip("#")) or "root"
        name = wanted if len(wanted) <= _LONGEST_NAME else wanted[:_KEPT_OF_NAME]
        number = 1
        while name in self._taken:
            number += 1
            name = f"{wanted[:_KEPT_OF_NAME]}_{number}"
        self._taken.add(name)
        if isinstance(target, dict):
            self._names[id(target)] = name
        return name

    def _index(self, value: JsonValue) -> None:
        if isinstance(value, list):
            for item in value:
                self._index(item)
        elif isinstance(value, dict):
            for key in ("$id", "id"):
                if isinstance(name := value.get(key), str) and name:
                    place = self._anchored if name.startswith("#") else self._identified
                    place.setdefault(name.strip("#"), value)
            for key in ("$anchor", "$dynamicAnchor"):
                if isinstance(name := value.get(key), str):
                    self._anchored.setdefault(name, value)
            for child in value.values():
                self._index(child)
