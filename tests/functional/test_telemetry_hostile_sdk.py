"""An OpenTelemetry SDK, or parts that an application put into it, that raise or give nonsense: no run notices."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, cast

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.context import attach, detach
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from lightagent import ContentCapture, ContentMode, LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

SECRET: Final = "CANARY7f3aq9ZkW2"


class Counting(SpanProcessor):
    """Counts the spans that begin and end, and fails at one of them."""

    def __init__(self, fails_at_start: int = 0, fails_at_end: int = 0) -> None:
        self.started = self.ended = 0
        self._fails_at_start, self._fails_at_end = fails_at_start, fails_at_end

    def on_start(self, span: Span, parent_context: object = None) -> None:
        self.started += 1
        if self.started == self._fails_at_start:
            raise ValueError(f"no room for {dict(span.attributes or {})}")

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1
        if self.ended == self._fails_at_end:
            raise asyncio.CancelledError(f"no room for {dict(span.attributes or {})}")


class Sampling(Sampler):
    def __init__(self, made: object) -> None:
        self._made = made

    def should_sample(self, *args: object, **options: object) -> SamplingResult:
        if isinstance(self._made, Exception):
            raise self._made
        return cast("SamplingResult", self._made)

    def get_description(self) -> str:
        return "Hostile"


class NoIds(RandomIdGenerator):
    def generate_span_id(self) -> int:
        raise OSError("no randomness")


class Giving(AnyTracerProvider):
    """Gives this for a tracer."""

    def __init__(self, tracer: Callable[[], object]) -> None:
        self._tracer = tracer

    def get_tracer(self, *args: object, **options: object) -> Tracer:
        return cast("Tracer", self._tracer())


class Failing:
    """Starts no span, or one of no use."""

    def __init__(self, span: object) -> None:
        self._span = span

    def start_span(self, *args: object, **options: object) -> Span:
        if isinstance(self._span, Exception):
            raise self._span
        return cast("Span", self._span)


def raising() -> object:
    raise OSError("no tracer")


def shut_down() -> TracerProvider:
    provider = TracerProvider()
    provider.shutdown()
    return provider


PROVIDERS: Final[dict[str, Callable[[], AnyTracerProvider]]] = {
    "a provider that raises": lambda: Giving(raising),
    "a provider that gives no tracer": lambda: Giving(lambda: None),
    "a tracer that raises": lambda: Giving(lambda: Failing(OSError("no span"))),
    "a tracer that gives no span": lambda: Giving(lambda: Failing(None)),
    "a tracer that gives a text": lambda: Giving(lambda: Failing("span")),
    "spans that record nothing": lambda: Giving(lambda: Failing(NonRecordingSpan(INVALID_SPAN_CONTEXT))),
    "a sampler that raises": lambda: TracerProvider(sampler=Sampling(OSError("no decision"))),
    "a sampler that gives nothing": lambda: TracerProvider(sampler=Sampling(None)),
    "a sampler that drops all": lambda: TracerProvider(sampler=Sampling(SamplingResult(Decision.DROP))),
    "a sampler that records and keeps nothing": lambda: TracerProvider(
        sampler=Sampling(SamplingResult(Decision.RECORD_ONLY))
    ),
    "no ids": lambda: TracerProvider(id_generator=NoIds()),
    "no room": lambda: TracerProvider(
        span_limits=SpanLimits(max_attributes=1, max_events=0, max_links=0, max_attribute_length=1)
    ),
    "a provider that was shut down": shut_down,
}


def look(word: str) -> str:
    """Look a word up."""
    return word


async def runs(sink: OpenTelemetrySink) -> None:
    """A run, a stream and a stream that is left, in the middle of a span of the application's own."""
    own = NonRecordingSpan(INVALID_SPAN_CONTEXT)
    token = attach(set_span_in_context(own))
    for _ in range(2):
        model = ScriptedModel([call_tool("look", word=SECRET), "Done.", "Done.", "A long answer."])
        agent = LightAgent(name="desk", model=model, tools=[look], telemetry=[sink])
        assert await agent.arun(f"Tell {SECRET}") == "Done."
        assert get_current_span() is own
        async for _ in agent.astream("Again"):
            assert get_current_span() is own
        async with aclosing(agent.astream("Again")) as stream:
            async for _ in stream:
                break
        assert get_current_span() is own
    detach(token)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_no_run_notices(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await runs(OpenTelemetrySink(tracer_provider=PROVIDERS[provider](), meter_provider=NoOpMeterProvider()))
    told = [record.getMessage() for record in caplog.records if record.name == "lightagent"]
    assert all("it sees no more of this run. It raised" in line for line in told), told


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("phase", ["start", "end"])
async def test_a_processor_that_fails_once_leaves_no_span_open(
    at: int, phase: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A span that a processor refuses at its start is none of ours to end; all others are ended."""
    counting = Counting(fails_at_start=at) if phase == "start" else Counting(fails_at_end=at)
    provider = TracerProvider()
    provider.add_span_processor(counting)
    sink = OpenTelemetrySink(
        tracer_provider=provider, meter_provider=NoOpMeterProvider(), content=ContentCapture(ContentMode.SPAN_ONLY)
    )
    await runs(sink)
    gc.collect()
    sink.flush(5.0)
    assert counting.started - counting.ended == (1 if phase == "start" else 0)
    assert SECRET not in caplog.text
