"""Tags of a run: checked, on every span, in its trace and its journal, and in Langfuse under its own name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    Journal,
    JsonlTraceExporter,
    LightAgent,
    LightSwarm,
    OpenTelemetrySink,
    Suspended,
    flush_telemetry,
    tool,
)
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_telemetry_backends import tracetools
from tests.servers.otlp import http_collector, values
from tests.support.recorded_spans import RecordedSpans, attributes

TAGS = "lightagent.tags"


@tool
def look() -> str:
    """Look."""
    return "seen"


@tool(requires_approval=True)
def pay() -> str:
    """Pay."""
    return "paid"


def told(spans: RecordedSpans) -> set[object]:
    """The tags on the spans, which are the same on all."""
    return {attributes(span).get(TAGS) for span in spans.ended}


def desk(spans: RecordedSpans) -> LightAgent:
    """An agent that looks itself, and asks another one that looks and pays."""
    child = LightAgent(
        name="child", model=ScriptedModel([[call_tool("look")], [call_tool("pay")], "ok"]), tools=[look, pay]
    )
    model = ScriptedModel([[call_tool("look"), call_tool("child", query="?")], "done"])
    tools = [look, child.as_tool("child", "A child.")]
    return LightAgent(name="desk", model=model, tools=tools, telemetry=[spans.sink])


async def test_every_span_has_those_of_the_sink_and_of_the_run() -> None:
    spans = RecordedSpans(tags=("shop", "blue"))
    result = await desk(spans).arun("?", tags=["nightly", "blue", "nightly"], result_format="object")
    assert result.outcome.kind == "suspended"
    assert len(spans.ended) == 8
    assert told(spans) == {("shop", "blue", "nightly")}
    assert "nightly" not in "".join(metric.to_json() for metric in spans.metrics)


async def test_a_run_that_is_resumed_elsewhere_keeps_them_and_so_do_the_runs_in_it() -> None:
    first, second = RecordedSpans(), RecordedSpans()
    waiting = await desk(first).arun("?", tags=["nightly"], result_format="object")
    journal = Journal.from_json(waiting.journal.to_json())
    assert json.loads(waiting.journal.to_json())["schema_version"] == 4
    assert isinstance(waiting.outcome, Suspended)
    (call,) = waiting.outcome.call_ids
    await desk(second).aresume(journal, {call: ApprovalDecision.approve()})
    assert {span.name for span in second.ended} >= {"invoke_agent desk", "invoke_agent child", "execute_tool pay"}
    assert told(first) == told(second) == {("nightly",)}


async def test_a_run_without_tags_has_none_and_its_journal_is_as_before() -> None:
    spans = RecordedSpans()
    given: list[Sequence[str] | None] = [None, (), []]
    for tags in given:
        result = await LightAgent(model=ScriptedModel(["hi"]), telemetry=[spans.sink]).arun(
            "?", tags=tags, result_format="object", trace=True
        )
        assert json.loads(result.journal.to_json())["schema_version"] == 2
        assert "tags" not in result.trace[0]["data"]
    assert told(spans) == {None}


def test_traces_in_files_tell_them(tmp_path: Path) -> None:
    agent = LightAgent(model=ScriptedModel(["hi"]))
    agent.run("?", trace=True, tags=("nightly", "blue"))
    file = agent.export_trace_to(JsonlTraceExporter(tmp_path / "traces.jsonl"))
    (written,) = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    assert written["events"][0]["data"]["tags"] == ["nightly", "blue"]


def test_langfuse_gets_all_of_them_under_its_own_name() -> None:
    with http_collector() as collector:
        config = tracetools(collector.url, langfuse_tags=["shop"])
        LightAgent(model=ScriptedModel(["hi"]), tracetools=config).run("?", tags=["nightly"])
        plain = LightAgent(model=ScriptedModel(["hi"] * 2), tracetools=tracetools(collector.url))
        plain.run("?", tags=["blue"])
        plain.run("?")
        assert flush_telemetry(10)
        found = [values(span.attributes).get("langfuse.trace.tags") for span in collector.spans]
    assert sorted(map(str, found)) == sorted([*["['shop', 'nightly']"] * 2, *["['blue']"] * 2, *["None"] * 2])


async def test_a_swarm_takes_them() -> None:
    spans = RecordedSpans()
    front = LightAgent(name="front", model=ScriptedModel(["hi"]), telemetry=[spans.sink])
    swarm = LightSwarm()
    swarm.register_agent(front)
    await swarm.arun(front, "?", tags=["nightly"])
    assert told(spans) == {("nightly",)}


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("nightly", "tags must be list or tuple, got str"),
        ({"a": "b"}, "tags must be list or tuple, got dict"),
        (["a", 5], r"tags\[1\] must be text, got int"),
        (["a", " \n"], r"tags\[1\] is empty"),
        (["a" * 201], r"tags\[0\] has 201 characters, and 200 is the most"),
        (["a"] * 33, "tags: 33 tags, and 32 is the most"),
    ],
)
def test_what_are_no_tags_is_refused_before_anything_runs(tags: object, problem: str) -> None:
    model = ScriptedModel(["hi"])
    run: Callable[..., object] = LightAgent(model=model).run
    with pytest.raises(ConfigurationError, match=f"run: {problem}"):
        run("?", tags=tags)
    assert not model.requests


def test_what_are_no_tags_of_a_sink_is_refused() -> None:
    make: Callable[..., object] = OpenTelemetrySink
    with pytest.raises(ConfigurationError, match="tags must be a list of texts, got str"):
        make(tags="nightly")
