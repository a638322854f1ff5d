"""A run whose model calls somebody else traces as well.

    python -m tests.heavy.instrumented_calls INSTRUMENTATION MODEL plain|streamed URL

`none` may be given for INSTRUMENTATION. It runs where the instrumentations are; URL is that of an endpoint of models. The
spans are printed as JSON.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Final

from openai import AsyncOpenAI, OpenAI

from lightagent import ChatModel, ChatRequest, LightAgent, OpenAIChatModel
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.usage import Usage
from tests.heavy.told_spans import global_objects, same, set_providers, tell

QUESTION: Final = "[one-tool]"
KEY: Final = "sk-test"


class OwnModel(ChatModel):
    """What a user writes who has an openai client already: it calls `create`, which others wrap."""

    name = "gpt"

    def __init__(self, url: str) -> None:
        self._client = AsyncOpenAI(api_key=KEY, base_url=url)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        body = request.to_openai()
        if request.stream:
            chunks = await self._client.chat.completions.create(
                model="gpt", stream=True, stream_options={"include_usage": True}, **body
            )
            async for chunk in chunks:
                for choice in chunk.choices:
                    if choice.delta.content:
                        yield TextDelta(choice.delta.content)
                    for call in choice.delta.tool_calls or ():
                        told = call.function
                        yield ToolCallDelta(call.index, call.id or "", told.name or "", told.arguments or "")
        else:
            reply = await self._client.chat.completions.create(model="gpt", **body)
            ...
        yield ReplyEnd("stop", Usage(1, 1, 2))

    async def aclose(self) -> None:
        await self._client.close()
