"""The older declaration, `tool_info`: what it means, what is wrong with it, and how its arguments are checked."""

import functools
import os
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.tool_info import ToolProblem, validate_tool_info
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.tools import RunContext

CASES = int(os.environ.get("TEST_CASES", "100"))

Param = dict[str, object]


def with_info(function: Callable[..., object], *params: Param, **texts: object) -> Callable[..., object]:
    info = {"tool_name": "order", "tool_description": "Order things.", "tool_params": list(params), **texts}
    function.__dict__["tool_info"] = info
    return function


def of_type(kind: object, **more: object) -> Callable[..., object]:
    return with_info(lambda x: x, {"name": "x", "description": "What.", "type": kind, "required": True, **more})


def refusal(function: Callable[..., object], arguments: JsonObject) -> str:
    with pytest.raises(ToolError) as caught:
        as_tool(function).check(arguments)
    assert caught.value.code == "LA-TOOL"
    assert len(str(caught.value).encode()) <= 2048
    return str(caught.value)


def order_status(order_id: str) -> str:
    return f"Order {order_id} is being processed."


def test_the_0_9_lines_own_example_works() -> None:
    tool = as_tool(
        with_info(
            order_status,
            {"name": "order_id", "description": "Order ID", "type": "string", "required": True},
            tool_name="get_order_status",
            tool_title="Order status",
            tool_description="Get the status of an order.",
        )
    )
    assert tool.spec.to_openai() == {
        "type": "function",
        "function": {
            "name": "get_order_status",
            "description": "Get the status of an order.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string", "description": "Order ID"}},
                "required": ["order_id"],
                "additionalProperties": False,
            },
        },
    }
    assert tool.spec.title == "Order status"
    assert tool.check({"order_id": "7"}) == {"order_id": "7"}


@pytest.mark.parametrize(
    ("kind", "good", "bad", "wanted"),
    [
        ("string", "5", 5, "a string"),
        ("str", "5", None, "a string"),
        ("integer", 5, True, "an integer"),
        ("int", 5, 5.0, "an integer"),
        ("number", 5, True, "a number"),
        ("float", 5.5, "5.5", "a number"),
        ("boolean", True, 1, "a boolean"),
        ("bool", False, "false", "a boolean"),
        ("array", [1, "a"], {}, "an array"),
        ("list", [], "a", "an array"),
        ("object", {"a": 1}, [], "an object"),
        ("dict", {}, "{}", "an object"),
        (["string", "null"], None, 5, "a string or null"),
        (["int", "str"], 5, None, "an integer or a string"),
    ],
)
def test_each_type_takes_its_own_and_nothing_else(kind: object, good: JsonValue, bad: JsonValue, wanted: str) -> None:
    function = of_type(kind)
    assert as_tool(function).check({"x": good}) == {"x": good}
    assert f" was given, but it should be {wanted}." in refusal(function, {"x": bad})


@pytest.mark.parametrize(
    ("more", "value", "told"),
    [
        ({"enum": ["a", "b"]}, "c", 'x: the string "c" was given, but it should be one of: "a", "b".'),
        ({"maxLength": 2}, "abc", "x: the string \"abc\" was given, but 'abc' is too long."),
        ({"pattern": "^[0-9]+$"}, "abc", "does not match '^[0-9]+$'"),
    ],
)
def test_other_keys_pass_into_the_schema(more: Param, value: str, told: str) -> None:
    assert told in refusal(of_type("string", **more), {"x": value})


def test_items_and_properties_are_checked_too() -> None:
    of_items = of_type("array", items={"type": "integer", "minimum": 1})
    assert "x[1]: the number 0 was given, but 0 is less than the minimum of 1" in refusal(of_items, {"x": [1, 0]})
    of_object = of_type("object", properties={"a": {"type": "integer"}}, required=["a"], additionalProperties=False)
    assert "'x.a' is missing; 'b' is unknown in x" in refusal(of_object, {"x": {"b": 1}})
    assert as_tool(of_object).spec.parameters["required"] == ["x"]


def test_an_array_without_items_gets_a_schema_of_any_items() -> None:
    assert as_tool(of_type("list")).spec.parameters["properties"] == {
        "x": {"type": "array", "description": "What.", "items": {}}
    }


