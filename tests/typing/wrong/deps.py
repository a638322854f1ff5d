"""Dependencies that are missing, of another type, or not asked for."""

from dataclasses import dataclass

from lightagent import Journal, LightAgent


@dataclass
class Deps:
    token: str


agent = LightAgent(deps_type=Deps, output_type=int)
none = LightAgent()
deps = Deps("t")


async def missing(journal: Journal) -> None:
    agent.run("?")  # wrong
    agent.run("?", result_format="object")  # wrong
    agent.run("?", result_format="dict")  # wrong
    agent.run("?", stream=True)  # wrong
    agent.run("?", stream=True, result_format="event")  # wrong
    await agent.arun("?")  # wrong
    await agent.arun("?", result_format="object")  # wrong
    agent.astream("?")  # wrong
    agent.astream("?", result_format="event")  # wrong
    agent.aevents("?")  # wrong
    agent.resume(journal)  # wrong
    await agent.aresume(journal)  # wrong
    agent.run("?", deps=deps)
    agent.resume(journal, deps=deps)


async def of_another_type(journal: Journal) -> None:
    agent.run("?", deps="t")  # wrong
    agent.run("?", deps=None)  # wrong
    agent.run("?", deps=Deps)  # wrong
    agent.run("?", deps="t", result_format="object")  # wrong
    agent.run("?", deps=1, stream=True)  # wrong
    await agent.arun("?", deps="t")  # wrong
    agent.astream("?", deps="t")  # wrong
    agent.aevents("?", deps="t")  # wrong
    agent.resume(journal, deps="t")  # wrong


def not_asked_for() -> None:
    none.run("?", deps=deps)  # wrong
    none.run("?", deps=deps, stream=True)  # wrong
    none.run("?", deps=None)


def of_the_declared_agent() -> None:
    other: LightAgent[str, int] = agent  # wrong
    wider: LightAgent[None, str] = LightAgent(deps_type=Deps)  # wrong
    del other, wider
