"""Lists and results of servers with wrong fields: what is right of them reaches the SDK, and nothing else does."""

from __future__ import annotations

import pytest

pytest.importorskip("mcp", reason="the environment of openai 2 has no mcp")

from mcp_types import methods

from lightagent.adapters.mcp.sdk.entries import SCHEMA_KEY, tidy_result
from lightagent.domain.json_types import JsonObject, JsonValue

VERSIONS = ("2025-11-25", "2026-07-28")
PLAIN: JsonObject = {"type": "object"}
WRONG: list[JsonValue] = [None, 5, "x", [], ["x"], {"x": 1}, True]


def tidied(method: str, result: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The result once it is tidied; both eras of the SDK take it."""
    tidy_result(result)
    for version in VERSIONS:
        era: JsonObject = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if version > "2026" else {}
        methods.validate_server_result(method, version, {**result, **era})
    return result


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(
    "field", ["title", "description", "annotations", "outputSchema", "icons", "execution", "_meta", "inputSchema"]
)
def test_a_wrong_field_costs_no_tool(field: str, wrong: JsonValue) -> None:
    good: JsonObject = {"name": "good", "inputSchema": PLAIN}
    listed = tidied("tools/list", {"tools": [{"name": "odd", "inputSchema": PLAIN, field: wrong}, good]})["tools"]
    assert isinstance(listed, list)
    assert [tool["name"] for tool in listed if isinstance(tool, dict)] == ["odd", "good"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"a": 5}},
        {"type": "object", "required": "a"},
        {"type": "object", "$schema": 5},
        {"anyOf": [PLAIN]},
    ],
)
def test_a_schema_that_the_sdk_would_refuse_goes_along_beside_the_tool(schema: JsonObject) -> None:
    (tool,) = _objects(tidied("tools/list", {"tools": [{"name": "odd", "inputSchema": schema}]})["tools"])
    assert tool["_meta"] == {SCHEMA_KEY: schema}


def test_hints_of_their_type_stay_and_schemas_of_results_do_not() -> None:
    hints: JsonObject = {"readOnlyHint": True, "destructiveHint": "maybe", "title": "T", "more": 1}
    declared: JsonObject = {"name": "t", "inputSchema": PLAIN, "outputSchema": PLAIN, "annotations": hints}
    (tool,) = _objects(tidied("tools/list", {"tools": [declared]})["tools"])
    assert tool == {"name": "t", "inputSchema": PLAIN, "annotations": {"readOnlyHint": True, "title": "T"}}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", ["name", "title", "description", "mimeType", "size", "annotations", "icons", "_meta"])
def test_a_wrong_field_costs_no_resource(field: str, wrong: JsonValue) -> None:
    found = tidied("resources/list", {"resources": [{"uri": "note://1", "name": "n", field: wrong}, {"name": "none"}]})
    assert [one["uri"] for one in _objects(found["resources"])] == ["note://1"]
    template: JsonObject = {"uriTemplate": "{n}", "name": "n", field: wrong}
    found = tidied("resources/templates/list", {"resourceTemplates": [template]})
    assert len(_objects(found["resourceTemplates"])) == 1


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_field_costs_no_prompt(wrong: JsonValue) -> None:
    given: list[JsonValue] = [{"name": "p", "arguments": wrong}, {"name": "q", "arguments": [wrong, {"name": "a"}]}]
    assert len(_objects(tidied("prompts/list", {"prompts": given})["prompts"])) == 2


@pytest.mark.parametrize(
    ("part", "tidy"),
    [
        ({"type": "text", "text": "t", "annotations": 5}, {"type": "text", "text": "t"}),
        ({"type": "image", "data": "x"}, {"type": "image", "data": "x", "mimeType": "application/octet-stream"}),
        ({"type": "resource_link", "uri": "u", "size": "1"}, {"type": "resource_link", "uri": "u", "name": "u"}),
        (
            {"type": "resource", "resource": {"uri": "u", "text": "t", "_meta": 5}},
            {"type": "resource", "resource": {"uri": "u", "text": "t"}},
        ),
        ({"type": "hologram", "x": 1}, {"type": "text", "text": '{"type": "hologram", "x": 1}'}),
        ({"type": "text", "text": 5}, {"type": "text", "text": '{"type": "text", "text": 5}'}),
        ({"type": ["text"]}, {"type": "text", "text": '{"type": ["text"]}'}),
        ("said", {"type": "text", "text": "said"}),
    ],
)
def test_a_wrong_part_of_a_result_is_read_as_text(part: JsonValue, tidy: JsonObject) -> None:
    assert tidied("tools/call", {"content": [part]})["content"] == [tidy]


@pytest.mark.parametrize(
    ("content", "parts"), [("said", [{"type": "text", "text": "said"}]), (None, []), ([], []), (..., [])]
)
def test_a_result_without_a_list_of_parts_has_one(content: object, parts: list[JsonValue]) -> None:
    given: dict[str, JsonValue] = {"structuredContent": {"a": 1}}
    if content is None or isinstance(content, str | list):
        given["content"] = content
    assert tidied("tools/call", given)["content"] == parts


def _objects(listed: JsonValue) -> list[JsonObject]:
    assert isinstance(listed, list)
    return [one for one in listed if isinstance(one, dict)]
