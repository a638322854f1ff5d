"""Tools that need other dependencies than their agent has, and agents and results taken for narrower ones."""

from dataclasses import dataclass

from lightagent import (
    AgentOptions,
    Journal,
    LightAgent,
    LightSwarm,
    RunContext,
    RunOptions,
    RunResult,
    Tool,
    ToolLike,
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


@tool
def needs_base(ctx: RunContext[Base], city: str) -> str:
    """A forecast."""
    return ctx.deps.token + city


@tool(timeout=5)
async def needs_derived(ctx: RunContext[Derived], city: str) -> str:
    """A forecast."""
    return ctx.deps.user + city


@tool
def bare(ctx: RunContext) -> str:
    """Who asks."""
    return ctx.deps.token  # wrong


class Called:
    def __call__(self, city: str) -> str:
        """A forecast."""
        return city


base, derived = Base("t"), Derived("t", "ann")
plain = LightAgent()
needing = LightAgent(deps_type=Base, output_type=Animal)

LightAgent(tools=[needs_base])  # wrong
LightAgent(name="a", tools=(needs_derived,))  # wrong
LightAgent(output_type=int, tools=[needs_base])  # wrong
LightAgent(deps_type=Base, tools=[needs_derived])  # wrong
LightAgent(deps_type=int, tools=[needs_base])  # wrong
LightAgent(deps_type=Base | None, tools=[needs_base])  # wrong
LightAgent(deps_type=Base, output_type=int, tools=[needs_base, needs_derived])  # wrong
LightAgent(tools=[Called()])  # wrong
LightAgent(tools=[3])  # wrong
LightAgent(tools=needs_base)  # wrong
LightAgent(deps_type=Derived, tools=[LightAgent()])  # wrong
LightAgent(output_type=None)  # wrong
LightAgent(output_type="Animal")  # wrong
LightAgent(output_type=None, deps_type=Base)  # wrong
untyped = LightAgent(output_type=None)  # wrong
untyped.run_result("?")  # wrong: deps
LightAgent(output_type=lambda: Animal())  # wrong
LightAgent(output_type=5)  # wrong
LightAgent(deps_type=5)  # wrong
LightAgent(deps_type=lambda: base)  # wrong
LightAgent(nmae="a")  # wrong: nmae
LightAgent(deps_type=Base, tols=[])  # wrong: tols


def of_a_run(journal: Journal) -> None:
    plain.run("?", tools=[needs_base])  # wrong
    plain.run_result("?", tools=[needs_base])  # wrong
    plain.stream("?", tools=[needs_base])  # wrong
    plain.resume(journal, tools=[needs_base])  # wrong
    needing.run_result("?", deps=base, tools=[needs_derived])  # wrong
    needing.resume(journal, deps=base, tools=[needs_derived])  # wrong
    needing.run_result("?", deps=base, tools=["named"])  # wrong


def variables(many: list[ToolLike], own: list[ToolLike[Derived]], options: AgentOptions[Base]) -> None:
    LightAgent(tools=own)  # wrong
    LightAgent(deps_type=Base, tools=own)  # wrong
    LightAgent(**options)  # wrong
    many.append(needs_base)  # wrong
    several: AgentOptions = {"tools": [needs_base]}  # wrong
    given: RunOptions[Base] = {"tools": [needs_derived]}  # wrong
    exact: Tool[Base] = needs_derived  # wrong
    del several, given, exact


def narrower(agent: LightAgent[Derived, Animal], result: RunResult[Animal], swarm: LightSwarm[Base]) -> None:
    needs_less: LightAgent[Base, Animal] = agent  # wrong
    needs_none: LightAgent[None, Animal] = agent  # wrong
    dogs: LightAgent[Derived, Dog] = agent  # wrong
    dog: RunResult[Dog] = result  # wrong
    swarm.register_agent(agent)  # wrong
    del needs_less, needs_none, dogs, dog
