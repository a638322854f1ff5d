"""Documents whose schemas are many, or refer to each other: what they cost has a bound."""

from __future__ import annotations

import json
from threading import get_ident

import pytest

from lightagent.application.openapi.shortened_schema import shortened_schema
from lightagent.application.tool_sources import openapi_tool
from lightagent.application.tools.arguments import Check
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.application.tools.invoke import call_alone
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall
from lightagent.domain.openapi import Operation, RefusedOperation, read_document, read_operations
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.http import HttpSender
from lightagent.ports.tools import RunContext

CONTEXT: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", False, lambda _text: None, lambda: False)
ENTITIES = 60
PROPERTIES: JsonObject = {f"text_{number}": {"type": "string", "description": "What it is."} for number in range(20)}


def entities(prefix: str, each: int) -> JsonObject:
    """Schemas as APIs of customers and orders have them: each refers to some of the others."""
    return {
        f"Entity{one}": {
            "type": "object",
            "properties": {
                **PROPERTIES,
                **{f"to_{other}": {"$ref": f"{prefix}Entity{(one * 7 + other) % ENTITIES}"} for other in range(each)},
            },
        }
        for one in range(ENTITIES)
    }


def test_what_refers_to_each_other_is_not_written_out_without_end() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"body": {"$ref": "#/$defs/Entity0"}},
        "$defs": entities("#/$defs/", 5),
    }
    assert shortened_schema(schema, 8) is None
    shown = shortened_schema(schema, 4)
    assert shown is not None
    assert len(json.dumps(shown)) < 100_000


async def test_an_operation_on_such_entities_is_shown_as_deep_as_it_fits() -> None:
    body: JsonObject = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Entity0"}}}}
    source = openapi_tools(
        {
            "openapi": "3.0.3",
            "info": {"title": "Entities", "version": "1"},
            "servers": [{"url": "https://entities.example"}],
            "paths": {"/entities": {"post": {"operationId": "make", "requestBody": body}}},
            "components": {"schemas": entities("#/components/schemas/", 20)},
        },
        methods=["*"],
    )
    [tool] = (await source.tools()).tools.values()
    shown = json.dumps(tool.spec.parameters)
    assert "text_19" in shown
    assert "to_19" in shown
    assert len(shown) <= 30_000


def read(schemas: JsonObject, **bodies: str) -> dict[str, Operation | RefusedOperation]:
    """Operations by their ids, each of which has the schema of that name as its body."""
    paths: JsonObject = {}
    for name, body in bodies.items():
        schema: JsonObject = {"$ref": f"#/components/schemas/{body}"}
        content: JsonObject = {"content": {"application/json": {"schema": schema}}}
        paths[f"/{name}"] = {"post": {"operationId": name, "requestBody": content}}
    document = read_document({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}})
    return {one.name: one for one in read_operations(document, lambda _sketch: True)}


def test_a_schema_of_many_operations_is_read_once() -> None:
    found = read(entities("#/components/schemas/", 5), one="Entity0", two="Entity1")
    one, two = found["one"], found["two"]
    assert isinstance(one, Operation)
    assert isinstance(two, Operation)
    assert len(one.definitions) == len(two.definitions) == ENTITIES
    assert all(two.definitions[name] is schema for name, schema in one.definitions.items())


def test_a_shared_schema_that_is_broken_costs_those_that_refer_to_it() -> None:
    schemas: JsonObject = {
        "Good": {"type": "string"},
        "Broken": {"$ref": "#/components/schemas/Missing"},
        "Uses": {
            "properties": {"a": {"$ref": "#/components/schemas/Broken"}, "b": {"$ref": "#/components/schemas/Good"}}
        },
    }
    found = read(schemas, uses="Uses", again="Uses", broken="Broken", good="Good")
    assert [isinstance(one, Operation) for one in found.values()] == [False, False, False, True]
    for name in ("uses", "again", "broken"):
        refused = found[name]
        assert isinstance(refused, RefusedOperation)
        assert "is not there: #/components/schemas/Missing" in refused.reason


def test_an_operation_refers_to_a_bounded_number_of_schemas() -> None:
    chain: JsonObject = {
        f"Link{one}": {"properties": {"next": {"$ref": f"#/components/schemas/Link{one + 1}"}}} for one in range(6_000)
    }
    found = read({**chain, "Link6000": {}}, long="Link0", short="Link2000")
    refused = found["long"]
    assert isinstance(refused, RefusedOperation)
    assert refused.reason == "it refers to 6,001 schemas; 5,000 are the most"
    assert isinstance(found["short"], Operation)


def test_what_only_an_answer_has_is_required_by_no_part_of_a_schema() -> None:
    pet: JsonObject = {
        "type": "object",
        "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}},
    }
    new: JsonObject = {
        "allOf": [{"$ref": "#/components/schemas/Pet"}, {"required": ["id", "name"]}, {"required": ["id"]}],
        "required": ["id"],
    }
    found = read({"Pet": pet, "New": new}, make="New")["make"]
    assert isinstance(found, Operation)
    assert found.definitions["New"] == {"allOf": [{"$ref": "#/$defs/Pet"}, {"required": ["name"]}, {}]}
    assert found.definitions["Pet"] == {"type": "object", "properties": {"name": {"type": "string"}}}


async def test_arguments_that_take_long_to_check_are_checked_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain: JsonObject = {
        f"Link{one}": {"properties": {"next": {"$ref": f"#/components/schemas/Link{one + 1}"}}} for one in range(300)
    }
    threads: list[int] = []

    class Sender(HttpSender):
        async def send(self, call: HttpCall) -> HttpAnswer:
            return HttpAnswer(200, "text/plain", content=b"made")

    body: JsonObject = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Link0"}}}}
    source = openapi_tools(
        {
            "openapi": "3.1.0",
            "paths": {"/links": {"post": {"operationId": "make", "requestBody": body}}},
            "components": {"schemas": {**chain, "Link300": {"type": "object"}}},
        },
        server="https://links.example",
        methods=["*"],
        sender=Sender(),
    )
    [tool] = (await source.tools()).tools.values()

    def watched(name: str, schema: JsonValue, shown: JsonObject | None = None) -> Check:
        threads.append(get_ident())
        return foreign_check(name, schema, shown)

    monkeypatch.setattr(openapi_tool, "foreign_check", watched)
    nested: JsonObject = {"next": {"next": {"next": 5}}}
    assert await call_alone(tool, "make", {"body": nested}, CONTEXT) == "made"
    with pytest.raises(ToolError, match="do not fit"):
        await call_alone(tool, "make", {"other": nested}, CONTEXT)
    assert len(threads) == 1
    assert get_ident() not in threads
