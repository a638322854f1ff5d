"""Requests are as small as receivers want them, nothing is lost in silence, and what a collector rejects is told."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import LightAgent
from lightagent.adapters.telemetry.otel.export import TelemetryExport
from lightagent.adapters.telemetry.otel.exporting_sink import ExportingSink
from lightagent.adapters.telemetry.otel.options import OtlpOptions
from lightagent.domain.errors import ConfigurationError
from lightagent.testing import ScriptedModel
from tests.servers.otlp import Collector, grpc_collector, http_collector, values

RECEIVED_AT_ONCE = 4_194_304
"""What receivers over gRPC take by default; that of this test is one of them."""

Serving = Callable[[], AbstractContextManager[Collector]]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as one:
        yield one


def export_to(collector: Collector, protocol: str = "http/protobuf") -> TelemetryExport:
    options = {"endpoint": collector.url, "protocol": protocol, "metrics": False, "timeout": 20}
    return TelemetryExport(OtlpOptions.model_validate(options))


def spans(export: TelemetryExport, count: int, text: str) -> None:
    tracer = export.tracer_provider.get_tracer("tests")
    for number in range(count):
        tracer.start_span(f"span {number}", attributes={"text": text}).end()


@pytest.mark.parametrize(("serving", "protocol"), [(http_collector, "http/protobuf"), (grpc_collector, "grpc")])
@pytest.mark.parametrize("letter", ["x", "字", "🜂"])
def test_a_batch_goes_in_requests_that_a_receiver_takes(serving: Serving, protocol: str, letter: str) -> None:
    with serving() as collector:
        export = export_to(collector, protocol)
        spans(export, 100, letter * 96_000)
        assert export.flush(30)
        assert [span.name for span in collector.spans] == [f"span {number}" for number in range(100)]
        assert max(request.size for request in collector.requests) < RECEIVED_AT_ONCE
        assert len(collector.requests) == -(-100 // (3_000_000 // (96_000 * len(letter.encode()))))
        assert (export.sent, export.lost, export.waiting) == (100, 0, 0)
        export.close(5)


@pytest.mark.parametrize(("serving", "protocol"), [(http_collector, "http/protobuf"), (grpc_collector, "grpc")])
def test_a_span_that_is_too_large_is_cut_with_a_mark(serving: Serving, protocol: str) -> None:
    with serving() as collector:
        export = export_to(collector, protocol)
        tracer = export.tracer_provider.get_tracer("tests")
        span = tracer.start_span("work", attributes={"small": 1, "texts": ["y" * 1_000] * 50, "x" * 2_000: "x"})
        span.set_attribute("text", "x" * 5_000_000)
        span.add_event("seen", {"text": "x" * 5_000_000})
        span.end()
        spans(export, 1, "after")
        assert export.flush(30)
        cut, after = collector.spans
        told = values(cut.attributes)
        assert (told["small"], after.name) == (1, "span 0")
        assert str(told["text"]).endswith("characters left out]")
        assert len(str(told["text"])) <= 1_000
        assert str(told["texts"]).endswith("bytes left out]")
        assert str(values(cut.events[0].attributes)["text"]).endswith("characters left out]")
        assert (export.sent, export.lost, export.waiting) == (2, 0, 0)
        export.close(5)


def test_a_span_that_cannot_be_made_to_fit_is_counted_and_told(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    export = export_to(collector)
    with caplog.at_level(logging.WARNING, "lightagent"):
        span = export.tracer_provider.get_tracer("tests").start_span("work")
        for _ in range(100):
            span.add_event("seen", {f"text {number}": "x" * 900 for number in range(100)})
        span.end()
        spans(export, 2, "after")
        assert not export.flush(10)
    assert [span.name for span in collector.spans] == ["span 0", "span 1"]
    assert (export.sent, export.lost, export.waiting) == (2, 1, 0)
    assert "1 span dropped, since no request has room for one as large" in caplog.text
    export.close(1)


def test_a_receiver_that_wants_less_gets_less(collector: Collector) -> None:
    collector.most = 300_000
    export = export_to(collector)
    spans(export, 20, "x" * 96_000)
    assert export.flush(30)
    assert [span.name for span in collector.spans] == [f"span {number}" for number in range(20)]
    assert (export.sent, export.lost, export.waiting) == (20, 0, 0)
    export.close(5)


def test_a_receiver_that_takes_nothing_is_not_asked_for_ever(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.most = 0
    export = export_to(collector)
    with caplog.at_level(logging.WARNING, "lightagent"):
        spans(export, 500, "x")
        assert not export.flush(30)
    assert collector.asked < 10
    assert (export.sent, export.lost, export.waiting) == (0, 500, 0)
    assert "spans could not be sent (HTTP 413)" in caplog.text
    export.close(1)


def test_what_a_collector_rejects_is_counted_and_told_without_its_words(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.rejected = 3
    now = [0.0]
    export = TelemetryExport(OtlpOptions(endpoint=collector.url), lambda: now[0])
    with caplog.at_level(logging.WARNING, "lightagent"):
        spans(export, 10, "x")
        assert not export.flush(10)
        now[0] = 30.0
        assert export.meter_provider is not None
        export.meter_provider.get_meter("tests").create_counter("calls").add(2)
        assert not export.flush(10)
        assert (export.sent, export.lost) == (7, 6)
        now[0] = 60.0
        export.close(5)
    told = [record.getMessage() for record in caplog.records if record.name == "lightagent"]
    assert told[0] == "Telemetry to 127.0.0.1: 3 spans rejected by the collector."
    assert "points of metrics rejected by the collector" in told[1]
    assert "not these" not in caplog.text


def agent_with(sink: ExportingSink) -> LightAgent[None, str]:
    return LightAgent(name="desk", model=ScriptedModel(["The answer."]), telemetry=[sink])


@pytest.mark.parametrize(("serving", "protocol"), [(http_collector, "http/protobuf"), (grpc_collector, "grpc")])
@pytest.mark.parametrize("content", ["event_only", "span_and_event", "redacted"])
def test_events_with_texts_are_exported_where_content_wants_them(serving: Serving, protocol: str, content: str) -> None:
    with serving() as collector:
        options = OtlpOptions.model_validate({"endpoint": collector.url, "protocol": protocol, "content": content})
        sink = ExportingSink(options, TelemetryExport(options))
        agent_with(sink).run("The question?")
        assert sink.flush(10)
        (event,) = collector.events
        told = values(event.attributes)
        assert event.event_name == "gen_ai.client.inference.operation.details"
        assert "The question?" in str(told["gen_ai.input.messages"])
        assert "The answer." in str(told["gen_ai.output.messages"])
        (chat,) = (span for span in collector.spans if span.name.startswith("chat"))
        assert (event.trace_id, event.span_id) == (chat.trace_id, chat.span_id)
        assert ("gen_ai.input.messages" in values(chat.attributes)) == (content != "event_only")
        assert sink.close(5)


def test_the_environment_may_ask_for_events_too(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "EVENT_ONLY")
    options = OtlpOptions(endpoint=collector.url)
    sink = ExportingSink(options, TelemetryExport(options))
    agent_with(sink).run("The question?")
    assert sink.close(10)
    assert len(collector.events) == 1


@pytest.mark.parametrize("chosen", [{"content": "no_content"}, {"content": "event_only", "logs": False}])
def test_else_no_events_are_exported(collector: Collector, chosen: dict[str, object]) -> None:
    options = OtlpOptions.model_validate({"endpoint": collector.url, **chosen})
    sink = ExportingSink(options, TelemetryExport(options))
    agent_with(sink).run("The question?")
    assert sink.close(10)
    assert collector.spans
    assert not [request.path for request in collector.requests if request.path.endswith("/logs")]


def test_events_that_cannot_be_sent_are_counted_and_told(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.mode = "refusing"
    options = OtlpOptions(endpoint=collector.url, content="event_only", metrics=False, timeout=0.3, queue_size=2)
    export = TelemetryExport(options)
    sink = ExportingSink(options, export)
    agent = LightAgent(name="desk", model=ScriptedModel(lambda request: "Yes."), telemetry=[sink])
    with caplog.at_level(logging.WARNING, "lightagent"):
        for _ in range(5):
            agent.run("The question?")
        sink.close(5)  # It tells of what still waits then, and on a busy machine all has been given up by now.
    assert export.lost == 15
    failed = re.findall(r"(\d+) events? could not be sent \(HTTP 500\)", caplog.text)
    dropped = re.findall(r"(\d+) events? dropped, since too many waited", caplog.text)
    assert failed
    assert sum(map(int, (*failed, *dropped))) == 5
    assert "question" not in caplog.text


def test_langfuse_has_no_place_for_events() -> None:
    options = OtlpOptions(endpoint="http://127.0.0.1:9/api/public/otel", content="event_only")
    with pytest.raises(ConfigurationError, match="Langfuse takes no events"):
        TelemetryExport(options)
