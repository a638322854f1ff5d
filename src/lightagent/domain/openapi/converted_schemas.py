"""JSON Schema (2020-12) out of the schemas of a document, by the rules of its version."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.document import OpenApiDocument
from lightagent.domain.openapi.values import Unusable, object_of, objects_of, shown_text

Direction: TypeAlias = Literal["request", "response"]

_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"}
    | {"unevaluatedItems", "unevaluatedProperties", "additionalItems"}
)
_VALUES_OF_BOTH: Final = frozenset(
    {"title", "description", "type", "format", "default", "enum", "required", "pattern", "multipleOf"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems"}
    | {"uniqueItems", "minProperties", "maxProperties"}
)
_OF_3_0: Final = _VALUES_OF_BOTH | {"allOf", "oneOf", "anyOf", "not", "items", "properties", "additionalProperties"}
_VALUES_OF_3_1: Final = _VALUES_OF_BOTH | {"const", "minContains", "maxContains", "dependentRequired"}
_OF_3_1: Final = _VALUES_OF_3_1 | _MAPS | _LISTS | _SINGLE
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_DEEPEST: Final = 100
_WORDS: Final = ("title", "description")
_BOUNDS: Final = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))


class ConvertedSchemas:
    """Makes schemas of one direction, each that a document shares once, however many operations refer to it.

    In a request, properties that only an answer has are left out; in an answer, those that only a request has need not
    be there.

    Attributes:
        definitions: the schemas that are shared, by the names that references have for them.
        refers: to which of them each of them refers.
        failed: those that cannot be used, and why.
    """

    def __init__(self, document: OpenApiDocument, direction: Direction) -> None:
        self.definitions: dict[str, JsonValue] = {}
        self.refers: dict[str, tuple[str, ...]] = {}
        self.failed: dict[str, str] = {}
        self._document = document
        self._names: dict[int, str] = {}
        self._times: dict[str, int] = {}
        self._waiting: list[tuple[str, JsonObject, JsonObject | None]] = []
        self._met: dict[str, None] = {}
        self._hidden = "readOnly" if direction == "request" else "writeOnly"
        self._hidden_in: dict[int, frozenset[str]] = {}
        self._known = _OF_3_0 if document.version == "3.0" else _OF_3_1
        self._drops = direction == "request"

    def convert(self, written: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
        """Return the schema, with references to `definitions`, and the names of those that it refers to.

        Raises:
            Unusable: it is not a schema, is nested too deeply, or refers to something that does not exist.
        """
        made = self._whole(written, None)
        while self._waiting:  # One after the other: a chain of references may be long.
            name, target, base = self._waiting.pop()
            try:
                self.definitions[name], self.refers[name] = self._whole(target, base)
            except Unusable as exc:
                self.failed[name] = str(exc)
        return made

    def _whole(self, written: JsonValue, base: JsonObject | None) -> tuple[JsonValue, tuple[str, ...]]:
        self._met = {}
        return self._converted(written, base, 0), tuple(self._met)

    def _converted(self, written: JsonValue, base: JsonObject | None, depth: int) -> JsonValue:
        if isinstance(written, bool):
            return written
        if not isinstance(written, dict):
            raise Unusable("one of its schemas is not an object")
        if depth > _DEEPEST:
            raise Unusable(f"one of its schemas is nested more than {_DEEPEST} levels deep")
        old = self._document.version == "3.0"
        if not old and isinstance(written.get("$id"), str):
            base = written
        reference = written.get("$ref")
        made: JsonObject = {}
        if isinstance(reference, str):
            made["$ref"] = self._defined(reference, base)
            if old:
                return made  # What stands beside a reference means nothing in 3.0.
        for name, value in written.items():
            if name in self._known:
                made[name] = self._keyword(name, value, base, depth + 1)
        self._hide(written, made)
        if old:
            _modernized(written, made)
        else:
            _without_booleans(made)
        return made

    def _keyword(self, name: str, value: JsonValue, base: JsonObject | None, depth: int) -> JsonValue:
        if name in _WORDS and isinstance(value, str):
            return shown_text(value)
        if name in _MAPS and isinstance(value, dict):
            return {key: self._converted(one, base, depth) for key, one in value.items()}
        if name in _LISTS and isinstance(value, list):
            return [self._converted(one, base, depth) for one in value]
        if name in _SINGLE and isinstance(value, dict | bool):
            return self._converted(value, base, depth)
        if name in _SINGLE or name in _MAPS or name in _LISTS:
            raise Unusable(f"{name} of one of its schemas is not what it should be")
        return value

    def _hide(self, written: JsonObject, made: JsonObject) -> None:
        """Take out, or make optional, the properties of the other direction."""
        hidden = self._hidden_names(written)
        if not hidden:
            return
        parts = made.get("allOf")
        for one in (made, *objects_of(parts)):
            required = one.get("required")
            if isinstance(required, list):
                one["required"] = [name for name in required if name not in hidden]
                if not one["required"]:
                    del one["required"]  # 3.0 takes no empty list, and providers take none either.
        properties = made.get("properties")
        if self._drops and isinstance(properties, dict):
            own = object_of(written.get("properties"))
            made["properties"] = {name: one for name, one in properties.items() if not self._is_hidden(own.get(name))}

    def _hidden_names(self, written: JsonObject) -> frozenset[str]:
        """The properties of the other direction that a schema has, of its own and by what it is put together of."""
        known = self._hidden_in.get(id(written))
        if known is not None:
            return known
        self._hidden_in[id(written)] = frozenset()  # It may be put together of itself.
        names = {name for name, one in object_of(written.get("properties")).items() if self._is_hidden(one)}
        for part in objects_of(written.get("allOf")):
            with suppress(Unusable):
                names |= self._hidden_names(self._document.resolved(part))
        self._hidden_in[id(written)] = frozenset(names)
        return self._hidden_in[id(written)]

    def _is_hidden(self, written: JsonValue) -> bool:
        schema = object_of(written)
        if isinstance(schema.get("$ref"), str) and self._hidden not in schema:
            try:
                schema = self._document.resolved(schema)
            except Unusable:
                return False
        return schema.get(self._hidden) is True

    def _defined(self, reference: str, base: JsonObject | None) -> str:
        """The reference to the definition of what the written one leads to, which is made later."""
        target = self._document.schema_at(reference, base)
        name = self._names.get(id(target))
        if name is None:
            name = self._names[id(target)] = self._free_name(reference)
            self._waiting.append((name, target, base))
        self._met[name] = None
        return f"#/$defs/{name}"

    def _free_name(self, reference: str) -> str:
        wanted = _OTHERS.sub("_", reference.rpartition("/")[2].lstrip("#"))[:50] or "schema"
        number = self._times.get(wanted, 0)
        while True:
            number += 1
            name = wanted if number == 1 else f"{wanted}_{number}"
            if name not in self._times:
                break
        self._times[wanted] = number
        self._times.setdefault(name, 1)
        return name


def _modernized(written: JsonObject, made: JsonObject) -> None:
    """The words of 3.0 that mean something else in JSON Schema, or nothing there."""
    for bound, exclusive in _BOUNDS:
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    kind = made.get("type")
    if written.get("nullable") is True and isinstance(kind, str):
        made["type"] = [kind, "null"]


def _without_booleans(made: JsonObject) -> None:
    """Without the bounds of 3.0, which say nothing in 3.1."""
    for _, exclusive in _BOUNDS:
        if isinstance(made.get(exclusive), bool):
            del made[exclusive]
