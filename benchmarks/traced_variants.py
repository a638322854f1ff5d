"""An agent of this project in all the ways that it may be traced, each beside the same calls of the bare SDK."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from common import Turn
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from peers.traced_turns import batching, lightagent_turn, measuring
from span_shape import BareSink, IdleSink, Shape

from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink


class Variant(NamedTuple):
    """How it takes a turn, and how what waits to be exported is waited for."""

    ask: Turn
    flush: Callable[[], object] = lambda: None


class Kind(NamedTuple):
    """The providers of a variant."""

    tracers: Callable[[], TracerProvider]
    meters: Callable[[], MeterProvider] = NoOpMeterProvider


KINDS: Mapping[str, Kind] = {
    "no span sampled": Kind(lambda: TracerProvider(sampler=ALWAYS_OFF)),
    "the SDK without a processor": Kind(TracerProvider),
    "a batch processor": Kind(batching),
    "a batch processor, and metrics": Kind(batching, measuring),
}


def agent_variants() -> dict[str, Variant]:
    """By name; those that begin with ``bare:`` make the calls of the other of the name with the SDK alone."""
    variants = {
        "untraced": Variant(lightagent_turn(telemetry=False)),
        "OpenTelemetry is imported, and no provider set": Variant(lightagent_turn()),
        "a sink that does nothing": Variant(lightagent_turn(IdleSink())),
    }
    for name, kind in KINDS.items():
        tracers, meters = kind.tracers(), kind.meters()
        sink = OpenTelemetrySink(tracer_provider=tracers, meter_provider=meters)
        variants[name] = Variant(lightagent_turn(sink), tracers.force_flush)
        bare, meters = kind.tracers(), kind.meters()
        variants[f"bare: {name}"] = Variant(lightagent_turn(BareSink(_shape(), bare, meters)), bare.force_flush)
    return variants


def _shape() -> Shape:
    """What one run asks of the SDK."""
    shape = Shape()
    ask = lightagent_turn(OpenTelemetrySink(tracer_provider=shape.tracers, meter_provider=shape.meters))
    ran = asyncio.new_event_loop()
    try:
        ran.run_until_complete(ask("?"))
    finally:
        ran.close()
    return shape


COLLECTORS: Mapping[str, Callable[[], socket.socket]] = {
    "is not there": socket.socket,
    "never answers": lambda: socket.create_server(("127.0.0.1", 0), backlog=100),
}
"""What a collector does, and the socket that does it."""


@contextmanager
def sent_to(collector: str) -> Iterator[Turn]:
    """A turn whose spans are sent to that collector, by the SDK's own exporter over HTTP."""
    logging.disable(logging.ERROR)  # The exporter tells of each failure.
    with COLLECTORS[collector]() as place:
        if collector == "is not there":
            place.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{place.getsockname()[1]}/v1/traces"
        tracers = TracerProvider(shutdown_on_exit=False)
        exporter: SpanExporter = OTLPSpanExporter(url, timeout=1)
        tracers.add_span_processor(BatchSpanProcessor(exporter))
        yield lightagent_turn(OpenTelemetrySink(tracer_provider=tracers, meter_provider=NoOpMeterProvider()))
        exporter.shutdown()  # First: the collector would be waited for once for each batch that is left.
        tracers.shutdown()
