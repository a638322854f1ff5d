"""The operations of a document, and why some of them cannot be called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.percent_encoding import percent_decode
from lightagent.domain.openapi.bodies import Body, read_body
from lightagent.domain.openapi.converted_schemas import ConvertedSchemas
from lightagent.domain.openapi.document import OpenApiDocument
from lightagent.domain.openapi.names import operation_names
from lightagent.domain.openapi.parameters import Parameter, read_parameters
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.openapi.values import Unusable, object_of, objects_of, own_entries, text_of, texts_of

READ_ONLY: Final = ("get", "head")
"""Methods that change nothing, as HTTP has it."""

METHODS: Final = (*READ_ONLY, "options", "put", "post", "delete", "patch")
_KNOWN: Final = (*METHODS, "trace")
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """Something of the API that can be called.

    Attributes:
        method: in lower case; path: as the document has it, with names in braces.
        name: as a model calls it.
        operation_id: its own name in the document; empty where it has none.
        tags, summary, description, deprecated: what the document says of it.
        parameters, body: what it takes.
        definitions: the schemas that those refer to.
        responses: what it answers, as the document has it.
        servers: where it is, the first one first: addresses, perhaps relative to that of the document.
        own_servers: whether those are not the servers of the whole document.
        security: what a caller has to show, one way after the other: the names of schemes, all of which are needed.
    """

    method: str
    path: str
    name: str
    operation_id: str
    tags: tuple[str, ...]
    summary: str
    description: str
    deprecated: bool
    parameters: tuple[Parameter, ...]
    body: Body | None
    definitions: JsonObject = field(repr=False)
    responses: JsonObject = field(repr=False)
    servers: tuple[str, ...] = ()
    own_servers: bool = False
    security: tuple[tuple[str, ...], ...] = ()

    @property
    def reads_only(self) -> bool:
        """Whether its method changes nothing."""
        return self.method in READ_ONLY


@dataclass(frozen=True, slots=True)
class RefusedOperation:
    """An operation that cannot be called, and why; the reason follows its name."""

    method: str
    path: str
    name: str
    operation_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OperationSketch:
    """What is known of an operation before it is read: what it is chosen by.

    Attributes:
        item: the path that it belongs to; own: what stands there under its method. Both as the document has them.
    """

    method: str
    path: str
    name: str
    operation_id: str
    tags: tuple[str, ...]
    item: JsonObject = field(repr=False)
    own: JsonObject = field(repr=False)


Chooses: TypeAlias = Callable[[OperationSketch], bool]


def read_operations(
    document: OpenApiDocument, chooses: Chooses, prefix: str = ""
) -> Iterator[Operation | RefusedOperation]:
    """Each operation that is chosen, or why it cannot be called. None costs another one.

    Args:
        prefix: the beginning of all names.
    """
    sketches: list[OperationSketch | RefusedOperation] = [*_sketches(document)]
    ids = {(one.method, one.path): one.operation_id for one in sketches}
    names = operation_names(ids, prefix)
    converted = ConvertedSchemas(document, "request")
    for one in sketches:
        named = replace(one, name=names[one.method, one.path])
        if isinstance(named, RefusedOperation):
            yield named
        elif chooses(named):
            yield _operation(document, named, converted)


def _sketches(document: OpenApiDocument) -> Iterator[OperationSketch | RefusedOperation]:
    for path, written in own_entries(document.root.get("paths")).items():
        try:
            item = _path_item(document, written)
        except Unusable as exc:
            yield RefusedOperation("", path, "", "", str(exc))
            continue
        for method in _KNOWN:
            if method not in item:
                continue
            own = item[method]
            if not isinstance(own, dict):
                yield RefusedOperation(method, path, "", "", "it is not an object")
                continue
            yield OperationSketch(
                method, path, "", text_of(own.get("operationId")), texts_of(own.get("tags")), item, own
            )


def _path_item(document: OpenApiDocument, written: JsonValue) -> JsonObject:
    """Return the path item; fields beside a reference take precedence over those it leads to."""
    if not isinstance(written, dict):
        raise Unusable("it is not an object")
    stands = document.resolved(written)
    return stands if stands is written else {**stands, **{name: one for name, one in written.items() if name != "$ref"}}


def _operation(
    document: OpenApiDocument, sketch: OperationSketch, converted: ConvertedSchemas
) -> Operation | RefusedOperation:
    try:
        return _read(document, sketch, SchemaBundle(document, "request", converted))
    except Unusable as exc:
        reason = str(exc)
    except RecursionError:
        reason = "it is nested too deep"
    return RefusedOperation(sketch.method, sketch.path, sketch.name, sketch.operation_id, reason)


def _read(document: OpenApiDocument, sketch: OperationSketch, bundle: SchemaBundle) -> Operation:
    own, item = sketch.own, sketch.item
    if sketch.method == "trace":
        raise Unusable("its method is TRACE, which sends back what it was sent, credentials included")
    body = read_body(document, own.get("requestBody"), bundle) if _takes_body(document, sketch.method) else None
    parameters = read_parameters(
        document, item.get("parameters"), own.get("parameters"), bundle, has_body=body is not None
    )
    _check_path(sketch.path, parameters)
    servers = next((one for one in (own.get("servers"), item.get("servers")) if one), None)
    return Operation(
        method=sketch.method,
        path=sketch.path,
        name=sketch.name,
        operation_id=sketch.operation_id,
        tags=sketch.tags,
        summary=text_of(own.get("summary")) or text_of(item.get("summary")),
        description=text_of(own.get("description")) or text_of(item.get("description")),
        deprecated=own.get("deprecated") is True,
        parameters=tuple(
            one for one in parameters if one.place != "path" or one.name in PLACEHOLDER.findall(sketch.path)
        ),
        body=body,
        definitions=bundle.definitions,
        responses=object_of(own.get("responses")),
        servers=_servers(document.root.get("servers") if servers is None else servers),
        own_servers=servers is not None,
        security=_security(own.get("security", document.root.get("security"))),
    )


def _takes_body(document: OpenApiDocument, method: str) -> bool:
    """Whether what the document says of a body counts: with these methods, 3.0 has it ignored."""
    return document.version != "3.0" or method not in ("get", "head", "options")


def _check_path(path: str, parameters: tuple[Parameter, ...]) -> None:
    """Raise unless the path is one, and each name in it is that of a parameter."""
    if not path.startswith("/"):
        raise Unusable("its path does not begin with a slash")
    literal = PLACEHOLDER.sub("", path)
    if any(sign in literal for sign in "?#{}\\") or not literal.isprintable():
        raise Unusable("its path holds signs that no path can have")
    if any(part in (".", "..") for part in percent_decode(PLACEHOLDER.sub("x", path)).split("/")):
        raise Unusable("its path leads out of itself")
    described = {one.name for one in parameters if one.place == "path"}
    for name in PLACEHOLDER.findall(path):
        if name not in described:
            raise Unusable(f"its path has {{{name[:80]}}}, which none of its parameters describes")


def _servers(written: JsonValue) -> tuple[str, ...]:
    """The addresses, with the variables in them as they are by default."""
    return tuple(_address(server) for server in objects_of(written)) or ("/",)


def _address(server: JsonObject) -> str:
    variables = object_of(server.get("variables"))

    def value(found: re.Match[str]) -> str:
        default = object_of(variables.get(found[1])).get("default")
        if not isinstance(default, str | int):
            raise Unusable(f"the address of its server has {{{found[1][:80]}}}, whose value is missing")
        return str(default)

    return PLACEHOLDER.sub(value, text_of(server.get("url")) or "/")


def _security(written: JsonValue) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(way) for way in objects_of(written))
