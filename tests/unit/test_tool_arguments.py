"""What a model sends as arguments is read strictly; whatever it sends, the run survives."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.application.tools.arguments import MOST_CHARACTERS, dump_arguments, parse_arguments
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue

# TEST_CASES=10000 for a release.
CASES = int(os.environ.get("TEST_CASES", "100"))

scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
objects: st.SearchStrategy[JsonObject] = st.dictionaries(texts, values, max_size=5)
# Text that is nearly JSON, where mistakes hide.
tokens = st.sampled_from(
    [*'{}[],:"\\', "null", "true", "NaN", "1e999", "-0", "\\ud800", "\\u0000", '"a"', '"a":', " ", "9" * 5000]
)
nearly = st.lists(tokens | texts, max_size=30).map("".join)


def refusal(text: str) -> ToolError:
    with pytest.raises(ToolError) as caught:
        parse_arguments(text)
    assert len(str(caught.value).encode()) <= 2048
    assert str(caught.value).startswith(f"[{caught.value.code}] ")
    return caught.value


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_is_no_arguments(text: str) -> None:
    assert parse_arguments(text) == {}


def test_an_object_is_read_as_it_is() -> None:
    text = '{"a": [1, -2.5, true, null, {"b": "\\u00e9\\ud83d\\ude00"}], "c": "grüße 😀"}'
    assert parse_arguments(text) == {"a": [1, -2.5, True, None, {"b": "é😀"}], "c": "grüße 😀"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("amount: 5, to: rm -rf", "[LA-JSON] The arguments are not JSON: Expecting value at line 1, column 1"),
        ('{"a": 1,}', "at line 1, column "),
        ('{"a": 1} {}', "Extra data at line 1, column 10"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes"),
        ('{"a": "line\nbreak"}', "Invalid control character at line 1, column 12"),
        ('{"a": NaN}', "[LA-JSON] The arguments hold NaN, which is not JSON; send a finite number or null."),
        ('{"a": Infinity}', "hold Infinity"),
        ('{"a": [-Infinity]}', "hold -Infinity"),
        ("﻿{}", "Expecting value at line 1, column 1"),
    ],
)
def test_what_is_no_json_is_refused_as_such(text: str, told: str) -> None:
    error = refusal(text)
    assert error.code == "LA-JSON"
    assert told in str(error)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1,2]", "must be a JSON object, but are the list [1, 2]. Send one JSON object"),
        ('"x"', 'but are the string "x".'),
        ("5", "but are the number 5."),
        ('{"a": 1, "b": 2, "a": 3}', "[LA-TOOL] The arguments hold the name 'a' twice in one object; send it once."),
        ('{"x": [{"a": 1, "a": 1}]}', "the name 'a' twice"),
        ('{"a": 1e999}', "hold the number 1e999, which is too large."),
        ('{"a": -1e999}', "hold the number -1e999, which is too large."),
        (f'{{"a": {"9" * 5000}}}', "hold an integer of 5,000 digits; at most 1,000 are accepted."),
        (f'{{"a": -{"9" * 4000}}}', "hold an integer of 4,001 digits"),
        ('{"a": "\\ud800"}', "hold the lone surrogate \\ud800; send whole characters."),
        ('{"\\udfff": 1}', "the lone surrogate \\udfff"),
        ('{"a": "\ud800"}', "the lone surrogate \\ud800"),
        ('{"a": ' + "[" * 64 + "]" * 64 + "}", "nested more than 64 levels deep"),
        ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested more than 64 levels deep"),
        ("[" * 200_000, "nested more than 64 levels deep"),
        ('{"a":' * 100_000, "nested more than 64 levels deep"),
        (" " * (MOST_CHARACTERS + 1), "1,000,001 characters long; at most 1,000,000 are accepted"),
    ],
)
def test_what_is_json_but_unfit_is_refused_precisely(text: str, told: str) -> None:
    error = refusal(text)
    assert error.code == "LA-TOOL"
    assert told in str(error)


def test_the_limits_themselves_are_accepted() -> None:
    assert parse_arguments('{"a": ' + "[" * 63 + "]" * 63 + "}")
    assert parse_arguments(f'{{"a": {"9" * 1000}}}') == {"a": 10**1000 - 1}
    wide = json.dumps({"a": [[] for _ in range(1000)]})
    assert parse_arguments(wide) == json.loads(wide)
    assert parse_arguments("{" + " " * (MOST_CHARACTERS - 2) + "}") == {}


def test_a_long_name_or_text_does_not_lengthen_the_refusal() -> None:
    name = "ü" * 100_000
    assert "…' twice" in str(refusal(f'{{"{name}": 1, "{name}": 2}}'))
    refusal(json.dumps("x" * 900_000))
    refusal('{"a": ' + "x" * 900_000)


@settings(max_examples=CASES)
@given(objects)
def test_every_object_comes_back(value: JsonObject) -> None:
    assert parse_arguments(json.dumps(value)) == value
    assert parse_arguments(json.dumps(value, ensure_ascii=False)) == value
    assert parse_arguments(dump_arguments(value)) == value


@settings(max_examples=CASES)
@given(st.text() | nearly)
def test_whatever_is_sent_is_read_or_refused(text: str) -> None:
    try:
        read = parse_arguments(text)
    except ToolError:
        assert refusal(text).code in ("LA-TOOL", "LA-JSON")
    else:
        assert isinstance(read, dict)


def cyclic() -> JsonObject:
    value: JsonObject = {}
    value["me"] = value
    return value


@pytest.mark.parametrize(
    "arguments", [{"a": float("nan")}, {"a": float("inf")}, {"a": {1, 2}}, {"a": 10**5000}, {"a": b"x"}, cyclic()]
)
def test_values_that_are_no_json_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ToolError, match=r"\[LA-TOOL\] The arguments are not plain JSON: \w+Error: "):
        dump_arguments(arguments)
