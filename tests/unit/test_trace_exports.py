"""Traces leave through exporters, recorders collect them, and summaries count them, as programs of the 0.9 line do."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    HumanFeedback,
    JsonObject,
    LightAgent,
    ModelPrice,
    PriceTable,
    TelemetrySink,
    TraceEvent,
    TraceExporter,
    TraceRecorder,
    TraceSummary,
    Usage,
    export_trace,
    normalize_usage,
    summarize_trace,
    tool,
    trace_events,
)
from lightagent.testing import ScriptedModel, call_tool

OLD_TRACE: list[JsonObject] = [
    {
        "type": "model_request",
        "data": {
            "latency_ms": 10,
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        },
    },
    {"type": "tool_call", "data": {"name": "search"}},
    {"type": "tool_result", "data": {"name": "search", "latency_ms": 5}},
    {"type": "error", "data": {"stage": "stream_retry"}},
    {"type": "approval_approve", "data": {"request_id": "a-1"}},
    {"type": "run_end", "data": {"duration_ms": 20, "retry_count": 1}},
]


@tool
def double(n: int) -> int:
    """Twice n."""
    return 2 * n


@tool(requires_approval=True)
def pay(euros: int) -> str:
    """Pays."""
    return "paid"


def doubler(*sinks: TelemetrySink) -> LightAgent[None, str]:
    model = ScriptedModel([call_tool("double", n=2), "It is 4, my secret."])
    return LightAgent(name="Ada", model=model, tools=[double], telemetry=sinks)


def test_a_trace_of_the_0_9_line_is_counted_as_it_was() -> None:
    summary = summarize_trace(OLD_TRACE, pricing={"input_per_million": 1, "output_per_million": 2})
    assert (summary.event_count, summary.duration_ms, summary.model_request_count) == (6, 20, 1)
    assert (summary.model_latency_ms, summary.tool_latency_ms) == (10, 5)
    assert (summary.tool_call_count, summary.tool_success_count, summary.tool_success_rate) == (1, 1, 1.0)
    assert (summary.retry_count, summary.error_count, summary.error_categories) == (1, 1, {"stream_retry": 1})
    assert summary.review_counts == {"approval_approve": 1}
    assert (summary.estimated_cost_usd, summary.usage["total_tokens"]) == (0.00014, 120)
    told = summary.to_dict()
    assert told["usage"] == {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "prompt_tokens": 100,
        "completion_tokens": 20,
    }
    assert json.loads(json.dumps(told)) == told


def test_a_call_that_answers_in_parts_succeeds_once() -> None:
    parts: list[JsonObject] = [{"type": "tool_result", "data": {"name": "t", "output": text}} for text in "ab"]
    summary = summarize_trace([{"type": "tool_call", "data": {"name": "t"}}, *parts])
    assert (summary.tool_success_count, summary.tool_success_rate) == (1, 1.0)
    assert summarize_trace([]).tool_success_rate is None
    assert summarize_trace([]).duration_ms is None


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": 3, "data": []},
        {"type": "run_end", "data": {"usage": [], "duration_ms": "x", "retry_count": {}, "success": "yes"}},
        {"type": "run_end", "data": {"duration_ms": 10**400}},
        {"type": "model_request", "data": {"usage": "x", "latency": True}},
        {"type": "error", "data": {"stage": ["x"]}},
    ],
)
def test_wrong_types_inside_are_not_counted(event: JsonObject) -> None:
    summary = summarize_trace([event], pricing=PriceTable())
    assert (summary.success, summary.duration_ms, summary.retry_count, summary.usage) == (False, None, 0, Usage())


def test_a_price_table_has_a_price_for_each_model() -> None:
    trace = doubler().run("?", trace=True, result_format="object").trace
    requests = [event for event in trace if event.type == "model_request"]
    used = [normalize_usage(event["data"]["usage"]) for event in requests]
    given, made = sum(one.input_tokens for one in used), sum(one.output_tokens for one in used)
    assert given
    table = PriceTable({"scripted": ModelPrice(2.0, 10.0)})
    assert summarize_trace(trace, pricing=table).cost == pytest.approx((given * 2 + made * 10) / 1_000_000)
    assert summarize_trace(trace, pricing=PriceTable({"other": ModelPrice(2.0, 10.0)})).cost is None


def test_usage_of_any_form() -> None:
    nullable = normalize_usage({"prompt_tokens": None, "completion_tokens": None, "total_tokens": 4})
    assert dict(nullable) == {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 4,
        "cache_write_tokens": 0,
        "cached_input_tokens": 0,
        "reasoning_tokens": 0,
    }
    answered = SimpleNamespace(prompt_tokens=20, completion_tokens=5, total_tokens=25)
    assert normalize_usage(answered) == Usage(20, 5, 25)
    dumped = SimpleNamespace(model_dump=lambda: {"prompt_tokens": 3, "completion_tokens": 4})
    assert normalize_usage(dumped)["total_tokens"] == 7
    assert (nullable.get("nothing", 9), "total_tokens" in nullable, next(iter(nullable))) == (9, True, "input_tokens")
    with pytest.raises(KeyError):
        nullable["nothing"]


def test_an_event_is_a_dictionary_and_has_attributes() -> None:
    event = TraceEvent(type="custom", data={"ok": True})
    assert (event.type, event["type"], event.data, event.trace_id) == ("custom", "custom", {"ok": True}, "")
    assert event.timestamp > 1_700_000_000
    assert (event.parent_trace_id, event.run_group_id) == (None, None)
    assert set(event) == {"type", "data", "trace_id", "timestamp"}
    assert type(event.to_dict()) is dict
    full = TraceEvent("a", {}, "t", "p", "g", 1.5)
    assert full == {
        "type": "a",
        "data": {},
        "trace_id": "t",
        "timestamp": 1.5,
        "parent_trace_id": "p",
        "run_group_id": "g",
    }
    for same in (copy.deepcopy(full), copy.copy(full), pickle.loads(pickle.dumps(full))):
        assert same == full
        assert isinstance(same, TraceEvent)
        assert same.run_group_id == "g"


def test_a_recorder_records_what_it_is_told() -> None:
    recorder = TraceRecorder(enabled=True, trace_id="t", parent_trace_id="p", run_group_id="g")
    event = recorder.record("run_start", {"query": "hello"})
    assert event is recorder.events[0]
    recorder.record_feedback(HumanFeedback(trace_id="t", rating=1.0, label="correct", comment="Well done."))
    recorder.record_feedback({"rating": 2})
    first, second, third = recorder.to_list()
    assert (first["trace_id"], first["parent_trace_id"], first["run_group_id"]) == ("t", "p", "g")
    assert second["type"] == third["type"] == "human_feedback"
    assert isinstance(second["data"], dict)
    assert (second["data"]["label"], second["data"]["comment"]) == ("correct", "Well done.")
    assert recorder.summarize().review_counts == {"human_feedback": 2}
    with pytest.raises(TypeError, match="to_dict"):
        recorder.record_feedback(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"trace event 'x'.at"):
        recorder.record("x", {"at": object()})


def test_a_recorder_is_off_unless_enabled() -> None:
    recorder = TraceRecorder()
    assert recorder.record("run_start") is None
    assert recorder.record_feedback({}) is None
    agent = doubler(recorder)
    agent.run("?")
    assert recorder.to_list() == []


def test_a_recorder_as_telemetry_sees_every_run_live() -> None:
    recorder = TraceRecorder(enabled=True)
    seen: list[list[str]] = []

    @tool
    def look() -> str:
        """Looks."""
        seen.append([event.type for event in recorder.events])
        return "seen"

    agent = LightAgent(model=ScriptedModel([call_tool("look"), "Done."]), tools=[look], telemetry=[recorder])
    result = agent.run("?", trace=True, result_format="object")
    assert seen == [["run_start", "model_request", "model_response", "tool_call"]]
    assert recorder.events == result.trace
    assert recorder.take() == result.trace
    assert recorder.events == []


def test_a_recorder_sees_of_a_resumed_run_what_is_new() -> None:
    recorder = TraceRecorder(enabled=True)
    model = ScriptedModel([call_tool("pay", euros=5), "Done."])
    agent = LightAgent(model=model, tools=[pay], telemetry=[recorder])
    waiting = agent.run("?", result_format="object")
    before = len(recorder.events)
    done = agent.resume(waiting.journal, ApprovalDecision.approve(), trace=True)
    assert recorder.events[0].type == "run_start"
    assert recorder.events[before:] == done.trace[before:]
    names = [event["data"]["name"] for event in recorder.events if event.type == "tool_result"]
    assert names == ["pay"]


def test_a_recorder_holds_content_only_where_asked() -> None:
    for capture in (False, True):
        recorder = TraceRecorder(enabled=True, capture_content=capture)
        doubler(recorder).run("?")
        assert ("my secret" in json.dumps(recorder.to_list())) is capture


def test_a_full_recorder_counts_what_it_drops() -> None:
    recorder = TraceRecorder(enabled=True, limit=3)
    for number in range(5):
        recorder.record("e", {"n": number})
    assert ([event.data["n"] for event in recorder.events], recorder.dropped) == ([0, 1, 2], 2)
    recorder.take()
    recorder.record("e")
    assert (len(recorder.events), recorder.dropped) == (1, 0)


class Kept(TraceExporter):
    """Written for the 0.9 line: a subclass without parameters."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[JsonObject], TraceSummary, JsonObject | None]] = []

    def export(self, events: list[JsonObject], summary: TraceSummary, metadata: JsonObject | None = None) -> str:
        self.kept.append((events, summary, metadata))
        return "kept"


