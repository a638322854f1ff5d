"""One method for each form of a run: what it gives, with and without dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from lightagent import (
    AgentOptions,
    AsyncRunStream,
    ChatCompletionChunk,
    ContentEvent,
    Event,
    Journal,
    LightAgent,
    LightFlow,
    LightFlowResult,
    LightSwarm,
    RequestPreview,
    ResumeOptions,
    RunOptions,
    RunResult,
    RunStream,
    StreamEvent,
)


@dataclass
class Deps:
    token: str


plain = LightAgent()
typed = LightAgent(output_type=int)
needing = LightAgent(deps_type=Deps, output_type=int)
perhaps = LightAgent(deps_type=Deps | None)
deps = Deps("t")


async def without_dependencies() -> None:
    assert_type(plain.run("?"), str)
    assert_type(plain.run_result("?"), RunResult[str])
    assert_type(typed.run_result("?").unwrap(), int)
    assert_type(typed.run_result("?", user_id=None, tags=["a"]).output, int | None)
    assert_type(plain.stream("?"), RunStream[ChatCompletionChunk, str])
    assert_type(typed.stream_events("?"), RunStream[StreamEvent, int])
    assert_type(await plain.arun("?"), str)
    assert_type(await typed.arun_result("?"), RunResult[int])
    assert_type(typed.astream("?"), AsyncRunStream[ChatCompletionChunk, int])
    assert_type(typed.astream_events("?"), AsyncRunStream[StreamEvent, int])
    assert_type(plain.preview("?"), RequestPreview)


async def with_dependencies(journal: Journal) -> None:
    assert_type(needing.run_result("?", deps=deps), RunResult[int])
    assert_type(needing.stream("?", deps=deps), RunStream[ChatCompletionChunk, int])
    assert_type(needing.stream_events("?", deps=deps), RunStream[StreamEvent, int])
    assert_type(await needing.arun_result("?", deps=deps, timeout=3), RunResult[int])
    assert_type(needing.astream("?", deps=deps), AsyncRunStream[ChatCompletionChunk, int])
    assert_type(needing.astream_events("?", deps=deps), AsyncRunStream[StreamEvent, int])
    assert_type(needing.aevents("?", deps=deps), AsyncRunStream[Event, int])
    assert_type(needing.aresume_events(journal, deps=deps), AsyncRunStream[Event, int])
    assert_type(await needing.apreview("?", deps=deps, stream=True), RequestPreview)


def dependencies_that_may_be_none() -> None:
    assert_type(perhaps.run("?"), str)
    assert_type(perhaps.run("?", deps=deps), str)
    assert_type(perhaps.run_result("?", deps=None), RunResult[str])


def streams_can_be_closed() -> None:
    stream = plain.stream("?")
    stream.close()
    with plain.stream_events("?") as events:
        for event in events:
            if isinstance(event, ContentEvent):
                assert_type(event.data["text"], str)
    assert_type(events.result, RunResult[str])


async def so_can_those_of_async_programs() -> None:
    live = plain.astream("?")
    await live.aclose()
    async with plain.astream_events("?") as events:
        async for event in events:
            assert_type(event, StreamEvent)
    assert_type(events.result, RunResult[str])


def options_go_along(options: RunOptions, own: RunOptions[Deps], going_on: ResumeOptions, journal: Journal) -> None:
    assert_type(plain.run_result("?", **options), RunResult[str])
    assert_type(needing.run_result("?", deps=deps, **own), RunResult[int])
    assert_type(plain.resume(journal, **going_on), RunResult[str])
    options["user_id"] = "ann"
    assert_type(plain.stream("?", **options), RunStream[ChatCompletionChunk, str])
    options.update({"trace": True})
    assert_type(plain.run("?", **options), str)


def options_of_agents_go_along(options: AgentOptions, own: AgentOptions[Deps]) -> None:
    assert_type(LightAgent(**options), LightAgent[None, str])
    assert_type(LightAgent(output_type=int, **options), LightAgent[None, int])
    assert_type(LightAgent(deps_type=Deps, **own), LightAgent[Deps, str])
    assert_type(LightAgent(deps_type=Deps, output_type=int, **own), LightAgent[Deps, int])


async def swarms_have_the_same(swarm: LightSwarm[None], needy: LightSwarm[Deps]) -> None:
    assert_type(swarm.run_result(typed, "?"), RunResult[int])
    assert_type(await swarm.arun_result(typed, "?", session_id="s"), RunResult[int])
    assert_type(needy.run_result(needing, "?", deps=deps), RunResult[int])
    assert_type(needy.stream_events(needing, "?", deps=deps), RunStream[StreamEvent, int])
    assert_type(swarm.stream(plain, "?"), RunStream[ChatCompletionChunk, str])
    assert_type(swarm.astream_events(plain, "?"), AsyncRunStream[StreamEvent, str])


async def so_have_flows(flow: LightFlow) -> None:
    assert_type(flow.run_result("?", user_id="ann"), LightFlowResult)
    assert_type(await flow.arun_result("?"), LightFlowResult)
