"""From an operation and the arguments of a call to a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.percent_encoding import percent_decode
from lightagent.domain.openapi.body_writing import write_body
from lightagent.domain.openapi.operations import PLACEHOLDER, Operation
from lightagent.domain.openapi.parameters import BODY, Parameter
from lightagent.domain.openapi.styles import Pairs, header_text, path_text, query_pairs
from lightagent.domain.openapi.values import Unwritable, percent_encoded

T = TypeVar("T")

_LITERAL: Final = "/:@!$&'()*+,;=%"


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """A request without the address of its server.

    Attributes:
        method: in upper case.
        path: percent-encoded; it begins with a slash.
        query: percent-encoded, without the question mark.
        headers: names and values.
        cookies: names and values, percent-encoded.
        content: the body, if any.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    content: bytes | None = field(default=None, repr=False)


def write_request(operation: Operation, arguments: JsonObject) -> WrittenRequest:
    """The request that a call is. What is not given is not sent.

    Raises:
        Unwritable: an argument has no form in its place, or would lead to another operation.
    """
    path, query, cookies = operation.path, Pairs(), Pairs()
    headers: list[tuple[str, str]] = []
    values: dict[str, str] = {}
    for parameter in operation.parameters:
        if parameter.argument not in arguments:
            continue
        value = arguments[parameter.argument]
        if value is None and parameter.place != "path":
            continue  # null cannot be written in these places.
        match parameter.place:
            case "path":
                values[parameter.name] = _written(parameter, value, path_text)
            case "query":
                query += _written(parameter, value, query_pairs)
            case "header":
                headers.append((parameter.name, _written(parameter, value, header_text)))
            case "cookie":
                cookies += _written(parameter, value, query_pairs)
    content = None
    if operation.body is not None and BODY in arguments:
        media_type, content = write_body(operation.body, arguments[BODY])
        headers.append(("Content-Type", media_type))
    return WrittenRequest(
        method=operation.method.upper(),
        path=_filled(path, values),
        query="&".join(f"{name}={text}" for name, text in query),
        headers=tuple(headers),
        cookies=tuple(cookies),
        content=content,
    )


def _written(parameter: Parameter, value: JsonValue, write: Callable[[Parameter, JsonValue], T]) -> T:
    try:
        return write(parameter, value)
    except Unwritable as exc:
        raise Unwritable(f"{parameter.argument}: {exc}") from None


def _filled(path: str, values: dict[str, str]) -> str:
    """The path with the values in it. Each stays within its segment, and no segment leads elsewhere.

    Raises:
        Unwritable: a segment would be empty, or mean this place or the one above.
    """
    segments: list[str] = []
    for segment in _segments(path):
        names = segment[1::2]
        literals = [percent_encoded(one, _LITERAL) for one in segment[::2]]
        written = literals[0]
        for name, literal in zip(names, literals[1:], strict=True):
            written += values.get(name, "") + literal
        meant = percent_decode(written)  # As the server reads it.
        if names and meant in ("", ".", ".."):
            raise Unwritable(f"{' and '.join(names)}: {meant!r} cannot be a part of a path; it would lead elsewhere")
        segments.append(written)
    return "/".join(segments)


def _segments(path: str) -> Iterator[list[str]]:
    """What stands between the slashes of a path, but those in names: a text, a name, a text and so on."""
    segment: list[str] = []
    for place, part in enumerate(PLACEHOLDER.split(path)):
        if place % 2:
            segment.append(part)
            continue
        first, *others = part.split("/")
        segment.append(first)
        for other in others:
            yield segment
            segment = [other]
    yield segment
