"""A document, and where its references lead: to places within it, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.values import Unusable, object_of, percent_decoded, text_of

Version: TypeAlias = Literal["3.0", "3.1"]

_MOST_HOPS: Final = 30


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A document that was read.

    Attributes:
        root: all of it.
        version: by whose rules it is read.
    """

    root: JsonObject = field(repr=False)
    version: Version

    @property
    def title(self) -> str:
        """What the API is called."""
        return text_of(object_of(self.root.get("info")).get("title"))

    def resolved(self, value: JsonValue) -> JsonObject:
        """The object itself, or that to which its reference leads.

        Raises:
            Unusable: it is no object, or its reference leads nowhere, outside, or back to itself.
        """
        for _ in range(_MOST_HOPS):
            if not isinstance(value, dict):
                raise Unusable("something in it is no object, and should be")
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self.at(reference)
        raise Unusable("its references lead in a circle")

    def at(self, reference: str, base: JsonObject | None = None) -> JsonValue:
        """What stands where a reference leads.

        Args:
            base: what the reference is relative to, where that is not the document: a schema with an identifier.

        Raises:
            Unusable: nothing does, or it is outside of the document.
        """
        if not reference.startswith("#"):
            raise Unusable(f"it refers to something outside of the document: {reference[:200]}")
        place: JsonValue = self.root if base is None else base
        for step in reference[1:].split("/")[1:]:
            key = percent_decoded(step).replace("~1", "/").replace("~0", "~")
            if isinstance(place, dict) and key in place:
                place = place[key]
            elif isinstance(place, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(place):
                place = place[int(key[:9])]
            else:
                raise Unusable(f"it refers to something that is not there: {reference[:200]}")
        if reference not in ("#", "#/") and not reference.startswith("#/"):
            return self._anchored(reference[1:])
        return place

    def _anchored(self, anchor: str) -> JsonValue:
        """The schema with this anchor among those that the document shares."""
        for schema in object_of(object_of(self.root.get("components")).get("schemas")).values():
            waiting: list[JsonValue] = [schema]
            while waiting:
                value = waiting.pop()
                if isinstance(value, dict):
                    if anchor in (value.get("$anchor"), value.get("$dynamicAnchor")):
                        return value
                    waiting.extend(value.values())
                elif isinstance(value, list):
                    waiting.extend(value)
        raise Unusable(f"it refers to something that is not there: #{anchor[:200]}")


def read_document(root: JsonValue) -> OpenApiDocument:
    """The document, if it is one of a version that is known.

    Raises:
        ConfigurationError: it is not.
    """
    if not isinstance(root, dict):
        raise ConfigurationError(
            "OpenAPI: the document is no object.", guidance="Check that it is an OpenAPI document."
        )
    if "swagger" in root:
        raise ConfigurationError(
            f"OpenAPI: the document is of Swagger {str(root['swagger'])[:20]}.",
            guidance="Convert it to OpenAPI 3, such as with https://converter.swagger.io.",
        )
    written = str(root.get("openapi", ""))
    for version in _VERSIONS:
        if written == version or written.startswith(f"{version}."):
            return OpenApiDocument(root, version)
    raise ConfigurationError(
        f"OpenAPI: the version {written[:20]!r} is not known."
        if written
        else "OpenAPI: the document names no version.",
        guidance="Documents of OpenAPI 3.0 and 3.1 can be read.",
    )


_VERSIONS: Final[tuple[Version, ...]] = ("3.0", "3.1")
