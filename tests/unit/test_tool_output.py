"""What a tool returns becomes text for the model: readable, bounded, and cheap however much it is."""

import collections
import dataclasses
import datetime
import decimal
import enum
import itertools
import json
import os
import pathlib
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_serializer

from lightagent.application.tools.output import render_output
from lightagent.domain.errors import ToolError
from tests.support.costs import count_calls, most_memory

CASES = int(os.environ.get("TEST_CASES", "100"))
LIMIT = 65_536


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Mode(enum.StrEnum):
    ON = "on"


@dataclasses.dataclass
class Point:
    x: float
    when: datetime.date


class Item(BaseModel):
    name: str = Field(serialization_alias="Name")
    price: decimal.Decimal = decimal.Decimal("1.50")

    @field_serializer("name")
    def loudly(self, name: str) -> str:
        return name.upper()


class Said:
    def __str__(self) -> str:
        return "said"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "The tool finished and returned nothing."),
        ("", ""),
        ("text as it is\n", "text as it is\n"),
        (Mode.ON, "on"),
        (5, "5"),
        (True, "true"),
        (2.5, "2.5"),
        (float("nan"), "null"),
        (float("-inf"), "null"),
        (Level.HIGH, "2"),
        (Colour.RED, '"red"'),
        ({"a": [1, None, {"b": "ü"}]}, '{"a": [1, null, {"b": "ü"}]}'),
        ([float("nan"), "😀"], '[null, "😀"]'),
        ((1, "a"), '[1, "a"]'),
        ({3}, "[3]"),
        (collections.deque([1]), "[1]"),
        (range(3), "[0, 1, 2]"),
        (
            {1: "a", None: "b", False: "c", Colour.RED: "d", (1, 2): "e"},
            '{"1": "a", "null": "b", "false": "c", "red": "d", "(1, 2)": "e"}',
        ),
        (Point(1.5, datetime.date(2026, 1, 31)), '{"x": 1.5, "when": "2026-01-31"}'),
        ([Point(float("inf"), datetime.date(2026, 1, 31))], '[{"x": null, "when": "2026-01-31"}]'),
        (Item(name="tea"), '{"name": "TEA", "price": "1.50"}'),
        ({"items": [Item(name="tea")]}, '{"items": [{"name": "TEA", "price": "1.50"}]}'),
        (
            [uuid.UUID(int=1), pathlib.PurePosixPath("/a"), Said()],
            '["00000000-0000-0000-0000-000000000001", "/a", "said"]',
        ),
        ([b"abc"], '["(3 bytes of binary data)"]'),
        (Said(), "said"),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (ValueError("no"), "no"),
        ([10**5000 - 1][0:0], "[]"),
    ],
)
def test_each_value_has_its_text(value: object, text: str) -> None:
    assert render_output(value, LIMIT) == text


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_binary_data_is_refused(value: object) -> None:
    told = r"\[LA-TOOL\] The tool returned 3 bytes of binary data, which cannot be shown as text\."
    with pytest.raises(ToolError, match=told):
        render_output(value, LIMIT)


def test_lone_surrogates_are_replaced() -> None:
    assert render_output("a\ud800b", LIMIT) == "a�b"
    assert render_output({"\udfff": "\ud83d\ude00"}, LIMIT) == '{"�": "😀"}'


def test_a_cut_says_how_much_is_missing() -> None:
    assert render_output("abcdef", 6) == "abcdef"
    assert render_output("abcdef", 4) == "abcd\n[Cut after 4 characters; 2 more were left out.]"
    assert render_output([1, 2, 3], 4) == "[1, \n[Cut after 4 characters; 5 more were left out.]"
    assert render_output(Said(), 1) == "s\n[Cut after 1 characters; 3 more were left out.]"


def endless() -> Iterator[str]:
    return ("x" * 100 for _ in itertools.count())


class Endless(collections.UserList[str]):
    def __iter__(self) -> Iterator[str]:
        return endless()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 50_000_000, id="text"),
        pytest.param("ü" * 50_000_000, id="text not ascii"),
        pytest.param({"rows": ["x" * 50_000_000]}, id="one long text inside"),
        pytest.param([["row"] * 10] * 500_000, id="many rows"),
        pytest.param(dict.fromkeys(map(str, range(500_000)), Point(0, datetime.date(2026, 1, 31))), id="many objects"),
        pytest.param(range(10**12), id="a range"),
        pytest.param(Endless(), id="endless"),
    ],
)
def test_fifty_megabytes_cost_no_more_than_what_is_kept(value: object) -> None:
    text = render_output(value, LIMIT)
    assert count_calls(lambda: render_output(value, LIMIT)) < 20 * LIMIT
    assert most_memory(lambda: render_output(value, LIMIT)) < 150 * LIMIT < 50_000_000
    assert LIMIT < len(text) < LIMIT + 100
    assert text[LIMIT:].startswith("\n[Cut after 65,536 characters; ")


def test_what_has_no_end_in_itself_has_one_here() -> None:
    circle: list[object] = []
    circle.append(circle)
    assert "(nested too deep)" in render_output(circle, LIMIT)
    wide: list[object] = []
    wide.extend([wide] * 10)
    assert len(render_output(wide, LIMIT)) < LIMIT + 100


def test_a_number_that_python_will_not_write_is_written() -> None:
    assert render_output(2**20_000, LIMIT).startswith('"0x1000')
    assert render_output({"n": -(2**20_000)}, LIMIT).startswith('{"n": "-0x1000')


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=5)
    | st.dates()
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=CASES, deadline=None)
@given(values.filter(lambda value: not isinstance(value, bytes)), st.integers(1, 200))
def test_every_text_fits_and_can_be_sent(value: object, limit: int) -> None:
    text = render_output(value, limit)
    assert text.encode().decode() == text
    assert len(text) <= limit + 80
    if isinstance(value, list | dict) and len(text) <= limit:
        assert isinstance(json.loads(text), list | dict)
