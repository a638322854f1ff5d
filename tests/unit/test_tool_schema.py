"""A typed function's parameters: what the model is shown, what is accepted, and the words for what is not."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import os
from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import Doc, TypedDict

from lightagent.application.tools.function_tool import as_tool
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.json_types import JsonObject, JsonValue

CASES = int(os.environ.get("TEST_CASES", "100"))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Item(BaseModel):
    """Something to buy."""

    name: str
    count: int = 1


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Options(TypedDict, total=False):
    loud: bool


def even(value: int) -> int:
    if value % 2:
        raise ValueError("odd numbers bring bad luck")
    return {2: value}[value]


class Tree(BaseModel):
    children: list[Tree] = []


def get_weather(city: str, days: int = 3) -> str:
    """Get the weather.

    Args:
        city: The city.
        days: How many days.
    """
    return f"{city} {days}"


def parameters(function: Callable[..., object]) -> JsonObject:
    return as_tool(function).spec.parameters


def properties(function: Callable[..., object]) -> JsonObject:
    found = parameters(function)["properties"]
    assert isinstance(found, dict)
    return found


def refusal(function: Callable[..., object], arguments: JsonObject) -> str:
    with pytest.raises(ToolError) as caught:
        as_tool(function).check(arguments)
    assert caught.value.code == "LA-TOOL"
    assert len(str(caught.value).encode()) <= 2048
    return str(caught.value)


def test_the_schema_is_plain_and_described() -> None:
    spec = as_tool(get_weather).spec
    assert (spec.name, spec.description) == ("get_weather", "Get the weather.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city."},
            "days": {"type": "integer", "default": 3, "description": "How many days."},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters_or_docstring_is_a_tool() -> None:
    def turn_off_lights() -> None: ...

    tool = as_tool(turn_off_lights)
    assert tool.spec.description == "Turn off lights."
    assert tool.spec.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert tool.check({}) == {}
    assert "'x' is unknown. The tool takes no arguments." in refusal(turn_off_lights, {"x": 1})


def test_what_is_used_once_is_shown_where_it_is_used() -> None:
    def paint(colour: Colour, other: Colour, item: Item, tree: Tree, point: Point | None = None) -> None: ...

    found = parameters(paint)
    colour: JsonObject = {"enum": ["red", "blue"], "type": "string"}
    assert properties(paint)["colour"] == properties(paint)["other"] == colour
    assert properties(paint)["item"] == {
        "type": "object",
        "description": "Something to buy.",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert properties(paint)["tree"] == {"$ref": "#/$defs/Tree"}
    definitions = found["$defs"]
    assert isinstance(definitions, dict)
    assert list(definitions) == ["Tree"]
    assert "title" not in json.dumps(found)


def test_a_parameter_may_have_any_name() -> None:
    def odd(json: int, copy: int, title: str, model_config: int, _hidden: int = 0, schema: int = 1) -> None: ...

    arguments: JsonObject = {"json": 1, "copy": 2, "title": "t", "model_config": 3, "_hidden": 4}
    assert as_tool(odd).check(arguments) == arguments
    assert list(properties(odd)) == ["json", "copy", "title", "model_config", "_hidden", "schema"]
    assert properties(odd)["title"] == {"type": "string"}


def test_annotations_of_the_author_win() -> None:
    def order(count: Annotated[int, Field(ge=1, le=9, description="Its own words.")] = 1) -> None:
        """Order.

        Args:
            count: From the docstring.
        """

    assert properties(order)["count"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 1,
        "description": "Its own words.",
    }
    assert "count: the number 10 was given, but it should be less than or equal to 9." in refusal(order, {"count": 10})


def test_defaults_are_the_functions_own() -> None:
    secret = object()

    def search(query: str, tags: tuple[str, ...] = (), limit: int | None = None, marker: str = "m") -> object:
        return query, tags, limit, marker, secret

    assert as_tool(search).check({"query": "x"}) == {"query": "x"}
    assert as_tool(search).check({"query": "x", "limit": None}) == {"query": "x", "limit": None}
    assert properties(search)["tags"] == {"type": "array", "items": {"type": "string"}, "default": []}
    assert "default" not in json.dumps(properties(search)["limit"])


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (int, 5, 5),
        (float, 5, 5.0),
        (str, "5", "5"),
        (bool, True, True),
        (tuple[int, ...], [1, 2], (1, 2)),
        (set[str], ["a"], {"a"}),
        (datetime.date, "2026-01-31", datetime.date(2026, 1, 31)),
        (datetime.datetime, "2026-01-31T10:00:00Z", datetime.datetime(2026, 1, 31, 10, tzinfo=datetime.UTC)),
        (Colour, "red", Colour.RED),
        (Level, 2, Level.HIGH),
        (Literal["a", 1], 1, 1),
        (Item, {"name": "n"}, Item(name="n")),
        (Point, {"x": 1}, Point(1)),
        (Options, {"loud": True}, {"loud": True}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (int | None, None, None),
        (JsonValue, [{"a": None}], [{"a": None}]),
        (object, {"any": 1}, {"any": 1}),
        (Open, {"name": "n", "more": 1}, Open.model_validate({"name": "n", "more": 1})),
    ],
)
def test_json_is_accepted_for_what_it_stands_for(hint: object, value: JsonValue, expected: object) -> None:
    def take(x: object) -> None: ...

    take.__annotations__["x"] = hint
    assert as_tool(take).check({"x": value}) == {"x": expected}


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        (int, "5", 'x: the string "5" was given, but it should be a valid integer.'),
        (int, True, "x: true was given, but it should be a valid integer."),
        (int, 5.0, "x: the number 5.0 was given, but it should be a valid integer."),
        (int, None, "x: null was given, but it should be a valid integer."),
        (float, "NaN", 'x: the string "NaN" was given, but it should be a valid number.'),
        (float, True, "x: true was given, but it should be a valid number."),
        (float, 10**400, "it should be a finite number."),
        (str, 5, "x: the number 5 was given, but it should be a valid string."),
        (bool, 1, "x: the number 1 was given, but it should be a valid boolean."),
        (bool, "true", "it should be a valid boolean."),
        (list[int], "1", "it should be a valid array"),
        (list[int], [1, "2"], 'x[1]: the string "2" was given, but it should be a valid integer.'),
        (int | str, [], "x: the list [] was given, but it should be a valid integer or a valid string."),
        (Colour, "green", "x: the string \"green\" was given, but it should be 'red' or 'blue'."),
        (Literal[1, 2], True, "x: true was given, but it should be an integer."),
        (Level, True, "x: true was given, but it should be an integer."),
        (Item, {}, "'x.name' is missing."),
        (Item, {"name": "n", "counts": 1}, "'counts' is unknown in x."),
        (list[Item], [{"name": "n"}, {"name": 1}], "x[1].name: the number 1 was given"),
        (Point, {"x": 1, "z": 2}, "'z' is unknown in x."),
        (Options, {"loud": True, "quiet": True}, "'quiet' is unknown in x."),
        (datetime.date, "tomorrow", 'x: the string "tomorrow" was given, but it should be a valid date'),
        (Annotated[str, AfterValidator(str.encode)], 1, "it should be a valid string"),
    ],
)
def test_anything_else_is_refused_precisely(hint: object, value: JsonValue, told: str) -> None:
    def take(x: object) -> None: ...

    take.__annotations__["x"] = hint
    assert told in refusal(take, {"x": value})


def test_names_are_named() -> None:
    told = refusal(get_weather, {"citty": "Rome"})
    assert told == (
        "[LA-TOOL] The arguments do not fit: 'city' is missing (string); 'citty' is unknown (did you mean 'city'?). "
        "It takes 'city' (required), 'days'."
    )


def test_many_or_long_mistakes_make_a_short_text() -> None:
    assert "; and 42 more." in refusal(get_weather, {f"name{number}": number for number in range(60)})
    refusal(get_weather, {"city": ["ü" * 100_000], "x" * 100_000: 1})


def test_a_validator_that_speaks_is_heard_and_one_that_breaks_is_survived() -> None:
    def take(x: Annotated[int, AfterValidator(even)]) -> None: ...

    assert "x: the number 1 was given, but it was refused: Value error, odd numbers bring bad luck." in refusal(
        take, {"x": 1}
    )
    assert "The arguments could not be checked: KeyError: 4" in refusal(take, {"x": 4})


class Unfit:
    pass


def test_types_that_no_json_fits_are_refused_by_name() -> None:
    def take(a: int, b: Unfit) -> None: ...

    with pytest.raises(
        ConfigurationError, match=r"'take': parameter 'b' is of a type that cannot come from JSON: .*Unfit"
    ):
        parameters(take)


def test_types_without_a_schema_are_refused() -> None:
    def take(a: Callable[[], int]) -> None: ...

    with pytest.raises(ConfigurationError, match="'take': its parameters have no JSON schema"):
        parameters(take)


def test_a_field_as_default_is_refused() -> None:
    def take(a: int = Field(1, ge=1)) -> None: ...

    with pytest.raises(ConfigurationError, match=r"write Annotated\[type, Field\(...\)\] = default"):
        parameters(take)


def test_an_annotation_that_names_nothing_is_refused() -> None:
    def take(a: int) -> None: ...

    take.__annotations__["a"] = "list[Nowhere]"
    with pytest.raises(
        ConfigurationError, match=r"the annotation 'list\[Nowhere\]' of 'a' cannot be resolved .*Nowhere"
    ):
        parameters(take)


def test_a_return_type_that_names_nothing_does_not_matter() -> None:
    def take(a: int) -> None: ...

    take.__annotations__["return"] = "Nowhere"
    assert as_tool(take).check({"a": 1}) == {"a": 1}


def test_a_local_type_is_found_where_the_function_uses_it() -> None:
    class Local(BaseModel):
        x: int

    def take(a: Local) -> object:
        return Local(x=a.x)

    assert as_tool(take).check({"a": {"x": 1}}) == {"a": Local(x=1)}


def forecast(city: str, days: int = 1, items: list[Item | None] | float = 0.0) -> None: ...


everything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
names = st.sampled_from(["city", "days", "ctiy", "items", ""]) | st.text(max_size=5)


@settings(max_examples=CASES, deadline=None)
@given(st.dictionaries(names, everything, max_size=5))
def test_whatever_is_sent_is_checked_or_refused(arguments: JsonObject) -> None:
    try:
        checked = as_tool(forecast).check(arguments)
    except ToolError:
        assert refusal(forecast, arguments)
    else:
        assert isinstance(checked["city"], str)
        assert type(checked.get("days", 1)) is int
        assert checked.keys() == arguments.keys()


def test_annotations_say_what_a_parameter_means() -> None:
    def order(
        item: Annotated[str, "What to order."],
        size: Annotated[int, Doc("How large."), "not this"],
        note: Annotated[str, "A note."] | None = None,
        color: Annotated[str, Field(description="By pydantic."), "not this"] = "red",
        plain: str = "",
    ) -> str:
        """Order.

        Args:
            item: not this
            plain: By the docstring.
        """
        return item + str(size) + str(note) + color + plain

    properties = as_tool(order).spec.parameters["properties"]
    assert isinstance(properties, dict)
    shown = {name: one.get("description") for name, one in properties.items() if isinstance(one, dict)}
    assert shown == {
        "item": "What to order.",
        "size": "How large.",
        "note": "A note.",
        "color": "By pydantic.",
        "plain": "By the docstring.",
    }


class Address(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    zip_code: str
    floor: int = 0


def test_what_a_parameter_declares_lenient_is_lenient() -> None:
    def send(count: Annotated[int, Field(strict=False)], to: Address, exact: int = 0) -> str:
        return f"{count} {to.zip_code} {exact}"

    tool = as_tool(send)
    checked = tool.check({"count": "3", "to": {"zip_code": 123}})
    assert checked == {"count": 3, "to": Address(zip_code="123")}
    for exact, floor in (("1", 2), (1, "2")):
        with pytest.raises(ToolError, match="valid integer"):
            tool.check({"count": 1, "to": {"zip_code": "1", "floor": floor}, "exact": exact})
