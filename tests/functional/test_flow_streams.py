"""Flows that are watched: what is shown, in which order, and what becomes of a run that is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lightagent import (
    ConfigurationError,
    FlowDoneEvent,
    FlowStreamEvent,
    JsonLightFlowStore,
    LightAgent,
    LightFlow,
    LightFlowResult,
)
from lightagent.aiokits.bounded_buffer import BoundedBuffer
from lightagent.domain.conversation.deltas import ReplyEnd, TextDelta
from lightagent.domain.usage import Usage
from lightagent.flow_streams import MOST_WAITING
from lightagent.testing import ScriptedModel


def talking(*replies: str) -> LightAgent:
    return LightAgent(name="writer", model=ScriptedModel(replies))


def shown(events: list[FlowStreamEvent]) -> list[str]:
    """The events without texts, which come in pieces: a piece that follows another of its step is left out."""
    told = [f"{event.type} {event.step}".strip() for event in events]
    return [one for place, one in enumerate(told) if not place or one != told[place - 1]]


def text_of(events: list[FlowStreamEvent], step: str) -> str:
    """What is shown of a step in the end: a restart takes back what came before."""
    text = ""
    for event in events:
        if event.step == step and event.type == "step_restart":
            text = ""
        elif event.step == step and event.type == "content":
            text += event.data["text"]
    return text


def plain(result: LightFlowResult) -> list[tuple[str, str, str]]:
    return [(step.name, step.status, step.content) for step in result.steps]


async def test_a_stream_shows_steps_and_what_agents_say_and_ends_as_a_plain_run_does() -> None:
    def declared() -> LightFlow:
        return (
            LightFlow()
            .step("draft", agent=talking("A letter in several words."))
            .step("count", agent=len, depends_on=["draft"], query=lambda context: context.outputs["draft"])
            .step("below", agent=LightFlow().step("deep", agent=talking("From below.")), depends_on=["count"])
        )

    stream = declared().astream_events("Write.", run_id="run")
    events = [event async for event in stream]
    assert shown(events) == [
        "flow_start",
        "step_start draft",
        "content draft",
        "step_end draft",
        "step_start count",
        "step_end count",
        "step_start below",
        "step_start below/deep",
        "content below/deep",
        "step_end below/deep",
        "step_end below",
        "done",
    ]
    assert text_of(events, "draft") == "A letter in several words."
    assert sum(event.type == "content" for event in events) > 2
    assert {event.trace_id for event in events} == {stream.result.trace_id}
    assert plain(stream.result) == plain(await declared().arun("Write."))
    done = events[-1].data
    assert isinstance(done, dict)
    assert {**done, "usage": None} == {"status": "success", "content": "From below.", "error": None, "usage": None}


async def test_the_end_tells_the_tokens_of_all_agents_in_the_run_those_of_failed_attempts_too() -> None:
    def says(text: str, number: int) -> list[TextDelta | ReplyEnd]:
        return [TextDelta(text), ReplyEnd("stop", Usage(number, 2 * number, 3 * number))]

    failures = iter([True, False])

    async def checked(query: str) -> str:
        if next(failures):
            raise ConnectionError("away")
        return query

    writer = LightAgent(name="writer", model=ScriptedModel([says("Wrong.", 1), says("Right.", 10)]))
    below = LightFlow().step("write", agent=writer).step("check", agent=checked, depends_on=["write"])
    editor = LightAgent(name="editor", model=ScriptedModel([says("Done.", 100)]))
    flow = LightFlow().step("draft", agent=below, max_retry=2).step("edit", agent=editor, depends_on=["draft"])
    done = [event async for event in flow.astream_events("Write.")][-1]
    assert isinstance(done, FlowDoneEvent)
    used = done.data["usage"]
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (111, 222, 333)


def test_an_attempt_that_begins_anew_is_marked() -> None:
    model = ScriptedModel(["Wrong from the beginning.", "Right."])
    failures = iter([True, False])

    async def checked(query: str) -> str:
        if next(failures):
            raise ConnectionError("away")
        return query

    agent = LightAgent(name="writer", model=model)
    below = (
        LightFlow()
        .step("write", agent=agent)
        .step("check", agent=checked, depends_on=["write"], query=lambda context: context.outputs["write"])
    )
    stream = LightFlow().step("draft", agent=below, max_retry=2).stream_events("Write.")
    events = list(stream)
    restarts = [event.step for event in events if event.type == "step_restart"]
    assert restarts == ["draft"]
    assert stream.result.content == "Right."
    ends = [event.data["status"] for event in events if event.type == "step_end" and event.step == "draft"]
    assert ends == ["retry", "success"]


async def test_who_leaves_a_stream_early_interrupts_the_run_which_can_be_resumed(tmp_path: Path) -> None:
    begun, calls = asyncio.Event(), list[str]()

    async def slow(query: str) -> str:
        calls.append(query)
        begun.set()
        if len(calls) == 1:
            await asyncio.Event().wait()
        return "done"

    flow = (
        LightFlow(store=JsonLightFlowStore(tmp_path))
        .step("first", agent=lambda query: "first")
        .step("slow", agent=slow, depends_on=["first"], query="slowly")
    )
    async with flow.astream_events("Go.", run_id="run") as stream:
        async for event in stream:
            if event.type == "step_start" and event.step == "slow":
                await begun.wait()
                break
    with pytest.raises(ConfigurationError, match="no result"):
        _ = stream.result
    record = await flow.aget_run("run")
    assert record is not None
    assert record["status"] == "interrupted"
    resumed = flow.astream_resume_events("run")
    events = [event async for event in resumed]
    assert [event.data["resumed"] for event in events if event.type == "flow_start"] == [True]
    assert resumed.result.status == "success"
    assert calls == ["slowly", "slowly"]


def test_a_sync_stream_that_is_closed_interrupts_the_run() -> None:
    flow = LightFlow().step("first", agent=lambda query: "first").step("second", agent=lambda query: "second")
    with flow.stream_events("Go.", run_id="run") as stream:
        assert next(stream).type == "flow_start"
    assert flow.resume("run").status == "success"


def test_a_stream_shows_whom_it_waits_for() -> None:
    flow = LightFlow().step("send", agent=lambda query: f"sent {query}", requires_approval=True)
    events = list(flow.stream_events("it", run_id="run"))
    (asked,) = [event for event in events if event.type == "approval_required"]
    assert asked.data["request"] == {"about": "run", "query": "it"}
    assert [event.data["status"] for event in events if event.type == "done"] == ["waiting_approval"]
    flow.approve("run", "send")
    stream = flow.stream_resume_events("run")
    assert [event.type for event in stream] == ["flow_start", "step_start", "step_end", "done"]
    assert stream.result.content == "sent it"


async def test_a_consumer_who_is_slow_holds_the_run_and_no_more_than_the_buffer_waits() -> None:
    done = list[int]()

    async def work(query: str) -> str:
        done.append(len(done))
        return query

    flow = LightFlow()
    for number in range(400):
        flow.step(f"step {number}", agent=work, depends_on=[f"step {number - 1}"] if number else None)
    stream = flow.astream_events("Go.")
    await anext(stream)
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert len(done) <= MOST_WAITING
    events = [event async for event in stream]
    assert len(done) == 400
    assert [event.data["status"] for event in events if event.type == "done"] == ["success"]


async def test_a_bounded_buffer_gives_everything_in_order_and_ends() -> None:
    buffer = BoundedBuffer[int](3)

    async def put(numbers: range) -> None:
        for number in numbers:
            await buffer.put(number)

    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(put(range(100))), group.create_task(put(range(100, 200)))
        taken = [await buffer.take() for _ in range(200)]
        assert first.done() or second.done()
    buffer.close()
    assert await buffer.take() is None
    numbers = [number for number in taken if number is not None]
    assert sorted(numbers) == list(range(200))
    assert [number for number in numbers if number < 100] == list(range(100))


async def test_what_cannot_be_kept_is_raised_from_the_stream(tmp_path: Path) -> None:
    store = JsonLightFlowStore(tmp_path)
    flow = LightFlow(store=store).step("send", agent=lambda query: query, requires_approval=True)
    await flow.arun("it", run_id="run")
    with pytest.raises(ConfigurationError, match="not over"):
        async for _ in flow.astream_events("it", run_id="run"):
            pass