def test_missing_and_unknown_names_are_reported_with_the_nearest_one() -> None:
    told = refusal(with_info(order_status, {"name": "order_id", "type": "str", "description": "d"}), {"order": "7"})
    assert told == (
        "[LA-TOOL] The arguments do not fit: 'order_id' is missing; 'order' is unknown (did you mean 'order_id'?). "
        "It takes 'order_id' (required)."
    )


def test_each_mistake_is_reported_once() -> None:
    told = refusal(of_type("integer", minimum=5, enum=[5, 6]), {"x": "4"})
    assert told.count("was given") == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), pytest.param(10**5000, id="huge")])
def test_values_that_are_not_json_are_refused(value: JsonValue) -> None:
    assert "are not plain JSON" in refusal(of_type("number"), {"x": value})


def test_what_the_function_needs_is_required_whatever_is_declared() -> None:
    def order(a: str, b: str, c: int = 1, d: int = 2) -> object:
        return a, b, c, d

    declared = with_info(
        order,
        {"name": "a", "type": "str", "description": "a", "required": False},
        {"name": "b", "type": "str", "description": "b"},
        {"name": "c", "type": "int", "description": "c", "required": True},
        {"name": "d", "type": "int", "description": "d"},
    )
    assert as_tool(declared).spec.parameters["required"] == ["a", "b", "c"]
    assert as_tool(declared).check({"a": "", "b": "", "c": 1}) == {"a": "", "b": "", "c": 1}


def test_a_bound_argument_is_not_a_parameter() -> None:
    def order(thing: str, key: str) -> str:
        return thing + key

    param: Param = {"type": "str", "description": "d", "required": True}
    declared = with_info(order, {"name": "thing", **param}, {"name": "key", **param})
    bound = functools.partial(declared, key="secret")
    parameters = as_tool(bound).spec.parameters
    assert parameters["properties"] == {"thing": {"type": "string", "description": "d"}}
    assert parameters["required"] == ["thing"]


def test_the_context_is_not_a_parameter() -> None:
    def order(thing: str, run: RunContext[None]) -> str:
        return thing + run.user_id

    declared = with_info(order, {"name": "thing", "type": "str", "description": "d", "required": True})
    assert as_tool(declared).spec.parameters["required"] == ["thing"]


def test_a_change_of_tool_info_is_seen() -> None:
    as_tool(with_info(order_status, {"name": "order_id", "type": "str", "description": "d"}, tool_name="one"))
    changed = with_info(order_status, {"name": "order_id", "type": "str", "description": "d"}, tool_name="two")
    assert as_tool(changed).spec.name == "two"


def test_what_is_declared_must_fit_the_function() -> None:
    with pytest.raises(ConfigurationError, match="tool_info declares y, which the function lacks"):
        as_tool(with_info(lambda x: x, {"name": "y", "type": "str", "description": "d"}))
    undeclared = as_tool(with_info(lambda x, z: x, {"name": "x", "type": "str", "description": "d"}))
    with pytest.raises(ConfigurationError, match="the function needs z, which tool_info lacks"):
        undeclared.check({"x": ""})
    anything = as_tool(with_info(lambda **named: named, {"name": "y", "type": "str", "description": "d"}))
    assert anything.check({"y": ""}) == {"y": ""}


def test_an_invalid_schema_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"'order': its schema is wrong at properties\.x\.minimum: 'a' is not"):
        as_tool(of_type("integer", minimum="a")).check({"x": 1})


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/schema.json", "file:///etc/passwd", "other.json"])
def test_nothing_is_fetched_for_a_schema(reference: str) -> None:
    with pytest.raises(ConfigurationError, match=r"its schema refers to '.*'; only # works"):
        as_tool(of_type("object", properties={"a": {"$ref": reference}})).check({"x": {"a": 1}})


def test_a_reference_that_cannot_be_resolved_fails_the_call_only() -> None:
    told = refusal(of_type("object", properties={"a": {"$ref": "#/$defs/nowhere"}}), {"x": {"a": 1}})
    assert "The arguments could not be checked: " in told


GOOD: Param = {"name": "x", "description": "d", "type": "str", "required": True}


