"""A program asks for what waits to be sent, whoever keeps it."""

import gc
import logging
import time
from collections.abc import Iterator, Sequence

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from lightagent import Event, FlushableSink, LightAgent, Origin, RunWatch, flush_telemetry
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
from tests.servers.otlp import Collector, http_collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as one:
        yield one


@pytest.fixture(autouse=True)
def _no_sinks_of_other_tests() -> None:
    gc.collect()


class Later(FlushableSink, RunWatch):
    """Counts events, and can be made to fail."""

    def __init__(self) -> None:
        self.seen = 0
        self.flushed = 0
        self.fails = False

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        return self

    def see(self, event: Event) -> None:
        self.seen += 1

    def trace_headers(self, origin: Origin) -> tuple[tuple[str, str], ...]:
        return ()

    def flush(self, timeout: float) -> bool:
        self.flushed += 1
        if self.fails:
            raise OSError("It is gone.")
        return True


def test_a_sink_of_ones_own_is_flushed_and_may_fail() -> None:
    good, bad = Later(), Later()
    bad.fails = True
    LightAgent(model=ScriptedModel(["Hi."]), telemetry=[bad, good]).run("?")
    assert not flush_telemetry(1)
    assert (bad.flushed, good.flushed) == (1, 1)
    bad.fails = False
    assert flush_telemetry(1)


def test_the_applications_own_providers_are_flushed(collector: Collector) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{collector.url}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=600_000))
    sink = OpenTelemetrySink(tracer_provider=provider, meter_provider=metrics.NoOpMeterProvider())
    LightAgent(model=ScriptedModel(["Hi."]), telemetry=[sink]).run("?")
    assert collector.spans == []
    assert flush_telemetry(10)
    assert len(collector.spans) == 2
    provider.shutdown()


def test_a_flush_keeps_to_its_limit_with_providers_that_hang(collector: Collector) -> None:
    collector.mode = "hung"
    provider = TracerProvider(shutdown_on_exit=False)
    exporter: SpanExporter = OTLPSpanExporter(f"{collector.url}/v1/traces", timeout=1)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    sink = OpenTelemetrySink(tracer_provider=provider, meter_provider=metrics.NoOpMeterProvider())
    LightAgent(model=ScriptedModel(["Hi."]), telemetry=[sink]).run("?")
    began = time.monotonic()
    assert not flush_telemetry(0.2)
    assert time.monotonic() - began < 10
    exporter.shutdown()  # Else it tries again, and says so, while other tests go on.
    provider.shutdown()


def test_exporters_of_the_application_may_complain(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Only what exporters of our own say is kept back."""
    collector.mode = "refusing"
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
    with caplog.at_level(logging.ERROR):
        provider.get_tracer("tests").start_span("another").end()
        provider.force_flush()
    assert any("Failed to export spans" in record.getMessage() for record in caplog.records)
    provider.shutdown()
