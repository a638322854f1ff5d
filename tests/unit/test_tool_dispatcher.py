"""The dispatcher as the 0.9 line makes it: from functions by name, and descriptions by name or in a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import pytest

from lightagent import AsyncToolDispatcher, RunContext, ToolRegistry, tool
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject

NAMESPACE: dict[str, Callable[..., object]] = {}
# As programs of the 0.9 line declare it: without a type. Here the type checker would refuse that.
exec("def add(a, b=1):\n    return a + b\n", NAMESPACE)
add = NAMESPACE["add"]


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


async def later(x: int) -> int:
    return x


def who(context: RunContext[None], x: int) -> str:
    return f"{context.user_id!r} {x}"


@tool(requires_approval=True)
def delete() -> str:
    return "deleted"


PARAMS = [
    {"name": "a", "description": "First number", "type": "number", "required": True},
    {"name": "b", "description": "Second number", "type": "number", "required": True},
]
INFO = {"tool_name": "add", "tool_description": "Add two numbers.", "tool_params": PARAMS}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"type": "number", "maximum": 9}},
    "required": ["a", "b"],
}
FUNCTION: JsonObject = {"name": "add", "description": "Add two numbers.", "parameters": SCHEMA}
OPENAI: JsonObject = {"type": "function", "function": FUNCTION}


@pytest.mark.parametrize(
    "infos",
    [{"add": INFO}, [INFO], {"add": OPENAI}, [OPENAI], {"add": FUNCTION}, [{"type": "function", **FUNCTION}]],
    ids=["info by name", "infos", "openai by name", "openai", "function by name", "responses form"],
)
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"a": 1, "b": 2.5}, "3.5"),
        ('{"a": 1, "b": 2}', "3"),
        ({"a": 1}, "[LA-TOOL] The arguments do not fit: 'b' is missing"),
        ({"a": "1", "b": 2}, '[LA-TOOL] The arguments do not fit: a: the string "1" was given'),
        ({"a": None, "b": 2}, "[LA-TOOL] The arguments do not fit: a: null was given"),
        ("a=1", "[LA-JSON] "),
    ],
)
async def test_a_description_is_what_arguments_are_checked_by(
    infos: Mapping[str, object] | Iterable[object], params: dict[str, object] | str, text: str
) -> None:
    assert (await AsyncToolDispatcher({"add": add}, infos).dispatch("add", params)).startswith(text)


async def test_a_schema_has_all_its_say() -> None:
    answer = await AsyncToolDispatcher({"add": add}, [OPENAI]).dispatch("add", {"a": 1, "b": 10})
    assert answer.startswith("[LA-TOOL] The arguments do not fit: b: the number 10 was given, but 10 is greater than")


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        ("double", {"x": 2}, "4"),
        ("double", {"x": "2"}, "[LA-TOOL] The arguments do not fit: x: "),
        ("later", {"x": 2}, "2"),
        ("add", {"a": 1}, "2"),  # Nothing is known of it, so nothing is checked.
        ("add", {"a": "x", "b": "y"}, "xy"),
        ("add", {"c": 1}, "[LA-TOOL] add failed: TypeError: "),
        ("add5", {"a": 1}, "6"),
        ("who", {"x": 1}, "'' 1"),
        ("delete", {}, "[LA-TOOL] delete runs only with a human's approval"),
        ("nothing", {}, "[LA-TOOL] There is no tool 'nothing'. Tools: double, later, add, add5, who, delete."),
    ],
)
async def test_without_a_description_the_functions_own_declaration_holds(
    name: str, params: dict[str, object], text: str
) -> None:
    known: dict[str, Callable[..., object]] = {
        "double": double,
        "later": later,
        "add": add,
        "add5": partial(add, b=5),
        "who": who,
        "delete": delete,
    }
    assert (await AsyncToolDispatcher(known).dispatch(name, params)).startswith(text)


async def test_a_registrys_functions_and_infos_make_a_dispatcher() -> None:
    registry = ToolRegistry()
    add.__dict__["tool_info"] = INFO
    try:
        registry.register_tools([add, double, delete])
        for dispatcher in (
            AsyncToolDispatcher(registry),
            AsyncToolDispatcher(registry.function_mappings, registry.function_info),
            AsyncToolDispatcher(function_mappings=registry.function_mappings, function_info=registry.get_tools()),
        ):
            assert await dispatcher.dispatch("add", {"a": 1, "b": 2}) == "3"
            assert await dispatcher.dispatch("double", {"x": 1}) == "2"
            assert (await dispatcher.dispatch("add", {"a": 1})).startswith("[LA-TOOL] The arguments do not fit: 'b' is")
            assert (await dispatcher.dispatch("delete", {})).startswith("[LA-TOOL] delete runs only with a human's")
    finally:
        del add.__dict__["tool_info"]


async def test_functions_may_be_added_and_replaced_later() -> None:
    functions: dict[str, Callable[..., object]] = {}
    dispatcher = AsyncToolDispatcher(functions)
    assert (await dispatcher.dispatch("f", {"x": 2})).startswith("[LA-TOOL] There is no tool 'f'. Tools: none.")
    functions["f"] = double
    assert await dispatcher.dispatch("f", {"x": 2}) == "4"
    functions["f"] = later
    assert await dispatcher.dispatch("f", {"x": 2}) == "2"
    assert (await AsyncToolDispatcher().dispatch("f", {})).startswith("[LA-TOOL] There is no tool")


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({**INFO, "tool_params": [{"name": "a", "type": "thing"}]}, "[LA-CONFIG] The tool_info of 'add' is wrong."),
        ({**INFO, "tool_params": [{**PARAMS[0], "name": "z"}]}, "[LA-CONFIG] Tool 'add': tool_info declares z, which"),
        ({"name": "add", "parameters": {"type": "thing"}}, "[LA-CONFIG] Tool 'add': its schema is wrong"),
        ({"name": "add", "parameters": []}, "[LA-CONFIG] The schema of the tool 'add' must be an object."),
        ({"name": "add", "parameters": {"x": {1}}}, "[LA-CONFIG] The schema of the tool 'add' is not plain JSON"),
        ("add", "[LA-CONFIG] The tool_info of 'add' is wrong."),
    ],
)
async def test_a_wrong_description_is_told(info: object, text: str) -> None:
    assert (await AsyncToolDispatcher({"add": add}, {"add": info}).dispatch("add", {})).startswith(text)


@pytest.mark.parametrize("infos", [[{}], [5], [{"function": {}}], "ab"])
def test_a_list_of_descriptions_without_names_is_refused(infos: Iterable[object]) -> None:
    with pytest.raises(ConfigurationError, match="A description of a tool has its name in it"):
        AsyncToolDispatcher({"add": add}, infos)
