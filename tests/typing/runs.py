"""What each way to call infers."""

from pathlib import Path
from typing import assert_type

from pydantic import BaseModel

from lightagent import (
    AsyncRunStream,
    ChatCompletionChunk,
    Event,
    Journal,
    JsonlTraceExporter,
    JsonObject,
    LightAgent,
    LightAgentErrorInfo,
    Outcome,
    PriceTable,
    RunResult,
    RunStream,
    StreamEvent,
    ToolCallRecord,
    TraceEvent,
    TraceSummary,
    Usage,
    export_trace,
)


class City(BaseModel):
    name: str


class Refusal(BaseModel):
    reason: str


plain = LightAgent()
typed = LightAgent(output_type=City)
union = LightAgent(output_type=City | Refusal)


def run() -> None:
    assert_type(plain.run("?"), str)
    assert_type(plain.run([{"type": "text", "text": "?"}]), str)
    assert_type(plain.run("?", result_format="str"), str)
    assert_type(plain.run("?", result_format="object"), RunResult[str])
    assert_type(plain.run("?", result_format="dict"), JsonObject)
    assert_type(plain.run("?", stream=False), str)
    assert_type(plain.run("?", stream=True), RunStream[ChatCompletionChunk, str])
    assert_type(plain.run("?", stream=True, result_format="str"), RunStream[ChatCompletionChunk, str])
    assert_type(plain.run("?", stream=True, result_format="event"), RunStream[StreamEvent, str])


def each_form_by_a_name_of_its_own() -> None:
    assert_type(plain.run_result("?"), RunResult[str])
    assert_type(typed.run_result("?"), RunResult[City])
    assert_type(typed.stream("?"), RunStream[ChatCompletionChunk, City])
    assert_type(typed.stream_events("?"), RunStream[StreamEvent, City])
    assert_type(typed.astream_events("?"), AsyncRunStream[StreamEvent, City])


async def the_result_by_a_name_of_its_own() -> None:
    assert_type(await typed.arun_result("?"), RunResult[City])


def run_with_a_type() -> None:
    assert_type(typed.run("?"), str)
    assert_type(typed.run("?", result_format="object"), RunResult[City])
    assert_type(typed.run("?", result_format="object").output, City | None)
    assert_type(typed.run("?", result_format="object").unwrap(), City)
    assert_type(typed.run("?", result_format="dict"), JsonObject)
    assert_type(union.run("?", result_format="object"), RunResult[City | Refusal])
    assert_type(union.run("?", result_format="object").unwrap(), City | Refusal)
    assert_type(typed.run("?", stream=True), RunStream[ChatCompletionChunk, City])
    assert_type(typed.run("?", stream=True, result_format="event"), RunStream[StreamEvent, City])
    assert_type(typed.run("?", stream=True).result, RunResult[City])
    with plain.run("?", stream=True) as stream:
        assert_type(stream, RunStream[ChatCompletionChunk, str])


async def arun() -> None:
    assert_type(await plain.arun("?"), str)
    assert_type(await plain.arun("?", result_format="str"), str)
    assert_type(await plain.arun("?", result_format="object"), RunResult[str])
    assert_type(await plain.arun("?", result_format="dict"), JsonObject)
    assert_type(await typed.arun("?", result_format="object"), RunResult[City])
    assert_type((await union.arun("?", result_format="object")).output, City | Refusal | None)


async def astream() -> None:
    assert_type(plain.astream("?"), AsyncRunStream[ChatCompletionChunk, str])
    assert_type(plain.astream("?", result_format="str"), AsyncRunStream[ChatCompletionChunk, str])
    assert_type(plain.astream("?", result_format="event"), AsyncRunStream[StreamEvent, str])
    assert_type(typed.astream("?"), AsyncRunStream[ChatCompletionChunk, City])
    assert_type(typed.astream("?").result, RunResult[City])
    async with plain.astream("?") as stream:
        assert_type(stream, AsyncRunStream[ChatCompletionChunk, str])
    async for chunk in plain.astream("?"):
        assert_type(chunk.choices[0].delta.content, str | None)
    async for event in plain.astream("?", result_format="event"):
        assert_type(event, StreamEvent)


async def journals(journal: Journal) -> None:
    assert_type(plain.aevents("?"), AsyncRunStream[Event, str])
    assert_type(plain.aevents("?").result, RunResult[str])
    assert_type(typed.aresume_events(journal), AsyncRunStream[Event, City])
    assert_type(plain.resume(journal), RunResult[str])
    assert_type(typed.resume(journal, result_format="object"), RunResult[City])
    assert_type(journal.resumable, bool)
    assert_type(typed.resume(journal.to_json()), RunResult[City])
    assert_type(await union.aresume(journal), RunResult[City | Refusal])
    assert_type(typed.replay(journal), RunResult[City])
    assert_type(plain.export_journal(), Journal | None)


def count_events(events: list[JsonObject], summary: TraceSummary, metadata: JsonObject | None) -> int:
    return len(events)


def trace_lines(event: TraceEvent) -> None:
    assert_type(event["type"], str)
    assert_type(event["data"], JsonObject)
    assert_type(event["timestamp"], float)
    assert_type(event.trace_id, str)
    assert_type(event.parent_trace_id, str | None)
    assert_type(event.to_dict(), JsonObject)


def the_rest() -> None:
    assert_type(plain.export_trace(), list[TraceEvent])
    assert_type(plain.summarize_trace({"input_per_million": 1.0}), TraceSummary)
    assert_type(plain.summarize_trace(PriceTable({})), TraceSummary)
    assert_type(plain.export_trace_to("traces.jsonl"), Path)
    assert_type(plain.export_trace_to(JsonlTraceExporter("traces.jsonl"), metadata={"n": 1}), Path)
    assert_type(plain.export_trace_to(count_events), int)
    assert_type(export_trace(plain.export_trace(), JsonlTraceExporter("t"), usage=Usage()), Path)
    assert_type(plain.get_history(), list[JsonObject])
    assert_type(plain.get_tools(), list[JsonObject])


def every_run_option_is_known() -> None:
    text = plain.run(
        "?",
        tools=[len],
        history=[{"role": "user", "content": "hi"}],
        metadata={"temperature": 0.5},
        user_id="u",
        max_tool_iterations=3,
        max_retry=2,
        timeout=5,
        trace=True,
        trace_id="t",
        parent_trace_id="p",
        run_group_id="g",
        tags=["nightly"],
    )
    assert_type(text, str)


def results(result: RunResult[City]) -> None:
    assert_type(result.content, str)
    assert_type(result.output, City | None)
    assert_type(result.unwrap(), City)
    assert_type(result.outcome, Outcome)
    assert_type(result.error, LightAgentErrorInfo | None)
    assert_type(result.reasoning_content, str | None)
    assert_type(result.finish_reason, str | None)
    assert_type(result.tool_calls, tuple[ToolCallRecord, ...])
    assert_type(result.usage, Usage)
    assert_type(result.trace, list[TraceEvent])
    assert_type(result.journal, Journal)
    assert_type(result.success, bool)
    assert_type(result.history(), list[JsonObject])
    assert_type(result.to_dict(), JsonObject)
