"""Agents whose tools depend on something: each call must bring it."""

from dataclasses import dataclass
from typing import assert_type

from lightagent import (
    AsyncRunStream,
    ChatCompletionChunk,
    Event,
    Journal,
    JsonObject,
    LightAgent,
    RunResult,
    RunStream,
    StreamEvent,
)


@dataclass
class Deps:
    token: str


@dataclass
class MoreDeps(Deps):
    user: str


agent = LightAgent(deps_type=Deps, output_type=int)
deps = Deps("t")


def run() -> None:
    assert_type(agent.run("?", deps=deps), str)
    assert_type(agent.run("?", deps=MoreDeps("t", "u")), str)
    assert_type(agent.run("?", deps=deps, result_format="object"), RunResult[int])
    assert_type(agent.run("?", deps=deps, result_format="dict"), JsonObject)
    assert_type(agent.run("?", deps=deps, stream=True), RunStream[ChatCompletionChunk, int])
    assert_type(agent.run("?", deps=deps, stream=True, result_format="event"), RunStream[StreamEvent, int])


async def arun(journal: Journal) -> None:
    assert_type(await agent.arun("?", deps=deps), str)
    assert_type(await agent.arun("?", deps=deps, result_format="object"), RunResult[int])
    assert_type(await agent.arun("?", deps=deps, result_format="dict"), JsonObject)
    assert_type(agent.astream("?", deps=deps), AsyncRunStream[ChatCompletionChunk, int])
    assert_type(agent.astream("?", deps=deps, result_format="event"), AsyncRunStream[StreamEvent, int])
    assert_type(agent.aevents("?", deps=deps), AsyncRunStream[Event, int])
    assert_type(agent.resume(journal, deps=deps), RunResult[int])
    assert_type(await agent.aresume(journal, deps=deps), RunResult[int])
    assert_type(agent.replay(journal), RunResult[int])


def no_dependencies_may_be_said() -> None:
    assert_type(LightAgent().run("?", deps=None), str)
    assert_type(LightAgent(output_type=int).run("?", deps=None, result_format="object"), RunResult[int])
