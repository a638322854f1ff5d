"""What an MCP server returns, as the model reads it; and what of a tool's declaration it is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent import JsonObject, ToolError
from lightagent.domain.foreign_schemas import BeyondRepair
from lightagent.domain.mcp.declarations import definition_hash, mcp_tool_spec
from lightagent.domain.mcp.results import result_text
from lightagent.domain.mcp.servers import (
    EmbeddedResource,
    HttpServer,
    McpPart,
    McpResult,
    McpTool,
    MediaPart,
    ResourceLink,
    StdioServer,
    TextPart,
)
from lightagent.domain.tools.spec import ToolSpec

TOOL = McpTool("gh", "repos.create", "Create a repository.", {"type": "object"}, "Create", {"readOnlyHint": False})


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (TextPart("two\nlines"), "two\nlines"),
        (MediaPart("image", "aGVsbG8=", "image/png"), "[image, image/png, 5 bytes]"),
        (MediaPart("audio", "aGVsbG8h"), "[audio, 6 bytes]"),
        (ResourceLink("file:///a"), "[resource file:///a]"),
        (
            ResourceLink("file:///a", "a", "The A", "of the alphabet", "text/plain", 1_234),
            "[resource file:///a (The A, text/plain, 1,234 bytes)] - of the alphabet",
        ),
        (EmbeddedResource("file:///a", "text/plain", "within"), "[resource file:///a]\nwithin"),
        (EmbeddedResource("file:///a", "image/png", data="aGVsbG8="), "[resource file:///a, image/png, 5 bytes]"),
    ],
)
def test_each_kind_of_part_is_told_in_text(part: McpPart, text: str) -> None:
    assert result_text("t", McpResult((part,))) == text
    assert result_text("t", McpResult((TextPart("first"), part))) == f"first\n{text}"


def test_structured_content_follows_unless_a_text_is_the_same() -> None:
    value: JsonObject = {"sum": 3}

    assert result_text("t", McpResult((), value)) == '{"sum": 3}'
    assert result_text("t", McpResult((TextPart("It is 3."),), value)) == 'It is 3.\n{"sum": 3}'
    assert result_text("t", McpResult((TextPart('{ "sum":3 }'),), value)) == '{ "sum":3 }'
    assert result_text("t", McpResult((TextPart("3"),), {"result": 3})) == "3"
    assert result_text("t", McpResult((TextPart("three"),), {"result": "three"})) == "three"
    assert result_text("t", McpResult((TextPart("true"),), {"result": 1})) == 'true\n{"result": 1}'
    assert result_text("t", McpResult((TextPart("[" * 100_000),), value)) == "[" * 100_000 + '\n{"sum": 3}'


def test_a_result_without_anything_is_none_and_an_error_says_why() -> None:
    assert result_text("t", McpResult()) is None
    with pytest.raises(ToolError, match=r"^\[LA-TOOL\] t failed: no such file$"):
        result_text("t", McpResult((TextPart("no such file"),), is_error=True))
    with pytest.raises(ToolError, match="does not say why"):
        result_text("t", McpResult(is_error=True))


def test_a_tool_is_shown_with_a_name_a_description_and_a_schema_that_providers_take() -> None:
    spec = mcp_tool_spec(replace(TOOL, description="x" * 5_000, schema=None), timeout=5)

    assert isinstance(spec, ToolSpec)
    assert spec.name == "gh__repos_create_d397e6a6"
    assert spec.parameters == {"type": "object", "properties": {}}
    assert len(spec.description) == 1_024
    assert spec.description.endswith(" […]")
    assert (spec.title, spec.timeout, spec.idempotent) == ("Create", 5, False)
    assert (spec.provider, spec.trusted_output, spec.has_outside_effects) == ("mcp:gh", False, False)


def test_a_name_that_had_to_go_is_told_in_the_description() -> None:
    named = mcp_tool_spec(replace(TOOL, name="读取文件", description="Reads a file."))
    bare = mcp_tool_spec(replace(TOOL, description="", title="Make one"))

    assert isinstance(named, ToolSpec)
    assert named.description == "读取文件: Reads a file."
    assert isinstance(bare, ToolSpec)
    assert bare.description == "Make one"


def test_a_tool_beyond_repair_has_no_declaration() -> None:
    assert mcp_tool_spec(replace(TOOL, schema={"type": "array"})) == BeyondRepair("its top is not an object, but array")


def test_the_hash_changes_with_each_part_of_the_declaration_and_with_nothing_else() -> None:
    first = definition_hash(TOOL)
    schema: JsonObject = {"properties": {"b": {"type": "string"}, "a": {}}, "type": "object"}
    turned: JsonObject = {"type": "object", "properties": {"a": {}, "b": {"type": "string"}}}

    assert len(first) == 64
    assert definition_hash(replace(TOOL, server="other")) == first
    assert definition_hash(replace(TOOL, schema=schema)) == definition_hash(replace(TOOL, schema=turned))
    changed = [
        replace(TOOL, name="repos.delete"),
        replace(TOOL, title="Delete"),
        replace(TOOL, description="Create a repository!"),
        replace(TOOL, schema={"type": "object", "description": "\ud800"}),
        replace(TOOL, annotations={"readOnlyHint": True}),
    ]
    assert len({first, *map(definition_hash, changed)}) == 6


def test_a_server_shows_no_environment_and_no_headers() -> None:
    shown = repr(
        (StdioServer("npx", env={"KEY": "s3cret"}), HttpServer("https://x/?key=s3cret", headers={"A": "s3cret"}))
    )

    assert "s3cret" not in shown
