"""Documents whose schemas are many, or refer to each other: what they cost has a bound."""

from __future__ import annotations

import json

from lightagent.application.openapi.shortened_schema import shortened_schema
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.json_types import JsonObject

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
