"""The schemas of one operation, with those that they refer to.

Schemas that a document shares become definitions of the ones that are made, as far as these refer to them.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.converted_schemas import ConvertedSchemas, Direction
from lightagent.domain.openapi.document import OpenApiDocument
from lightagent.domain.openapi.values import Unusable

MOST_DEFINITIONS: Final = 5_000
"""Shared schemas that one operation refers to, by way of others as well."""


class SchemaBundle:
    """Makes the schemas of one operation, and knows the definitions that they share.

    Args:
        converted: what is there already of the same document and direction.
    """

    def __init__(
        self, document: OpenApiDocument, direction: Direction, converted: ConvertedSchemas | None = None
    ) -> None:
        self._converted = ConvertedSchemas(document, direction) if converted is None else converted
        self._found: dict[str, None] = {}

    @property
    def definitions(self) -> JsonObject:
        """The definitions that the schemas refer to, directly or by way of others."""
        return {name: self._converted.definitions[name] for name in self._found}

    def definition(self, name: str) -> JsonValue:
        """Return a definition by its name, or None if it does not exist."""
        return self._converted.definitions.get(name)

    def schema(self, written: JsonValue) -> JsonValue:
        """Return the schema, with references to `definitions`.

        Raises:
            Unusable: it is not a schema, is nested too deeply, or refers to something missing or to too much.
        """
        made, met = self._converted.convert(written)
        waiting = [*met]
        while waiting:
            name = waiting.pop()
            if name in self._found:
                continue
            if name in self._converted.failed:
                raise Unusable(self._converted.failed[name])
            self._found[name] = None
            waiting += self._converted.refers[name]
        if len(self._found) > MOST_DEFINITIONS:
            raise Unusable(f"it refers to {len(self._found):,} schemas; {MOST_DEFINITIONS:,} are the most")
        return made
