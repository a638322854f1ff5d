"""openai-agents on its chat completions model; its tracing is off but where it is measured."""

from collections.abc import AsyncIterator, Callable

import agents
import common
from openai import AsyncOpenAI

SYNC = False
agents.set_tracing_disabled(True)
models: dict[str, agents.OpenAIChatCompletionsModel] = {}
add = agents.function_tool(common.add)


def build(url: str, tools: bool) -> agents.Agent:
    """One agent; the agents of one endpoint share its client."""
    if url not in models:
        client = AsyncOpenAI(base_url=url + "/v1", api_key="x")
        models[url] = agents.OpenAIChatCompletionsModel(common.MODEL, openai_client=client)
    return agents.Agent(name="bench", instructions=common.SYSTEM, model=models[url], tools=[add] if tools else [])


async def run(agent: agents.Agent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    result = await agents.Runner.run(agent, prompt, max_turns=max_turns)
    return str(result.final_output)


async def stream(agent: agents.Agent, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    async for event in agents.Runner.run_streamed(agent, prompt).stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            yield event.data.delta


class Keep:
    """A trace processor that keeps what ends."""

    def __init__(self) -> None:
        self.spans: list[object] = []

    def on_trace_start(self, trace: object) -> None: ...

    def on_span_start(self, span: object) -> None: ...

    def on_trace_end(self, trace: agents.Trace) -> None:
        self.spans.append(trace.export())

    def on_span_end(self, span: agents.Span) -> None:
        self.spans.append(span.export())

    def shutdown(self) -> None: ...

    def force_flush(self) -> None: ...


def trace_on() -> Callable[[], int]:
    """From now on every run is traced; gives a function that counts the spans."""
    keep = Keep()
    agents.set_tracing_disabled(False)
    agents.set_trace_processors([keep])
    return lambda: len(keep.spans)
