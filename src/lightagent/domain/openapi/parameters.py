"""What an operation takes besides its body: parameters in the path, the query, headers and cookies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import is_header_name
from lightagent.domain.openapi.document import OpenApiDocument
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.openapi.values import Unusable, chosen, object_of, objects_of, shown_text, text_of

Place: TypeAlias = Literal["path", "query", "header", "cookie"]
Style: TypeAlias = Literal["simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"]

BODY: Final = "body"
"""The argument that holds the body."""

_PLACES: Final[tuple[Place, ...]] = get_args(Place)
QUERY_STYLES: Final[tuple[Style, ...]] = ("form", "spaceDelimited", "pipeDelimited", "deepObject")
"""The styles of parameters in a query, and of the properties of a form."""

_STYLES: Final[Mapping[Place, tuple[Style, ...]]] = {
    "path": ("simple", "label", "matrix"),
    "query": QUERY_STYLES,
    "header": ("simple",),
    "cookie": ("form",),
}
_SAID_OTHERWISE: Final = frozenset({"accept", "content-type", "authorization"})
_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "content-encoding", "content-length", "cookie", "expect", "host", "keep-alive"}
    | {"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
    # These would make another operation of the call.
    | {"x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"}
)
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_OF_NAME: Final = 50


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: as the server knows it.
        place: where it goes.
        argument: as a model knows it.
        required: whether a call must have it.
        schema: of its value, with references to the definitions of the operation.
        style, explode: how lists and objects are written.
        allow_reserved: characters that mean something in a URL go as they are, as far as they end nothing.
        media_type: the media type of the value if it has one instead of a style; else empty.
        description: what it is for.
    """

    name: str
    place: Place
    argument: str
    required: bool
    schema: JsonValue
    style: Style
    explode: bool
    allow_reserved: bool = False
    media_type: str = ""
    description: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """By what two parameters are the same one; names of headers are of one case."""
        return self.place, self.name.lower() if self.place == "header" else self.name


def read_parameters(
    document: OpenApiDocument, shared: JsonValue, own: JsonValue, bundle: SchemaBundle, *, has_body: bool
) -> tuple[Parameter, ...]:
    """The parameters of an operation: those of its path, over which go its own.

    Raises:
        Unusable: one cannot be used.
    """
    found: dict[tuple[str, str], Parameter] = {}
    for written in (*objects_of(shared), *objects_of(own)):
        parameter = _parameter(document, written, bundle)
        if parameter is not None:
            found[parameter.key] = parameter
    return _with_arguments([*found.values()], has_body=has_body)


def _parameter(document: OpenApiDocument, written: JsonObject, bundle: SchemaBundle) -> Parameter | None:
    """One parameter; None where its document may not say this (the type of the body, who the caller is)."""
    stands = document.resolved(written)
    name, place = text_of(stands.get("name")), chosen(stands.get("in"), _PLACES)
    if not name or place is None:
        raise Unusable(
            f"it has a parameter {name[:80]!r} in {str(stands.get('in'))[:40]!r}, where parameters cannot be"
        )
    required = stands.get("required") is True or place == "path"
    if place == "header" and (name.lower() in _SAID_OTHERWISE or not may_be_sent(name, required=required)):
        return None
    try:
        media_type, schema = _schema(document, stands, bundle)
        style = "simple" if media_type else _style(place, stands, schema, bundle)
    except Unusable as exc:
        raise Unusable(f"the parameter {name[:80]!r}: {exc}") from None
    explode = stands.get("explode")
    return Parameter(
        name=name,
        place=place,
        argument="",
        required=required,
        schema=schema,
        style=style,
        explode=explode if isinstance(explode, bool) else style == "form",
        allow_reserved=stands.get("allowReserved") is True,
        media_type=media_type,
        description=shown_text(written.get("description")) or shown_text(stands.get("description")),
    )


def may_be_sent(name: str, *, required: bool) -> bool:
    """Whether a header is the operation's to set: those of the connection are not.

    Raises:
        Unusable: it is not, and the operation needs it.
    """
    if name.lower() not in _OF_THE_CONNECTION and is_header_name(name):
        return True
    if required:
        raise Unusable(f"it needs the header {name[:80]!r}, which an operation may not set")
    return False


def _schema(document: OpenApiDocument, stands: JsonObject, bundle: SchemaBundle) -> tuple[str, JsonValue]:
    """The media type in which the value is written, if it has one, and its schema."""
    content = object_of(stands.get("content"))
    if content:
        media_type, held = next(iter(content.items()))
        if not is_json(media_type) and not media_type.startswith("text/"):
            raise Unusable(f"it is written in {media_type[:80]}")
        return media_type, bundle.schema(document.resolved(held).get("schema", {}))
    return "", bundle.schema(stands.get("schema", {}))


def _style(place: Place, stands: JsonObject, schema: JsonValue, bundle: SchemaBundle) -> Style:
    known = _STYLES[place]
    written = stands.get("style", known[0])
    style = chosen(written, known)
    if style is None:
        raise Unusable(f"the style {str(written)[:40]!r} is none of a parameter in {place}")
    if style == "deepObject" and not _may_be_object(schema, bundle):
        raise Unusable("the style 'deepObject' is for objects, and its schema allows none")
    return style


def _may_be_object(schema: JsonValue, bundle: SchemaBundle) -> bool:
    described = object_of(schema)
    reference = text_of(described.get("$ref")).removeprefix("#/$defs/")
    kind = object_of(bundle.definition(reference)).get("type") if reference else described.get("type")
    return kind is None or kind == "object" or (isinstance(kind, list) and "object" in kind)


def _with_arguments(parameters: Sequence[Parameter], *, has_body: bool) -> tuple[Parameter, ...]:
    """The parameters with a name each that no other has, and that every provider takes."""
    times = Counter(_plain(one.name) for one in parameters)
    if has_body:
        times[BODY] += 1
    taken = {BODY} if has_body else set()
    named: list[Parameter] = []
    for one in parameters:
        plain = _plain(one.name)
        wanted = plain if times[plain] == 1 else f"{plain}_in_{one.place}"
        argument, number = wanted, 1
        while argument in taken or (argument != plain and argument in times):
            number += 1
            argument = f"{wanted}_{number}"
        taken.add(argument)
        named.append(replace(one, argument=argument))
    return tuple(named)


def _plain(name: str) -> str:
    return _OTHERS.sub("_", name).strip("_")[:_MOST_OF_NAME] or "parameter"


def is_json(media_type: str) -> bool:
    """Whether what is written in it is JSON."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "text/json", "*/*", "application/*") or kind.endswith("+json")
