"""pydantic-ai; traced by OpenTelemetry into memory."""

from collections.abc import AsyncIterator, Callable

import common
from pydantic_ai import Agent, InstrumentationSettings, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

SYNC = False
models: dict[str, OpenAIChatModel] = {}
NO_LIMIT = UsageLimits(request_limit=None)  # of itself it stops at 50 requests


def build(url: str, tools: bool) -> Agent:
    """One agent; the agents of one endpoint share its client."""
    if url not in models:
        models[url] = OpenAIChatModel(common.MODEL, provider=OpenAIProvider(base_url=url + "/v1", api_key="x"))
    return Agent(models[url], instructions=common.SYSTEM, tools=[common.add] if tools else [])


async def run(agent: Agent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    result = await agent.run(prompt, usage_limits=NO_LIMIT)
    return str(result.output)


async def stream(agent: Agent, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    async with agent.run_stream(prompt) as result:
        async for text in result.stream_text(delta=True, debounce_by=None):
            yield text


def trace_on() -> Callable[[], int]:
    """From now on every run is traced; gives a function that counts the spans."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    return lambda: len(exporter.get_finished_spans())
