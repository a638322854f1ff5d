"""The registry and dispatcher that programs of the 0.9 line know."""

import json

import pytest

from lightagent.application.tools.decorator import tool
from lightagent.application.tools.function_tool import FunctionTool, ToolOptions
from lightagent.application.tools.registry import AsyncToolDispatcher, ToolRegistry
from lightagent.domain.runs.signals import ApprovalRequired
from lightagent.ports.tools import RunContext


def get_weather(city: str) -> dict[str, str]:
    """Get the weather."""
    return {"city": city}


def add(x: int, y: int = 1) -> int:
    """Add."""
    return x + y


def legacy(order_id: str) -> str:
    return f"Order {order_id}"


legacy.__dict__["tool_info"] = {
    "tool_name": "legacy",
    "tool_description": "Get an order.",
    "tool_params": [{"name": "order_id", "description": "Order ID", "type": "string", "required": True}],
}


def broken() -> None:
    raise ValueError("no such thing")


def pay(amount: int) -> None:
    raise ApprovalRequired(f"{amount} is a lot")


@tool(requires_approval=True)
def delete() -> str:
    return "deleted"


def who(run: RunContext[None]) -> str:
    return f"{run.user_id!r} {run.deps}"


@pytest.fixture
def registry() -> ToolRegistry:
    registry = ToolRegistry()
    assert registry.register_tools([get_weather, add, legacy, broken, pay, delete, who])
    return registry


def test_tools_are_given_in_openai_form_as_a_copy(registry: ToolRegistry) -> None:
    tools = registry.get_tools()
    assert [one["function"]["name"] for one in tools if isinstance(one["function"], dict)] == list(registry.names)
    assert json.loads(registry.get_tools_str()) == tools
    for one in tools:
        one["function"] = None
        parameters = registry.get_tools()[0]["function"]
        assert isinstance(parameters, dict)
        parameters.clear()
    assert registry.get_tools() == json.loads(registry.get_tools_str())
    assert registry.get_tools()[0]["function"]


def test_a_name_stands_for_the_last_that_was_registered_under_it(registry: ToolRegistry) -> None:
    assert registry.register_tool(add)
    assert registry.register_tool(FunctionTool(add))
    assert registry.names.count("add") == 1
    assert registry.validate_tools() == []
    renamed = tool(name="add")(get_weather)
    assert registry.register_tool(renamed)
    assert registry.get_tool("add") is renamed
    assert registry.names.count("add") == 1
    assert registry.validate_tools() == [
        {
            "tool": "add",
            "level": "warning",
            "field": "tool_name",
            "message": "the tool name 'add' was registered 2 times with different tools; the last one holds.",
        }
    ]
    assert registry.get_tool("nothing") is None


def test_the_same_function_registered_with_other_options_has_those(registry: ToolRegistry) -> None:
    guarded = tool(requires_approval=True)(add)
    registry.register_tool(guarded)
    assert registry.get_tool("add") is guarded
    assert registry.validate_tools() == []


def test_what_is_registered_is_told_by_name(registry: ToolRegistry) -> None:
    assert list(registry.function_mappings) == list(registry.names)
    assert registry.function_mappings["add"] is add
    assert registry.function_mappings["delete"] is delete  # Its function alone would run without an approval.
    guarded: FunctionTool[None] = FunctionTool(legacy, ToolOptions(requires_approval=True))
    registry.register_tool(guarded)
    assert registry.function_mappings["legacy"] is guarded
    assert registry.function_info == {"legacy": legacy.__dict__["tool_info"]}


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ('{"tools": [{"name": "legacy"}, {"name": "add", "why": "sums"}]}', ["add", "legacy"]),
        ('{"tools": ["add", "unknown"]}', ["add"]),
        ('{"tools": [5, null, {}, {"name": "ADD"}, "ad"]}', []),
        ('{"tools": []}', []),
    ],
)
def test_the_models_choice_is_read(registry: ToolRegistry, chosen: str, names: list[str]) -> None:
    tools = registry.filter_tools(chosen)
    assert [one["function"]["name"] for one in tools if isinstance(one["function"], dict)] == names


@pytest.mark.parametrize("chosen", ["use add", "[]", "{}", '{"tools": "add"}', '{"tools": NaN}'])
def test_a_choice_that_cannot_be_read_is_refused(registry: ToolRegistry, chosen: str) -> None:
    with pytest.raises(ValueError, match=r"\[LA-CONFIG\] The choice of tools "):
        registry.filter_tools(chosen)


def test_declarations_are_validated(registry: ToolRegistry) -> None:
    assert registry.validate_tools() == []
    assert registry.validate_tool_info({})[0]["field"] == "tool_name"
    assert ToolRegistry.validate_tool_info(None)[0]["field"] == "tool_info"  # as every program of the 0.9 line does

    def untold(x: object) -> object:
        return x

    param = {"name": "x", "type": "int", "minimum": "a"}
    untold.__dict__["tool_info"] = {"tool_name": "untold", "tool_description": "", "tool_params": [param]}

    def odd(x: ToolRegistry) -> None: ...

    registry.register_tools([untold, odd])
    assert [(found["tool"], found["level"], found["field"]) for found in registry.validate_tools()] == [
        ("untold", "warning", "tool_description"),
        ("untold", "warning", "tool_params[0].description"),
        ("untold", "error", "parameters"),
        ("odd", "error", "parameters"),
    ]


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        ("get_weather", {"city": "Rome"}, '{"city": "Rome"}'),
        ("get_weather", '{"city": "Rome"}', '{"city": "Rome"}'),
        ("add", {"x": 1}, "2"),
        ("add", {"x": 1, "y": 2}, "3"),
        ("legacy", {"order_id": "7"}, "Order 7"),
        ("who", {}, "'' None"),
        ("who", "", "'' None"),
        (
            "add",
            {"x": "1"},
            '[LA-TOOL] The arguments do not fit: x: the string "1" was given, but it should be a valid integer.',
        ),
        ("add", {"x": float("nan")}, "[LA-TOOL] The arguments are not plain JSON"),
        ("add", {"x": {1}}, "[LA-TOOL] The arguments are not plain JSON"),
        ("add", "x=1", "[LA-JSON] The arguments are not JSON"),
        ("add", '{"x": 1, "x": 2}', "[LA-TOOL] The arguments hold the name 'x' twice"),
        ("broken", {}, "[LA-TOOL] broken failed: ValueError: no such thing"),
        ("ad", {}, "[LA-TOOL] There is no tool 'ad'. Did you mean 'add'? Tools: get_weather, add, legacy"),
        ("pay", {"amount": 5}, "[LA-TOOL] pay stopped to ask a human, which is not possible here: 5 is a lot"),
        ("delete", {}, "[LA-TOOL] delete runs only with a human's approval, which cannot be requested here."),
    ],
)
async def test_a_call_is_answered_in_text(
    registry: ToolRegistry, name: str, params: dict[str, object] | str, text: str
) -> None:
    answer = await AsyncToolDispatcher(registry).dispatch(name, params)
    assert answer.startswith(text)
    assert answer == text or answer.startswith("[LA-")
