"""A model that calls a tool which does not exist is told so in few words, however many tools there are."""

from __future__ import annotations

import time

import pytest

from lightagent.application.tools.arguments import unknown_tool
from lightagent.application.tools.registry import AsyncToolDispatcher, ToolRegistry


def numbered(count: int) -> list[str]:
    return [f"look_up_the_record_of_a_customer_{number:07}" for number in range(count)]


@pytest.mark.parametrize(
    ("name", "names", "text"),
    [
        ("ad", ["get_weather", "add"], "There is no tool 'ad'. Did you mean 'add'? Tools: get_weather, add."),
        ("get-weather", ["add", "get_weather"], "'get-weather'. Did you mean 'get_weather'? Tools: add, get_weather."),
        ("fly", ["add"], "There is no tool 'fly'. Tools: add."),
        ("fly", [], "There is no tool 'fly'. Tools: none."),
        ("", ["add"], "There is no tool ''. Tools: add."),
        ("a", ["b", "ab"], "There is no tool 'a'. Did you mean 'ab'? Tools: b, ab."),
        ("fly", [f"t{n}" for n in range(20)], f"Tools: {', '.join(f't{n}' for n in range(20))}."),
        ("fly", [f"t{n}" for n in range(21)], f"Tools: {', '.join(f't{n}' for n in range(20))} and 1 more."),
        ("fly", numbered(10_000), "customer_0000019 and 9,980 more."),
        (
            "look_up_the_record_of_a_custmer_0009876",
            numbered(10_000),
            "Did you mean 'look_up_the_record_of_a_customer_0009876'? Tools: look_up",
        ),
    ],
)
def test_the_text_names_what_was_meant_and_what_there_is(name: str, names: list[str], text: str) -> None:
    error = unknown_tool(name, names)
    assert (error.code, error.guidance) == ("LA-TOOL", "")
    assert text in str(error)


@pytest.mark.parametrize("name", ["x", "x" * 1_000_000, "é" * 1_000_000, "\U0001f600" * 1_000_000, "\ud800" * 1_000])
@pytest.mark.parametrize("known", ["x" * 64, "y" * 10_000, "é" * 10_000])
def test_the_text_stays_below_two_kilobytes(name: str, known: str) -> None:
    text = str(unknown_tool(name, [f"{known}{number}" for number in range(1_000)]))
    assert len(text.encode()) < 2_048
    assert text.startswith("[LA-TOOL] There is no tool '")


def seconds(names: list[str]) -> float:
    """Of CPU, in the best of a few rounds."""
    found = []
    for _ in range(3):
        began = time.process_time()
        unknown_tool("look_up_the_record_of_a_customer_x", names)
        found.append(time.process_time() - began)
    return min(found)


def test_the_work_does_not_grow_with_the_tools() -> None:
    """Ten thousand names are looked at and a hundred compared; all of them would be forty times as many."""
    assert seconds(numbered(400_000)) < 8 * seconds(numbered(10_000))


async def test_the_dispatcher_says_it() -> None:
    registry = ToolRegistry()

    def add(x: int) -> int:
        """Add."""
        return x

    registry.register_tool(add)
    answer = await AsyncToolDispatcher(registry).dispatch("a" * 1_000_000, {})
    assert answer == f"[LA-TOOL] There is no tool '{'a' * 79}…'. Tools: add."
