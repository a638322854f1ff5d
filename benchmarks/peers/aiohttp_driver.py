"""The floor: a loop by hand on aiohttp, with no library between. Less is hardly possible."""

import json
from collections.abc import AsyncIterator

import aiohttp
import common

SYNC = False
sessions: dict[str, aiohttp.ClientSession] = {}
Message = dict[str, object]


def build(url: str, tools: bool) -> tuple[str, Message]:
    """The endpoint, and what every request to it holds."""
    known: Message = {"model": common.MODEL, "tools": [common.ADD_SCHEMA]} if tools else {"model": common.MODEL}
    return url + "/v1/chat/completions", known


async def run(agent: tuple[str, Message], prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    url, known = agent
    messages = beginning(prompt)
    for _ in range(max_turns):
        async with session(url).post(url, json={**known, "messages": messages}) as response:
            message = json.loads(await response.read())["choices"][0]["message"]
        if not message.get("tool_calls"):
            return str(message["content"])
        messages.append(message)
        for call in message["tool_calls"]:
            answer = common.add(**json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": answer})
    raise RuntimeError("too many turns")


async def stream(agent: tuple[str, Message], prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    url, known = agent
    async with session(url).post(url, json={**known, "messages": beginning(prompt), "stream": True}) as response:
        async for line in response.content:
            if line.startswith(b"data: {"):
                yield json.loads(line[6:])["choices"][0]["delta"].get("content")


def beginning(prompt: str) -> list[Message]:
    """The messages a conversation begins with."""
    return [{"role": "system", "content": common.SYSTEM}, {"role": "user", "content": prompt}]


def session(url: str) -> aiohttp.ClientSession:
    """One for each endpoint; it must be made inside the event loop."""
    if url not in sessions:
        sessions[url] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    return sessions[url]
