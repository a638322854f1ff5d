"""All that telemetry tells of every feature keeps to the semantic conventions, and no secret is in it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ContentCapture, ContentMode
from tests.support.recorded_spans import RecordedSpans, attribute
from tests.support.semconv_rules import event_faults, metric_faults, span_faults
from tests.support.walked_features import FEATURES, SESSION, USER, Scene

SECRET = "CANARY-7f3a-CANARY"
METRICS = {
    "gen_ai.client.operation.duration",
    "gen_ai.client.token.usage",
    "gen_ai.client.operation.time_to_first_chunk",
    "lightagent.workflow.duration",
    "lightagent.workflow.step.duration",
    "mcp.client.operation.duration",
}


CAPTURING = [mode for mode in ContentMode if mode is not ContentMode.NO_CONTENT]


async def shown(name: str, folder: Path, mode: ContentMode = ContentMode.NO_CONTENT) -> RecordedSpans:
    seen = RecordedSpans(content=ContentCapture(mode))
    await FEATURES[name](Scene([seen.sink], folder, SECRET))
    return seen


def faults(seen: RecordedSpans) -> list[str]:
    """All that is wrong with what was told."""
    found = [fault for span in seen.ended for fault in span_faults(span)]
    for span in seen.ended:
        for event in span.events:
            found += event_faults(event.name, dict(event.attributes or {}))
    for record in seen.emitted:
        found += event_faults(record.event_name or "", dict(record.attributes or {}), structured=True)
    return found + [fault for metric in seen.metrics for fault in metric_faults(metric)]


@pytest.mark.parametrize("name", FEATURES)
async def test_spans_events_and_metrics_keep_to_the_conventions(name: str, tmp_path: Path) -> None:
    seen = await shown(name, tmp_path)
    assert seen.ended
    assert not seen.emitted
    assert not faults(seen)


@pytest.mark.parametrize("mode", CAPTURING)
async def test_they_do_with_texts_as_well(mode: ContentMode, tmp_path: Path) -> None:
    for place, name in enumerate(FEATURES):
        folder = tmp_path / str(place)
        folder.mkdir()
        seen = await shown(name, folder, mode)
        assert not faults(seen), name
        assert any(SECRET in span.to_json() for span in seen.ended) is mode.on_spans, name
        assert any(SECRET in str(record.attributes) for record in seen.emitted) is mode.as_events, name
        traces = {span.context.span_id for span in seen.ended if span.context is not None}
        assert all(record.span_id in traces for record in seen.emitted)


@pytest.mark.parametrize("name", FEATURES)
async def test_every_span_ends_once(name: str, tmp_path: Path) -> None:
    seen = await shown(name, tmp_path)
    ids = [span.context.span_id for span in seen.ended if span.context is not None]
    assert len(ids) == len(set(ids)) == seen.starts.count


@pytest.mark.parametrize("name", FEATURES)
async def test_no_secret_is_in_spans_metrics_or_logs(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")
    seen = await shown(name, tmp_path)
    told = [span.to_json() for span in seen.ended] + [metric.to_json() for metric in seen.metrics]
    assert not [text for text in told if SECRET in text]
    assert SECRET not in caplog.text


async def test_the_walk_comes_by_every_kind_of_span(tmp_path: Path) -> None:
    names: set[str] = set()
    metrics: set[str] = set()
    for place, name in enumerate(FEATURES):
        folder = tmp_path / str(place)
        folder.mkdir()
        seen = await shown(name, folder)
        names |= {str(attribute(span, "gen_ai.operation.name") or span.name) for span in seen.ended}
        metrics |= {metric.name for metric in seen.metrics}
    assert {"invoke_agent", "chat", "execute_tool", "retrieval", "invoke_workflow"} <= names
    assert metrics >= METRICS


async def test_who_and_which_conversation_is_on_every_span_and_in_no_metric(tmp_path: Path) -> None:
    seen = await shown("a_session", tmp_path)
    for span in seen.ended:
        assert attribute(span, "user.id") == USER
        assert attribute(span, "session.id") == SESSION
    agents = seen.of("invoke_agent")
    assert [attribute(span, "gen_ai.conversation.id") for span in agents] == [SESSION, SESSION]
    assert USER not in "".join(metric.to_json() for metric in seen.metrics)


async def test_input_tokens_include_cached_and_output_tokens_reasoning_ones(tmp_path: Path) -> None:
    seen = await shown("usage_with_parts", tmp_path)
    (chat,) = seen.of("chat")
    assert attribute(chat, "gen_ai.usage.input_tokens") == 100
    assert attribute(chat, "gen_ai.usage.cache_read.input_tokens") == 60
    assert attribute(chat, "gen_ai.usage.output_tokens") == 40
    assert attribute(chat, "gen_ai.usage.reasoning.output_tokens") == 30
    (agent,) = seen.of("invoke_agent")
    assert attribute(agent, "gen_ai.usage.input_tokens") is None
