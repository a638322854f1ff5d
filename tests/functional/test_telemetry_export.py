"""Spans and metrics leave over OTLP, and whatever the collector does, nobody waits for it."""

import logging
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

from lightagent.adapters.telemetry.otel.export import TelemetryExport
from lightagent.adapters.telemetry.otel.options import OtlpOptions
from tests.servers.otlp import Collector, Mode, grpc_collector, http_collector, values


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as one:
        yield one


def spans(provider: TracerProvider, count: int = 3) -> None:
    tracer = provider.get_tracer("tests")
    for number in range(count):
        tracer.start_span(f"span {number}", attributes={"number": number}).end()


def test_spans_and_metrics_arrive_with_headers_and_resource(collector: Collector) -> None:
    export = TelemetryExport(
        OtlpOptions(
            endpoint=collector.url,
            headers={"X-Key": SecretStr("k-1")},
            service_name="shop",
            resource={"deployment.environment.name": "test"},
        )
    )
    spans(export.tracer_provider)
    assert export.meter_provider is not None
    export.meter_provider.get_meter("tests").create_counter("calls").add(2)
    assert export.flush(10)
    assert [span.name for span in collector.spans] == ["span 0", "span 1", "span 2"]
    assert [values(span.attributes) for span in collector.spans][2] == {"number": 2}
    assert "calls" in collector.metrics
    assert {request.path for request in collector.requests} == {"/v1/traces", "/v1/metrics"}
    assert all(request.headers["x-key"] == "k-1" for request in collector.requests)
    told = collector.requests[0].resource
    assert (told["service.name"], told["deployment.environment.name"]) == ("shop", "test")
    assert (export.sent, export.lost, export.waiting) == (3, 0, 0)
    assert export.close(10)


def test_the_same_over_grpc() -> None:
    with grpc_collector() as collector:
        export = TelemetryExport(
            OtlpOptions(endpoint=collector.url, protocol="grpc", headers={"X-Key": SecretStr("k-1")})
        )
        spans(export.tracer_provider)
        assert export.meter_provider is not None
        export.meter_provider.get_meter("tests").create_counter("calls").add(2)
        assert export.flush(10)
        assert len(collector.spans) == 3
        assert "calls" in collector.metrics
        assert all(request.headers["x-key"] == "k-1" for request in collector.requests)
        assert export.close(10)


@pytest.mark.parametrize(
    ("mode", "why"),
    [("refusing", "HTTP 500"), ("limiting", "HTTP 429"), ("moved", "HTTP 301"), ("reset", "ConnectionError")],
)
def test_what_fails_is_counted_and_told_once(
    collector: Collector, caplog: pytest.LogCaptureFixture, mode: Mode, why: str
) -> None:
    collector.mode = mode
    now = [0.0]
    with caplog.at_level(logging.DEBUG):
        export = TelemetryExport(OtlpOptions(endpoint=collector.url, metrics=False, timeout=0.5), lambda: now[0])
        for turn in range(4):
            now[0] = turn * 25.0
            spans(export.tracer_provider)
            assert not export.flush(10)
        told = [record.getMessage() for record in caplog.records if record.name == "lightagent"]
        assert told == [
            f"Telemetry to 127.0.0.1: 3 spans could not be sent ({why}).",
            f"Telemetry to 127.0.0.1: 9 spans could not be sent ({why}).",
        ]
        assert not [record.name for record in caplog.records if record.name.startswith("opentelemetry")]
    assert (export.sent, export.lost, export.waiting) == (0, 12, 0)
    export.close(1)


def test_nobody_waits_for_a_collector_that_hangs(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    collector.mode = "hung"
    export = TelemetryExport(OtlpOptions(endpoint=collector.url, metrics=False, queue_size=100))
    spans(export.tracer_provider, 1_000)
    assert export.waiting == 100
    assert export.lost == 900
    began = time.monotonic()
    assert not export.flush(0.2)
    assert not export.close(0.2)
    assert time.monotonic() - began < 10
    assert "100 spans could not be sent (the time for it was over); 899 spans dropped, since too many" in caplog.text
