"""A document, and where its references lead: to places within it, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_pointers import at_pointer
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.values import Unusable, object_of

Version: TypeAlias = Literal["3.0", "3.1"]

_VERSIONS: Final[tuple[Version, ...]] = get_args(Version)
_MOST_HOPS: Final = 30
_ANYTHING: Final[JsonObject] = {}
_NOTHING: Final[JsonObject] = {"not": {}}
"""What `true` and `false` mean as schemas. Schemas are told apart by identity, so each is one and the same object."""


@dataclass(frozen=True, slots=True)
class OpenApiDocument:
    """A document that was read.

    Attributes:
        root: all of it.
        version: by whose rules it is read.
        name: of its file, by which it may refer to itself.
    """

    root: JsonObject = field(repr=False)
    version: Version
    name: str = ""
    _known: dict[str, JsonObject] = field(default_factory=dict, repr=False, compare=False)

    @property
    def security_schemes(self) -> JsonObject:
        """The ways in which callers say who they are, by name."""
        return object_of(object_of(self.root.get("components")).get("securitySchemes"))

    def resolved(self, value: JsonValue) -> JsonObject:
        """Return the object itself, or the one that its reference leads to.

        Raises:
            Unusable: it is not an object, or its reference leads nowhere, outside, or back to itself.
        """
        for _ in range(_MOST_HOPS):
            if not isinstance(value, dict):
                raise Unusable("something in it should be an object, but is not")
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self.at(reference)
        raise Unusable("its references lead in a circle")

    def at(self, reference: str) -> JsonValue:
        """What stands where a reference leads.

        Raises:
            Unusable: nothing does, or it is outside of the document.
        """
        place, _, fragment = reference.partition("#")
        if place and place.removeprefix("./") != self.name:
            raise Unusable(f"it refers to something outside of the document: {reference[:200]}")
        return _pointed(self.root, fragment, reference)

    def schema_at(self, reference: str, base: JsonObject | None) -> JsonObject:
        """The schema to which a reference leads: by pointer, by anchor, or by the identifier of a shared schema.

        Args:
            base: the schema with an identifier in which the reference stands, which it is relative to.

        Raises:
            Unusable: there is none.
        """
        place, _, fragment = reference.partition("#")
        found: JsonValue
        if place and place.removeprefix("./") != self.name:
            start = self._identified().get(place)
            if start is None:
                raise Unusable(f"it refers to something outside of the document: {reference[:200]}")
            found = _pointed(start, fragment, reference)
        elif fragment and not fragment.startswith("/"):
            found = self._identified().get(f"#{fragment}")
        else:
            try:
                found = _pointed(self.root if base is None else base, fragment, reference)
            except Unusable:
                found = _pointed(self.root, fragment, reference)
        if isinstance(found, bool):
            return _ANYTHING if found else _NOTHING
        if not isinstance(found, dict):
            raise Unusable(f"it refers to something that is not a schema: {reference[:200]}")
        return found

    def _identified(self) -> Mapping[str, JsonObject]:
        """The schemas that have an identifier or an anchor, by these; looked for where first asked."""
        if not self._known:
            self._known[""] = {}
            waiting: list[JsonValue] = [self.root.get("components"), self.root.get("paths")]
            while waiting:
                value = waiting.pop()
                if isinstance(value, list):
                    waiting.extend(value)
                elif isinstance(value, dict):
                    for key, mark in (("$id", ""), ("$anchor", "#"), ("$dynamicAnchor", "#")):
                        if isinstance(name := value.get(key), str):
                            self._known.setdefault(f"{mark}{name.rstrip('#')}", value)
                    waiting.extend(value.values())
        return self._known


def _pointed(start: JsonObject, fragment: str, reference: str) -> JsonValue:
    """What a pointer leads to."""
    if not fragment or fragment.startswith("/"):
        with suppress(LookupError):
            return at_pointer(start, fragment)
    raise Unusable(f"it refers to something that is not there: {reference[:200]}")


def read_document(root: JsonValue, name: str = "") -> OpenApiDocument:
    """The document, if it is one of a version that is known.

    Args:
        name: of its file.

    Raises:
        ConfigurationError: it is not.
    """
    if not isinstance(root, dict):
        raise ConfigurationError(
            "OpenAPI: the document is not an object.", guidance="Check that it is an OpenAPI document."
        )
    if "swagger" in root:
        raise ConfigurationError(
            f"OpenAPI: the document is of Swagger {str(root['swagger'])[:20]}.",
            guidance="Convert it to OpenAPI 3, such as with https://converter.swagger.io.",
        )
    written = str(root.get("openapi", ""))
    for version in _VERSIONS:
        if written == version or written.startswith(f"{version}."):
            return OpenApiDocument(root, version, name)
    raise ConfigurationError(
        f"OpenAPI: the version {written[:20]!r} is not known."
        if written
        else "OpenAPI: the document names no version.",
        guidance="Documents of OpenAPI 3.0 and 3.1 can be read.",
    )
