"""What a traced run costs beside an untraced one, in calls of functions: those are the same on every machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, NoOpTracerProvider, Span, SpanContext, TraceFlags, Tracer

from lightagent import FunctionTool, LightAgent, OpenTelemetrySink, RunContext
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.telemetry.otel.attribute_names import V1_41_1
from lightagent.adapters.telemetry.otel.head_facts import KnownHeads
from lightagent.domain.conversation.messages import SystemMessage
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.runs.agents import AgentHead, ModelEndpoint
from lightagent.domain.runs.events import Event
from lightagent.domain.telemetry.cuts import IDENTIFIER, fitted_name, written_size
from lightagent.ports.telemetry import RunWatch, TelemetrySink
from tests.support.costs import count_calls

CONTEXT = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROUNDS = 10


class RecordingSpan(NonRecordingSpan):
    """A span that wants to know everything, and does nothing with it: what is left is our own part."""

    def is_recording(self) -> bool:
        return True


class SilentTracer(NoOpTracer):
    def start_span(self, *args: object, **kwargs: object) -> Span:
        return RecordingSpan(CONTEXT)


class SilentTracers(NoOpTracerProvider):
    def get_tracer(self, *args: object, **kwargs: object) -> Tracer:
        return SilentTracer()


class HeaderSink(TelemetrySink, RunWatch):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        return self

    def see(self, event: Event) -> None:
        """Nothing is kept."""

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        self.asked.append(origin.turn)
        return (("traceparent", PARENT),)


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def calls_of_a_run(*sinks: TelemetrySink) -> float:
    """The calls of functions in one run with a tool."""
    model = ScriptedModel([call_tool("add", a=1, b=2), "three"] * (ROUNDS + 1))
    agent = LightAgent(name="calc", model=model, tools=[add], telemetry=sinks or False)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(agent.arun("?"))

        def work() -> None:
            for _ in range(ROUNDS):
                loop.run_until_complete(agent.arun("?"))

        return count_calls(work) / ROUNDS
    finally:
        loop.close()


def test_our_own_part_of_a_traced_run_with_a_tool_is_small() -> None:
    sink = OpenTelemetrySink(tracer_provider=SilentTracers(), meter_provider=NoOpMeterProvider())
    assert calls_of_a_run(sink) - calls_of_a_run() < 500


async def test_a_function_that_takes_no_context_costs_no_headers() -> None:
    sink = HeaderSink()
    model = ScriptedModel([call_tool("add", a=1, b=2), "three"])
    await LightAgent(model=model, tools=[add], telemetry=[sink]).arun("?")
    assert sink.asked == [1, 2], "those of the requests to the model"
    assert [dict(request.origin.trace_headers)["traceparent"] for request in model.requests] == [PARENT, PARENT]


async def test_a_tool_that_is_made_of_a_function_and_looks_at_the_context_has_its_headers() -> None:
    seen: list[TraceHeaders] = []

    class Looking(FunctionTool[object]):
        """Tells whom it calls, whatever the function wants to know."""

        async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
            seen.append(context.origin.trace_headers)
            return await super().call(arguments, context)

    model = ScriptedModel([call_tool("add", a=1, b=2), "three"])
    await LightAgent(model=model, tools=[Looking(add)], telemetry=[HeaderSink()]).arun("?")
    assert seen == [(("traceparent", PARENT),)]


def head(number: int) -> AgentHead:
    return AgentHead(f"a{number}", "m", SystemMessage("?"), endpoint=ModelEndpoint("openai", "host", number))


def test_what_agents_have_in_common_is_remembered_of_each_and_not_for_ever() -> None:
    known, one = KnownHeads(V1_41_1), head(1)
    facts = known.facts(one)
    assert known.facts(one) is facts
    assert (facts.title, facts.chat.attributes["server.port"]) == ("invoke_agent a1", 1)
    for number in range(2, 200):
        assert known.facts(head(number)).chat.attributes["server.port"] == number
    assert known.facts(one) is not facts
    assert known.facts(one) == facts


@pytest.mark.parametrize("length", [1, 32, 33, 34, 199, 200])
def test_names_of_the_worst_characters_fit_whatever_their_length(length: int) -> None:
    name = fitted_name("\x01" * length)
    assert written_size(name) <= IDENTIFIER
    assert (name == "\x01" * length) == (length <= 33)
