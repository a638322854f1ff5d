"""A turn with a tool, untraced and traced, as a reader of each library's documentation would write it.

The model calls the tool once and then answers, at once; the tool is async.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from common import STORED_ANSWER, Turn

if TYPE_CHECKING:
    import agents
    from agents.tracing import TracingProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    from lightagent import TelemetrySink

UNTRACED, TRACED, MEASURED = "untraced", "spans", "spans and metrics"


async def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: one number.
        b: another one.
    """
    return a + b


def batching() -> TracerProvider:
    """The SDK with its batch processor, whose exporter does nothing."""
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return provider


def measuring() -> MeterProvider:
    """The SDK's metrics, which are kept in memory."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    return MeterProvider([InMemoryMetricReader()])


def lightagent_turn(*sinks: TelemetrySink, telemetry: bool = True) -> Turn:
    """One agent of this project, with these sinks; without `telemetry` nobody traces it."""
    from lightagent import ChatModel, ChatRequest, LightAgent
    from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
    from lightagent.domain.conversation.messages import ToolMessage
    from lightagent.domain.usage import Usage

    class Model(ChatModel):
        name = "fixed"

        async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
            if isinstance(request.messages[-1], ToolMessage):
                yield TextDelta(STORED_ANSWER)
                yield ReplyEnd("stop", Usage(60, 20, 80), "fixed-1", "r2")
            else:
                yield ToolCallDelta(0, "call_1", "add", '{"a": 1, "b": 2}')
                yield ReplyEnd("tool_calls", Usage(40, 10, 50), "fixed-1", "r1")

        async def aclose(self) -> None:
            """Nothing is open."""

    told: Sequence[TelemetrySink] | Literal[False] = sinks if telemetry else False
    agent = LightAgent(name="bench", model=Model(), instructions="You answer.", tools=[add], telemetry=told)

    async def ask(question: str) -> str:
        return await agent.arun(question)

    return ask


def lightagent_turns() -> Mapping[str, Turn]:
    """This project."""
    from opentelemetry.metrics import NoOpMeterProvider

    from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

    return {
        UNTRACED: lightagent_turn(telemetry=False),
        TRACED: lightagent_turn(OpenTelemetrySink(tracer_provider=batching(), meter_provider=NoOpMeterProvider())),
        MEASURED: lightagent_turn(OpenTelemetrySink(tracer_provider=batching(), meter_provider=measuring())),
    }


def pydantic_ai_turns() -> Mapping[str, Turn]:
    """pydantic-ai, with its own instrumentation and without contents; it has metrics whenever it has spans."""
    from pydantic_ai import Agent, InstrumentationSettings
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if isinstance(messages[-1].parts[-1], ToolReturnPart):
            return ModelResponse(parts=[TextPart(STORED_ANSWER)])
        return ModelResponse(parts=[ToolCallPart("add", {"a": 1, "b": 2})])

    def turn(instrument: InstrumentationSettings | bool) -> Turn:
        agent = Agent(FunctionModel(answer), instructions="You answer.", tools=[add], name="bench")
        agent.instrument = instrument

        async def ask(question: str) -> str:
            return str((await agent.run(question)).output)

        return ask

    settings = InstrumentationSettings(tracer_provider=batching(), meter_provider=measuring(), include_content=False)
    return {UNTRACED: turn(instrument=False), MEASURED: turn(settings)}


def openai_agents_turns() -> Mapping[str, Turn]:
    """openai-agents, with its own traces, which are not OpenTelemetry's, given to a processor that does nothing."""
    import agents

    agents.set_trace_processors([_nowhere()])
    agent = agents.Agent(
        name="bench", instructions="You answer.", model=_calling_model(), tools=[agents.function_tool(add)]
    )

    def turn(*, traced: bool) -> Turn:
        config = agents.RunConfig(tracing_disabled=not traced)

        async def ask(question: str) -> str:
            return str((await agents.Runner.run(agent, question, run_config=config)).final_output)

        return ask

    return {UNTRACED: turn(traced=False), TRACED: turn(traced=True)}


def _nowhere() -> TracingProcessor:
    from agents.tracing import Span, Trace, TracingProcessor

    class Nowhere(TracingProcessor):
        def on_trace_start(self, trace: Trace) -> None: ...

        def on_trace_end(self, trace: Trace) -> None: ...

        def on_span_start(self, span: Span[object]) -> None: ...

        def on_span_end(self, span: Span[object]) -> None: ...

        def shutdown(self) -> None: ...

        def force_flush(self) -> None: ...

    return Nowhere()


def _calling_model() -> agents.Model:
    import agents
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    text = ResponseOutputText(text=STORED_ANSWER, type="output_text", annotations=[])
    said = ResponseOutputMessage(id="m", role="assistant", status="completed", type="message", content=[text])
    call = ResponseFunctionToolCall(arguments='{"a": 1, "b": 2}', call_id="call_1", name="add", type="function_call")

    class Model(agents.Model):
        async def get_response(self, *args: object, **kwargs: object) -> agents.ModelResponse:
            asked = kwargs["input"]
            with agents.generation_span(model="fixed"):
                called = isinstance(asked, list) and asked[-1].get("type") == "function_call_output"
                return agents.ModelResponse([said if called else call], agents.Usage(), None)

        def stream_response(self, *args: object, **kwargs: object) -> AsyncGenerator[object, None]:
            raise NotImplementedError("Only whole answers are measured.")

    return Model()
