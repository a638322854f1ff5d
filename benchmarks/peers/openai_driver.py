"""The raw openai client in a loop by hand: what all ratios refer to."""

import json
from collections.abc import AsyncIterator

import common
from openai import AsyncOpenAI, Omit, omit
from openai.types.chat import (
    ChatCompletionMessageParam,
    ChatCompletionMessageToolCallUnionParam,
    ChatCompletionToolParam,
)

SYNC = False
clients: dict[str, AsyncOpenAI] = {}
Agent = tuple[AsyncOpenAI, list[ChatCompletionToolParam] | Omit]


def build(url: str, tools: bool) -> Agent:
    """A client, one for each endpoint, and the tools it offers."""
    if url not in clients:
        clients[url] = AsyncOpenAI(base_url=url + "/v1", api_key="x")
    return clients[url], [common.ADD_SCHEMA] if tools else omit


async def run(agent: Agent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    client, tools = agent
    messages = beginning(prompt)
    for _ in range(max_turns):
        reply = await client.chat.completions.create(model=common.MODEL, messages=messages, tools=tools)
        message = reply.choices[0].message
        calls = [call for call in message.tool_calls or () if call.type == "function"]
        if not calls:
            return message.content or ""
        asked: list[ChatCompletionMessageToolCallUnionParam] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in calls
        ]
        messages.append({"role": "assistant", "tool_calls": asked})
        for call in calls:
            answer = common.add(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
    raise RuntimeError("too many turns")


async def stream(agent: Agent, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    client, tools = agent
    chunks = await client.chat.completions.create(
        model=common.MODEL, messages=beginning(prompt), tools=tools, stream=True
    )
    async for chunk in chunks:
        if chunk.choices:
            yield chunk.choices[0].delta.content


def beginning(prompt: str) -> list[ChatCompletionMessageParam]:
    """The messages a conversation begins with."""
    return [{"role": "system", "content": common.SYSTEM}, {"role": "user", "content": prompt}]
