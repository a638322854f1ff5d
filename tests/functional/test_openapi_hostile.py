"""Documents and arguments of a stranger: a source lists what is sound of them, and no value leads a call elsewhere."""

from __future__ import annotations

import asyncio
import copy
import os
from urllib.parse import unquote, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lightagent.application.tool_sources.openapi_tool import OpenApiTool
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi import (
    Operation,
    OperationChoice,
    Unwritable,
    read_document,
    read_operations,
    write_request,
)
from tests.support.odd_operations import OF_3_0, OF_3_1, document, param, takes

CASES = int(os.environ.get("TEST_CASES", "60"))
DOCUMENTS = {
    "3.0.3": document("3.0.3", OF_3_0, "https://api.example"),
    "3.1.0": document("3.1.0", OF_3_1, "https://api.example"),
}

SCALARS: st.SearchStrategy[JsonValue] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        10**30,
        1.5,
        "",
        "x",
        "#",
        "#/",
        "#/components",
        "#/paths",
        "{",
        "{x}",
        "/",
        "..",
        "\ud800",
        "$ref",
    ]
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["$ref", "type", "properties", "allOf", "items", "in", "name", "schema", "x-a", ""]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: JsonValue) -> list[tuple[str | int, ...]]:
    """The paths to everything in a value."""
    found: list[tuple[str | int, ...]] = []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += [(key,), *((key, *rest) for rest in places(child))]
    return found


PLACES = {version: places(told) for version, told in DOCUMENTS.items()}


def put(whole: JsonValue, place: tuple[str | int, ...], new: JsonValue) -> None:
    """Put a value in its place, if that is still there."""
    for key in place[:-1]:
        whole = child(whole, key)
    last = place[-1]
    if isinstance(whole, dict) and isinstance(last, str) and last in whole:
        whole[last] = new
    if isinstance(whole, list) and isinstance(last, int) and last < len(whole):
        whole[last] = new


def child(whole: JsonValue, key: str | int) -> JsonValue:
    if isinstance(whole, dict) and isinstance(key, str):
        return whole.get(key)
    return whole[key] if isinstance(whole, list) and isinstance(key, int) and key < len(whole) else None


@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_document_of_a_stranger_fails_in_no_other_way(data: st.DataObject) -> None:
    """Any value may stand anywhere: the document is refused, or each of its operations is a tool or named."""
    version = data.draw(st.sampled_from(sorted(DOCUMENTS)))
    told = copy.deepcopy(DOCUMENTS[version])
    for place in data.draw(st.lists(st.sampled_from(PLACES[version]), min_size=1, max_size=4, unique=True)):
        put(told, place, data.draw(VALUES))
    source = openapi_tools(told, methods=["*"])
    try:
        listed = asyncio.run(source.tools()).tools
    except ConfigurationError:
        return
    for name, tool in listed.items():
        assert name == tool.spec.name
        assert len(name) <= 64
        assert isinstance(tool, OpenApiTool)
    assert all(problem["message"] for problem in source.problems)


def operation(*parameters: JsonObject, path: str) -> Operation:
    told: JsonObject = {"openapi": "3.1.0", "paths": {path: {"get": takes(*parameters)}}}
    (found,) = read_operations(read_document(told), OperationChoice().chooses)
    assert isinstance(found, Operation)
    return found


PATHS = [
    operation(param("a", "path"), param("b", "path"), path="/one/{a}/two/{b}/three"),
    operation(param("a", "path", style="label"), param("b", "path", style="matrix"), path="/one/{a}/two/{b}/three"),
    operation(param("a", "path"), param("b", "path"), path="/one/{a}.{b}/two/three/four"),
]
ELSEWHERE = operation(
    param("q", "query"), param("r", "query", allowReserved=True), param("H", "header"), param("c", "cookie"), path="/x"
)
NASTY = st.text(st.sampled_from("./\\%?#&=;,+ \r\n\x00é\ud8002eE5cC") | st.characters(), max_size=12)


@settings(max_examples=CASES, deadline=None)
@given(st.sampled_from(PATHS), NASTY, NASTY)
def test_a_value_of_a_path_stays_in_its_segment(called: Operation, a: str, b: str) -> None:
    """The path has the segments that it should have, its literal ones among them, however often it is decoded."""
    try:
        written = write_request(called, {"a": a, "b": b})
    except Unwritable:
        return
    segments = written.path.split("/")
    assert (len(segments), segments[1], segments[-1].isalpha()) == (6, "one", True)
    assert not any(unquote(segment) in ("", ".", "..") for segment in segments[1:])
    assert written.path.isascii()
    assert urlsplit(f"https://h{written.path}").path == written.path
    assert a in unquote(written.path)
    assert b in unquote(written.path)


@settings(max_examples=CASES, deadline=None)
@given(NASTY, NASTY, NASTY, NASTY)
def test_no_other_value_ends_its_place(q: str, r: str, header: str, cookie: str) -> None:
    try:
        written = write_request(ELSEWHERE, {"q": q, "r": r, "H": header, "c": cookie})
    except Unwritable:
        return
    assert [part.partition("=")[0] for part in written.query.split("&")] == ["q", "r"]
    assert [unquote(part.partition("=")[2]) for part in written.query.split("&")] == [q, r]
    assert written.query.isascii()
    assert "#" not in written.query
    assert dict(written.headers) == {"H": header}
    assert header.isprintable() or "\xad" in header or "\xa0" in header
    ((name, value),) = written.cookies
    assert (name, unquote(value)) == ("c", cookie)
    assert not set(value) & set('; ,"\\')
