"""Who serves whom: agents that need less serve runs that are given more, results of dogs are results of animals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import assert_type

from typing_extensions import TypedDict

from lightagent import (
    AgentOptions,
    AsyncRunStream,
    ChatCompletionChunk,
    Journal,
    LightAgent,
    LightSwarm,
    RunContext,
    RunResult,
    RunStream,
    Tool,
    ToolLike,
    ToolSource,
    tool,
)


@dataclass
class Base:
    token: str


@dataclass
class Derived(Base):
    user: str


class Animal: ...


class Dog(Animal): ...


class Login(TypedDict):
    token: str


@tool
def needs_nothing(city: str) -> str:
    """A forecast."""
    return city


@tool
def needs_base(ctx: RunContext[Base], city: str) -> str:
    """A forecast."""
    return ctx.deps.token + city


@tool(timeout=5)
async def needs_derived(ctx: RunContext[Derived], city: str) -> str:
    """A forecast."""
    return ctx.deps.user + city


@tool
def needs_login(ctx: RunContext[Login]) -> str:
    """Who asks."""
    return ctx.deps["token"]


@tool
def may_know(ctx: RunContext[Base | None]) -> str:
    """Who asks, if anybody is known."""
    return "" if ctx.deps is None else ctx.deps.token


@tool
def looks_at_nothing(ctx: RunContext) -> str:
    """Who asks."""
    assert_type(ctx.deps, object)
    return ctx.user_id


def undecorated(ctx: RunContext[Base], city: str) -> str:
    """A forecast."""
    return ctx.deps.token + city


class Weather:
    def forecast(self, city: str) -> str:
        """A forecast."""
        return city

    @classmethod
    def made(cls, city: str) -> str:
        """A forecast."""
        return city


class Called:
    def __call__(self, city: str) -> str:
        """A forecast."""
        return city


base, derived = Base("t"), Derived("t", "ann")
agent = LightAgent(deps_type=Base, output_type=Dog, tools=[needs_base, needs_nothing])


def tools_fit_their_agent(source: ToolSource[object]) -> None:
    assert_type(
        LightAgent(deps_type=Derived, tools=[needs_base, needs_derived, needs_nothing]), LightAgent[Derived, str]
    )
    assert_type(LightAgent(deps_type=Base | None, tools=[may_know]), LightAgent[Base | None, str])
    assert_type(LightAgent(deps_type=Login, tools=[needs_login, looks_at_nothing]), LightAgent[Login, str])
    assert_type(LightAgent(deps_type=Base, tools=[source, "named", undecorated]), LightAgent[Base, str])
    assert_type(LightAgent(tools=[needs_nothing, may_know, looks_at_nothing, source]), LightAgent[None, str])
    assert_type(LightAgent(output_type=int, tools=(needs_nothing,)), LightAgent[None, int])


def every_callable_that_is_a_tool() -> None:
    weather = Weather()
    LightAgent(tools=[weather.forecast, Weather.made, partial(undecorated, city="Bern"), len, tool(Called())])
    LightAgent(tools=[tool(weather.forecast), tool(name="other")(Weather.made)])


def tools_of_a_run_fit_it(journal: Journal) -> None:
    needing = LightAgent(deps_type=Derived)
    needing.run("?", deps=derived, tools=[needs_base, needs_derived])
    needing.run_result("?", deps=derived, tools=[needs_nothing, undecorated])
    needing.resume(journal, deps=derived, tools=[needs_derived])


def variables_of_tools() -> None:
    some: list[ToolLike] = [needs_nothing, may_know, undecorated]
    LightAgent(tools=some)
    own: list[ToolLike[Base]] = [needs_base, needs_nothing]
    LightAgent(deps_type=Base, tools=own)
    LightAgent(deps_type=Derived, tools=own)
    exact: list[Tool[Base]] = [needs_base, needs_nothing]
    LightAgent(deps_type=Derived, tools=exact)
    functions: list[Callable[..., object]] = [undecorated]
    LightAgent(tools=[tool(function) for function in functions])
    options: AgentOptions[Derived] = {"tools": [needs_base, needs_derived]}
    LightAgent(deps_type=Derived, **options)


def serves_more(needing: LightAgent[Derived, object]) -> RunResult[object]:
    return needing.run_result("?", deps=derived)


def agents() -> None:
    serves_more(agent)
    wider: LightAgent[Derived, Animal] = agent
    animals: RunResult[Animal] = wider.run_result("?", deps=derived)
    assert_type(animals.success, bool)
    anybody: LightAgent[object, str] = LightAgent(deps_type=object)
    nobody: LightAgent = anybody
    needy: LightAgent[Base, str] = anybody
    assert_type(nobody.run("?"), str)
    assert_type(needy.run("?", deps=base), str)


def results(dogs: RunResult[Dog], others: Iterable[RunResult[object]]) -> None:
    animals: RunResult[Animal] = dogs
    animal: Animal | None = animals.output
    several: list[RunResult[object]] = [dogs, *others]
    del several, animal


def streams(live: RunStream[ChatCompletionChunk, Dog], watched: AsyncRunStream[ChatCompletionChunk, Dog]) -> None:
    wider: RunStream[object, Animal] = live
    wider_too: AsyncRunStream[object, Animal] = watched
    result: RunResult[Animal] = wider.result
    del result, wider_too


def tools_are_tools_for_more() -> None:
    for_derived: Tool[Derived] = needs_base
    for_all: Tool[None] = needs_nothing
    del for_derived, for_all


def swarms(swarm: LightSwarm[Derived]) -> None:
    swarm.register_agent(agent)
    assert_type(swarm.run_result(agent, "?", deps=derived), RunResult[Dog])
