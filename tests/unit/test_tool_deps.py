"""A tool's context names the dependencies it needs: an agent that cannot give them is refused, not run with None."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Generic, Protocol, TypeAlias, TypeVar

import pytest

from lightagent import ConfigurationError, LightAgent, RunContext, tool
from lightagent.application.tools.function_tool import as_tool
from lightagent.testing import ScriptedModel, call_tool

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")


class Stocked(Protocol):
    stock: int


@dataclass
class Shop:
    stock: int = 7


class Corner(Shop):
    pass


class Shelf(Generic[T]):
    pass


ShopContext: TypeAlias = RunContext[Shop]


def buy(ctx: RunContext[Shop], item: str) -> str:
    """Buy an item."""
    return f"{item}: {ctx.deps.stock}"


def buy_annotated(item: str, ctx: Annotated[RunContext[Shop] | None, "here"] = None) -> str:
    """Buy an item."""
    return item


def buy_from_protocol(ctx: RunContext[Stocked]) -> int:
    """Buy."""
    return ctx.deps.stock


def buy_from_shelf(ctx: RunContext[Shelf[int]]) -> str:
    """Buy."""
    return "bought"


def weigh(ctx: RunContext[float]) -> float:
    """Weigh."""
    return ctx.deps


def legacy(ctx: RunContext[Shop], item: str) -> str:
    return item


vars(legacy)["tool_info"] = {
    "tool_name": "legacy",
    "tool_description": "Buy.",
    "tool_params": [{"name": "item", "type": "string"}],
}


def bare(ctx: RunContext) -> str:
    """Needs nothing."""
    return "fine"


def nothing(ctx: RunContext[None]) -> str:
    """Needs nothing."""
    return "fine"


def anything(ctx: RunContext[object]) -> str:
    """Needs nothing."""
    return "fine"


def generic(ctx: RunContext[T]) -> str:
    """Needs nothing."""
    return "fine"


def perhaps(ctx: RunContext[Shop | None]) -> str:
    """Needs nothing."""
    return "fine"


def later(ctx: RunContext[Unborn]) -> str:
    """Needs what is defined further down."""
    return str(ctx.deps)


EARLY = LightAgent(model=ScriptedModel([call_tool("later"), "done"]), tools=[as_tool(later)])


class Unborn:
    pass


def unseen(ctx: RunContext[Decimal]) -> str:
    """Needs what only type checkers know."""
    return str(ctx.deps)


def named(ctx: ShopContext) -> str:
    """Names its context otherwise."""
    return str(ctx.deps)


def model(name: str) -> ScriptedModel:
    return ScriptedModel([call_tool(name), "done"])


NEEDY: dict[str, Callable[..., object]] = {
    "buy": buy,
    "buy_annotated": buy_annotated,
    "buy_as_tool": tool(name="buy_as_tool", timeout=5)(buy),
    "legacy": legacy,
}


@pytest.mark.parametrize(("name", "function"), NEEDY.items(), ids=NEEDY.keys())
def test_an_agent_without_dependencies_refuses_a_tool_that_needs_some(
    name: str, function: Callable[..., object]
) -> None:
    told = rf"^\[LA-CONFIG\] tool '{name}' needs deps of type Shop: pass deps_type=Shop\.$"
    with pytest.raises(ConfigurationError, match=told):
        LightAgent(model=model(name), tools=[function])
    with pytest.raises(ConfigurationError, match=told):
        LightAgent(model=model(name), tools=[function], deps_type=Shelf)
    with pytest.raises(ConfigurationError, match=told):
        LightAgent(model=model(name)).run("?", tools=[function])
    LightAgent(model=model(name), tools=[function], deps_type=Shop)
    LightAgent(model=model(name), tools=[function], deps_type=Corner)
    LightAgent(model=model(name), tools=[function], deps_type=Stocked)


@pytest.mark.parametrize(("function", "wanted"), [(buy_from_protocol, "Stocked"), (buy_from_shelf, ".*Shelf.int.")])
def test_a_type_that_is_not_a_plain_class_needs_dependencies(function: Callable[..., object], wanted: str) -> None:
    with pytest.raises(ConfigurationError, match=f"pass deps_type={wanted}"):
        LightAgent(model=ScriptedModel([]), tools=[function])
    LightAgent(model=ScriptedModel([]), tools=[function], deps_type=Shop)


@pytest.mark.parametrize("function", [bare, nothing, anything, generic, perhaps])
def test_a_tool_that_needs_nothing_is_taken_by_all(function: Callable[..., object]) -> None:
    name = as_tool(function).spec.name
    result = LightAgent(model=model(name), tools=[function]).run("?", result_format="object")
    assert [call.output for call in result.tool_calls] == ["fine"]
    LightAgent(model=model(name), tools=[function], deps_type=Shop)


def test_a_whole_number_serves_as_a_number() -> None:
    told = ScriptedModel([call_tool("weigh"), "done"])
    assert LightAgent(model=told, tools=[weigh], deps_type=int).run("?", deps=5) == "done"
    with pytest.raises(ConfigurationError, match="float"):
        LightAgent(model=told, tools=[weigh])


def test_the_dependencies_of_a_run_serve_its_own_tools() -> None:
    told = ScriptedModel([call_tool("buy", item="lamp"), "done"])
    keeper = LightAgent(model=told, deps_type=Shop)
    result = keeper.run("?", tools=[buy], deps=Corner(), result_format="object")
    assert [call.output for call in result.tool_calls] == ["lamp: 7"]


@pytest.mark.parametrize(("function", "wanted"), [(later, "Unborn"), (named, "Shop")])
def test_a_forward_reference_is_looked_at_when_the_tool_is_called(function: Callable[..., object], wanted: str) -> None:
    name = as_tool(function).spec.name
    early = EARLY if function is later else LightAgent(model=model(name), tools=[function])
    (call,) = early.run("?", result_format="object").tool_calls
    assert call.status == "failed"
    assert f"tool '{name}' needs deps of type {wanted}: pass deps_type={wanted}." in str(call.output)


def test_what_only_type_checkers_can_see_is_left_to_them() -> None:
    result = LightAgent(model=model("unseen"), tools=[unseen]).run_result("?")
    assert [call.output for call in result.tool_calls] == ["None"]


LIGHT = """
import sys
from lightagent.application.tools.function_tool import as_tool
from lightagent.ports.tools import RunContext

def buy(ctx: "RunContext[int]") -> str:
    return ""

as_tool(buy).refuse_deps(int)
assert not {"pydantic", "griffe"} & sys.modules.keys()
"""


def test_looking_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
