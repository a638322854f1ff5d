"""A run whose model calls somebody else traces as well.

    python -m tests.heavy.instrumented_calls INSTRUMENTATION MODEL plain|streamed URL

It runs where the instrumentations are; URL is that of an endpoint of models. The spans are printed as JSON.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from lightagent import ChatModel, ChatRequest, LightAgent, OpenAIChatModel
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.usage import Usage
from tests.heavy.told_spans import global_objects, same, set_providers, tell

QUESTION: Final = "[one-tool]"
KEY: Final = "sk-test"
MESSAGES: Final[list[ChatCompletionMessageParam]] = [{"role": "user", "content": "[plain]"}]


class OwnModel(ChatModel):
    """What a user writes who has an openai client already: it calls `create`, which others wrap."""

    name = "gpt"

    def __init__(self, url: str) -> None:
        self._client = AsyncOpenAI(api_key=KEY, base_url=url)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        completions = self._client.chat.completions
        if request.stream:
            async for chunk in await completions.create(model="gpt", messages=MESSAGES, stream=True):
                for choice in chunk.choices:
                    if choice.delta.content:
                        yield TextDelta(choice.delta.content)
        else:
            reply = await completions.create(model="gpt", messages=MESSAGES)
            yield TextDelta(str(reply.choices[0].message.content))
        if isinstance(request.messages[-1], ToolMessage):
            yield ReplyEnd("stop", Usage(12, 7, 19))
        else:
            yield ToolCallDelta(0, "call_1", "add", '{"a": 1, "b": 2}')
            yield ReplyEnd("tool_calls", Usage(12, 7, 19))

    async def aclose(self) -> None:
        await self._client.close()


def instrument_genai_openai() -> None:
    """OpenTelemetry's own instrumentation of the openai SDK."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def instrument_openinference_openai() -> None:
    """Arize's instrumentation of the same SDK."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument()


def instrument_aiohttp_client() -> None:
    """OpenTelemetry's instrumentation of the HTTP client that requests go through."""
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

    AioHttpClientInstrumentor().instrument()


def instrument_litellm() -> None:
    """LiteLLM's own callback."""
    import litellm

    litellm.callbacks = ["otel"]


INSTRUMENTATIONS: Final[dict[str, Callable[[], None]]] = {
    "none": lambda: None,
    "genai-openai": instrument_genai_openai,
    "openinference-openai": instrument_openinference_openai,
    "aiohttp-client": instrument_aiohttp_client,
    "litellm-callback": instrument_litellm,
}
MODELS: Final[dict[str, Callable[[str], ChatModel]]] = {
    "aiohttp": lambda url: OpenAIChatModel("gpt", KEY, url, transport="aiohttp"),
    "sdk": lambda url: OpenAIChatModel("gpt", KEY, url, transport="sdk"),
    "create": OwnModel,
    "litellm": lambda url: LiteLLMChatModel("openai/gpt", api_key=KEY, api_base=url),
}


async def main(instrumentation: str, model: str, way: str, url: str) -> None:
    """Run an agent whose tool asks another model by the openai SDK, which is no part of the run."""
    set_providers()
    INSTRUMENTATIONS[instrumentation]()
    before = global_objects()
    expert = AsyncOpenAI(api_key=KEY, base_url=url)

    async def add(a: int, b: int) -> str:
        """Add two numbers, by asking somebody."""
        reply = await expert.chat.completions.create(model="gpt-expert", messages=MESSAGES)
        return str(reply.choices[0].message.content)

    agent = LightAgent(name="desk", model=MODELS[model](url), tools=[add])
    if way == "streamed":
        stream = agent.astream_events(QUESTION)
        async for _ in stream:
            pass
        result = stream.result
    else:
        result = await agent.arun_result(QUESTION)
    await agent.aclose()
    await expert.close()
    await asyncio.sleep(1)  # LiteLLM tells its callbacks later, in a task of its own.
    tell(content=result.content, trace_id=result.trace_id, globals_unchanged=same(before, global_objects()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(*sys.argv[1:]))
