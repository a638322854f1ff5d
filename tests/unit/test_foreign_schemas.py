"""Schemas of foreign tools: mended where a provider refuses them, beyond repair for a reason, else unchanged."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import JsonObject, JsonValue
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.domain.foreign_schemas import BeyondRepair, Mended, mend
from tests.servers.strict.schema_rules import schema_problems
from tests.support.foreign_tools import BEYOND_REPAIR, MENDABLE

REAL = Path(__file__).parent.parent / "functional" / "fixtures" / "real_tools.jsonl"


def mended(schema: JsonValue) -> Mended:
    found = mend(schema)
    assert isinstance(found, Mended), found
    return found


@pytest.mark.parametrize("name", MENDABLE)
def test_a_mended_schema_is_taken_and_mended_once(name: str) -> None:
    found = mended(MENDABLE[name])

    assert not [*schema_problems(found.schema)]
    assert mend(found.schema) == Mended(found.schema)


@pytest.mark.parametrize("name", BEYOND_REPAIR)
def test_what_is_beyond_repair_says_why(name: str) -> None:
    schema, reason = BEYOND_REPAIR[name]
    found = mend(schema)

    assert isinstance(found, BeyondRepair)
    assert found.reason.startswith(reason)


def test_most_of_these_schemas_would_be_refused_as_they_are() -> None:
    refused = [name for name, schema in MENDABLE.items() if [*schema_problems(schema)]]

    assert len(MENDABLE) >= 38
    assert len(refused) >= 24


def test_real_schemas_are_taken_and_hardly_changed() -> None:
    schemas: list[JsonObject] = [json.loads(line)["parameters"] for line in REAL.read_text("utf-8").splitlines()]
    changed = 0
    for schema in schemas:
        found = mended(schema)
        assert not [*schema_problems(found.schema)]
        changed += bool(found.notes)

    assert changed <= len(schemas) // 100


def test_a_schema_that_is_sound_stays_as_it_is() -> None:
    schema: JsonObject = {
        "type": "object",
        "title": "Search",
        "properties": {
            "query": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$", "description": "what for"},
            "limit": {"type": ["integer", "null"], "minimum": 1, "default": 10},
            "sort": {"oneOf": [{"type": "string", "enum": ["up", "down"]}, {"type": "null"}]},
            "where": {"$ref": "#/$defs/Place", "description": "the place"},
        },
        "required": ["query"],
        "additionalProperties": False,
        "$defs": {"Place": {"type": "object", "properties": {"within": {"$ref": "#/$defs/Place"}}}},
    }

    assert mend(schema) == Mended(schema)


def test_variants_at_the_top_become_one_object_with_what_all_require() -> None:
    found = mended(MENDABLE["a root of discriminated variants"])

    assert found.schema == {
        "type": "object",
        "properties": {
            "kind": {"enum": ["file", "url"]},
            "file": {"type": "string"},
            "url": {"type": "string"},
        },
        "required": ["kind"],
    }
    assert "root oneOf flattened" in found.notes


def test_all_of_several_at_the_top_requires_what_any_requires() -> None:
    schema = mended(MENDABLE["a root of several references"]).schema

    assert schema["required"] == ["a"]
    assert schema["properties"] == {"a": {"type": "string"}, "b": {"type": "string"}}
    assert "$defs" not in schema


def test_a_property_that_variants_share_takes_what_either_takes() -> None:
    schema = mended(MENDABLE["variants that share a property"]).schema

    assert schema["properties"] == {"v": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}}


def test_every_way_to_refer_comes_to_a_definition() -> None:
    by_id = mended(MENDABLE["a reference by $id"]).schema
    by_pointer = mended(MENDABLE["a reference into properties"]).schema

    assert by_id["$defs"] == {"A": {"type": "string"}, "item.json": {"type": "integer"}}
    assert by_pointer["$defs"] == {"a": {"type": "string"}}


def test_an_optional_property_that_cannot_be_said_is_left_out_by_name() -> None:
    found = mended(MENDABLE["an optional property that cannot be said"])

    assert found.schema["properties"] == {"top": {"type": "integer"}}
    assert found.notes == ("property '$filter' left out: providers refuse its name",)


def nested(levels: int) -> JsonObject:
    schema: JsonObject = {"type": "object", "properties": {}}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_reaches_no_request(odd: float) -> None:
    properties: JsonObject = {
        "limits": {"type": "number", "minimum": odd, "maximum": 5, "multipleOf": odd},
        "choice": {"enum": [odd, 1, [odd]]},
        "no_choice": {"const": odd, "type": "number"},
        "default": {"type": "object", "default": {"deep": [odd]}},
        "zero": {"type": "number", "multipleOf": 0},
    }
    mended = mend({"type": "object", "properties": properties})

    assert isinstance(mended, Mended)
    assert mended.schema["properties"] == {
        "limits": {"type": "number", "maximum": 5},
        "choice": {"enum": [1]},
        "no_choice": {"type": "number"},
        "default": {"type": "object"},
        "zero": {"type": "number"},
    }
    check = foreign_check("t", {"type": "object", "properties": properties})
    assert check({"limits": 4, "choice": 1, "zero": 3})


def test_too_deep_and_too_large_is_beyond_repair() -> None:
    deep = mend(nested(100_000))
    large = mend({"type": "object", "properties": {f"p{place}": {"type": "string"} for place in range(2_000)}})

    assert deep == BeyondRepair("it is nested more than 60 levels deep")
    assert isinstance(large, BeyondRepair)
    assert "30,000 are the most" in large.reason


def test_a_net_of_references_at_the_top_costs_no_more_than_its_size() -> None:
    net: JsonObject = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schema: JsonObject = {"$ref": "#/$defs/a0", "$defs": {**net, "a40": {"type": "object", "properties": {"x": True}}}}

    assert mended(schema).schema == {"type": "object", "properties": {"x": {}}}


words = st.sampled_from(
    [
        *("type", "properties", "items", "$ref", "anyOf", "allOf", "oneOf", "enum", "const", "required", "$defs"),
        *("pattern", "additionalProperties", "nullable", "definitions", "prefixItems", "minimum", "default", "a", "b"),
    ]
)
values = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from(
        ["object", "array", "string", "str", "#/$defs/a", "#/definitions/b", "#", "#/properties/a", "(?=x)", "a"]
    )
)
schemas = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4))


@settings(max_examples=150)
@given(schemas)
def test_every_declaration_is_mended_or_beyond_repair_for_a_reason(schema: JsonValue) -> None:
    found = mend(schema)

    if isinstance(found, Mended):
        assert not [*schema_problems(found.schema)]
        assert mend(found.schema) == Mended(found.schema)