def test_an_exporter_is_an_object_or_a_function() -> None:
    trace = doubler().run("?", trace=True, result_format="object").trace
    exporter = Kept()
    assert export_trace(trace, exporter, pricing={"input_per_million": 1.0}, metadata={"environment": "test"}) == "kept"
    [(events, summary, metadata)] = exporter.kept
    assert {type(event) for event in events} == {dict}
    assert events == trace
    assert summary.cost
    assert metadata == {"environment": "test"}
    count: int = export_trace(trace, lambda events, summary, metadata: len(events))
    assert count == len(trace)
    with pytest.raises(TypeError, match="callable or provide export"):
        export_trace(trace, 3)  # type: ignore[arg-type]


def test_an_agent_exports_its_last_trace() -> None:
    agent = doubler()
    exporter = Kept()
    assert agent.export_trace_to(exporter) == "kept"
    assert exporter.kept[0][0] == []
    agent.run("?", trace=True)
    agent.export_trace_to(exporter, metadata={"n": 1})
    assert exporter.kept[1][0] == agent.export_trace()
    assert "my secret" not in json.dumps(exporter.kept[1][0])


def test_the_trace_of_a_stream_is_the_same_event_by_event() -> None:
    recorder = TraceRecorder(enabled=True)
    outer = LightAgent(
        model=ScriptedModel([call_tool("Ada", query="2?"), "4"]),
        tools=[doubler().as_tool("Ada", "Doubles.")],
        telemetry=[recorder],
    )
    result = outer.run("?", trace=True, result_format="object")
    assert recorder.events == trace_events(result.journal.events)
    assert any("path" in event.data for event in recorder.events)
