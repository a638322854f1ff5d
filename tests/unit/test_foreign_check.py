"""Arguments against schemas of strangers: as the author meant them, and at a cost that has a bound."""

from __future__ import annotations

import pytest

from lightagent import ConfigurationError, JsonObject, JsonValue, ToolError
from lightagent.application.tools import bounded_rules
from lightagent.application.tools.foreign_check import foreign_check, foreign_finder
from tests.support.foreign_tools import MENDABLE


def schema(**properties: JsonValue) -> JsonObject:
    return {"type": "object", "properties": properties}


def refusal(declared: JsonValue, arguments: JsonObject) -> str:
    with pytest.raises(ToolError) as raised:
        foreign_check("t", declared)(arguments)
    return raised.value.message


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (schema(a={"type": "integer", "minimum": 1, "exclusiveMinimum": True}), 2, 1),
        (schema(a={"type": "array", "items": [{"type": "string"}, {"type": "number"}]}), ["x", 1], ["x", "y"]),
        (schema(a={"type": "array", "prefixItems": [{"type": "string"}]}), ["x", 1], [1]),
        (schema(a={"not": {"type": "string"}}), 1, "x"),
        (schema(a={"type": "string", "pattern": "^a+$"}), "aa", "ab"),
        (schema(a={"type": "str"}), "x", 1),
        (schema(a={"type": "integer"}), 5, 5.0),
        (schema(a={"type": "string", "nullable": True}), "x", 1),
        ({**schema(a={"$ref": "#/definitions/A"}), "definitions": {"A": {"type": "string"}}}, "x", 1),
        (schema(a={"const": "x"}), "x", "y"),
        (
            {**schema(a=True, b=True), "if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}},
            2,
            1,
        ),
    ],
)
def test_arguments_are_checked_as_the_schema_was_written(declared: JsonObject, good: JsonValue, bad: JsonValue) -> None:
    check = foreign_check("t", declared)

    assert check({"a": good}) == {"a": good}
    with pytest.raises(ToolError):
        check({"a": bad})


def test_what_the_model_is_shown_may_be_wider_than_what_is_taken() -> None:
    check = foreign_check("t", MENDABLE["a root of discriminated variants"])

    assert check({"kind": "file", "file": "a"})
    with pytest.raises(ToolError):
        check({"kind": "file", "url": "a"})


@pytest.mark.parametrize("name", MENDABLE)
def test_every_schema_that_can_be_mended_can_be_asked(name: str) -> None:
    problems = ""
    try:
        foreign_check("t", MENDABLE[name])({})
    except ToolError as refused:
        problems = refused.message

    assert "could not be checked" not in problems


def test_a_schema_beyond_repair_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="'t' cannot be used: its top is not an object"):
        foreign_check("t", {"type": "array"})


def test_a_pattern_takes_no_more_than_linear_time() -> None:
    text = refusal(schema(a={"type": "string", "pattern": "^(a+)+$"}), {"a": "a" * 5_000 + "!"})

    assert "it should match '^(a+)+$'" in text
    assert foreign_check("t", {"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": False})(
        {"a" * 5_000 + "!": 1}
    )


def test_a_pattern_that_cannot_be_matched_so_is_left_to_the_server() -> None:
    assert foreign_check("t", schema(a={"pattern": "^(?!x)"}))({"a": "x"})
    assert foreign_check("t", schema(a={"pattern": "("}))({"a": "x"})


def test_a_net_of_references_is_given_up() -> None:
    net: JsonObject = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)}
    declared: JsonObject = {**schema(a={"$ref": "#/$defs/a0"}), "$defs": {**net, "a30": {"type": "integer"}}}

    assert "more than 10,000 references" in refusal(declared, {"a": "x"})
    assert foreign_check("t", declared)({"a": 1})


def test_nothing_is_fetched() -> None:
    declared = schema(a={"$dynamicRef": "http://127.0.0.1:9/schema"})

    assert foreign_check("t", declared)({"a": 1})
    with pytest.raises(ConfigurationError, match="outside of itself"):
        foreign_check("t", schema(a={"$ref": "http://127.0.0.1:9/schema"}))
    with pytest.raises(ConfigurationError, match="outside of itself"):
        foreign_check("t", {**schema(), "$defs": {"unused": {"$ref": "http://x/y"}}, "allOf": [{"$ref": "file:///x"}]})


def test_long_lists_are_compared_without_comparing_all_with_all() -> None:
    objects: list[JsonValue] = [{"id": number, "tags": [str(number)]} for number in range(20_000)]
    unique = foreign_finder({"type": "array", "uniqueItems": True})

    assert unique(objects) == ""
    assert unique([*objects, {"tags": ["7"], "id": 7.0}]) == "the whole: it has the same item more than once"
    assert unique([1, True, "1", [1], {"1": 1}, None, "", [], {}, 1.5]) == ""
    names: list[JsonValue] = [f"value-{number}" for number in range(20_000)]
    listed = foreign_finder({"type": "array", "items": {"enum": names}})
    assert listed(names) == ""
    assert '[0]: the string "x" is none of its 20,000 values' in listed(["x"])
    assert foreign_finder({"enum": [1, False]})(1.0) == ""
    assert foreign_finder({"enum": [1, False]})(0)


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (
            {"items": {"anyOf": [*({"required": [f"a{n}"], "type": "object"} for n in range(500)), {}]}},
            [*range(10_000)],
        ),
        (
            {"properties": {f"a{n}": {} for n in range(10)}, "unevaluatedProperties": False},
            {f"a{n}": 1 for n in range(50_000)},
        ),
    ],
)
def test_what_has_no_end_is_given_up(declared: JsonObject, value: JsonValue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_rules, "MOST_STEPS", 20_000)
    assert foreign_finder(declared)(value) == ""