@pytest.mark.parametrize(
    ("changes", "level", "field", "message"),
    [
        ({"tool_name": None}, "error", "tool_name", "tool_name must be text."),
        (
            {"tool_name": "my tool"},
            "error",
            "tool_name",
            "tool_name must be 1 to 64 of a-z, A-Z, 0-9, _ and -; 'my tool'",
        ),
        ({"tool_name": "x" * 65}, "error", "tool_name", "tool_name must be 1 to 64"),
        ({"tool_name": "x\n"}, "error", "tool_name", "tool_name must be 1 to 64"),
        ({"tool_description": None}, "error", "tool_description", "tool_description must be text"),
        ({"tool_description": " "}, "warning", "tool_description", "tool_description is empty"),
        ({"tool_title": 5}, "error", "tool_title", "tool_title must be text."),
        ({"tool_params": None}, "warning", "tool_params", "taken to have no parameters"),
        ({"tool_params": {}}, "error", "tool_params", "must be a list of dicts."),
        (
            {"tool_params": ["x"]},
            "error",
            "tool_params[0]",
            "must be a dict with name, description, type and required.",
        ),
        ({"tool_params": [{**GOOD, "name": ""}]}, "error", "tool_params[0].name", "name must be text."),
        ({"tool_params": [GOOD, GOOD]}, "error", "tool_params[1].name", "there are two parameters 'x'."),
        ({"tool_params": [{**GOOD, "type": "text"}]}, "error", "tool_params[0].type", "'text' is not."),
        ({"tool_params": [{"name": "x", "description": "d"}]}, "error", "tool_params[0].type", "None is not."),
        ({"tool_params": [{**GOOD, "type": "null"}]}, "error", "tool_params[0].type", "'null' is not."),
        ({"tool_params": [{**GOOD, "type": [["str"]]}]}, "error", "tool_params[0].type", "['str'] is not."),
        ({"tool_params": [{**GOOD, "description": 5}]}, "error", "tool_params[0].description", "must be text."),
        ({"tool_params": [{**GOOD, "description": ""}]}, "warning", "tool_params[0].description", "is missing"),
        ({"tool_params": [{**GOOD, "required": "yes"}]}, "error", "tool_params[0].required", "'yes' is neither."),
        ({"tool_params": [{**GOOD, "default": {1, 2}}]}, "error", "tool_params[0]", "must be plain JSON"),
    ],
)
def test_each_mistake_is_found_and_placed(changes: Param, level: str, field: str, message: str) -> None:
    info = {"tool_name": "order", "tool_description": "Order.", "tool_params": [GOOD], **changes}
    (found,) = validate_tool_info(info)
    assert (found["level"], found["field"]) == (level, field)
    assert message in found["message"]
    assert found["tool"] == (info["tool_name"] or "")
    if level == "error":
        function = with_info(lambda x: x)
        function.__dict__["tool_info"] = info
        with pytest.raises(ConfigurationError, match=r"The tool_info of '<lambda>' is wrong\. "):
            as_tool(function)


@pytest.mark.parametrize("info", [None, 5, "text", ["tool_name"], {1: 2}])
def test_a_tool_info_that_is_not_a_dict_is_refused(info: object) -> None:
    expected = ToolProblem(tool="", level="error", field="tool_info", message="tool_info must be a dict.")
    assert validate_tool_info(info) == [expected]


def test_a_sound_tool_info_has_no_problems() -> None:
    assert validate_tool_info({"tool_name": "a-B_9", "tool_description": "d", "tool_params": [GOOD]}) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["str", "int", "object"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
params = st.dictionaries(st.sampled_from(["name", "type", "description", "required", "enum"]), anything, max_size=5)
infos = st.dictionaries(
    st.sampled_from(["tool_name", "tool_description", "tool_params", "tool_title"]),
    anything | st.lists(params),
    max_size=4,
)


@settings(max_examples=CASES)
@given(anything | infos)
def test_any_value_is_checked_as_a_tool_info_without_an_exception(info: object) -> None:
    for found in validate_tool_info(info):
        assert found["message"]


@settings(max_examples=CASES, deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "y"]) | st.text(max_size=3), anything, max_size=4))
def test_whatever_is_sent_is_checked_or_refused(arguments: JsonObject) -> None:
    try:
        checked = as_tool(STRICT).check(arguments)
    except ToolError:
        assert refusal(STRICT, arguments)
    else:
        assert checked == arguments
        assert type(arguments["x"]) is int


STRICT = of_type("int")
