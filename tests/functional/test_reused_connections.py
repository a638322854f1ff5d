"""A connection that is used again may have been closed meanwhile: a request without an answer costs no attempt."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from lightagent import LightAgent
from lightagent.adapters.chat.openai import OpenAIChatModel
from tests.functional.agents import KEY, MODES, ask
from tests.servers.leaks import LeakCheck

ANSWER = json.dumps({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]}).encode()
LARGE = "x" * 1_200_000
"""A body of this size is written in pieces, from a file."""


@dataclass
class Closing:
    """A server that answers so many requests of each connection, and then does `how` to the next one."""

    how: str
    answers: int = 1
    port: int = 0
    connections: list[int] = field(default_factory=list)
    """Requests of each connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.connections)
        self.connections.append(0)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                lengths = [line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length")]
                await reader.readexactly(int(lengths[0]))
                self.connections[number] += 1
                if self.connections[number] > self.answers:
                    await self._end(writer)
                    return
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        if self.how == "reset":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.how == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER[:9])
            await writer.drain()


@asynccontextmanager
async def closing(how: str, answers: int = 1) -> AsyncIterator[tuple[Closing, LightAgent[None, str]]]:
    closer = Closing(how, answers)
    server = await asyncio.start_server(closer.serve, "127.0.0.1", 0)
    closer.port = server.sockets[0].getsockname()[1]
    agent = LightAgent(model=OpenAIChatModel("m", KEY, f"http://127.0.0.1:{closer.port}/v1", transport="aiohttp"))
    async with server:
        yield closer, agent
        await agent.aclose()


@MODES
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_what_a_kept_connection_does_not_answer_is_sent_once_more(
    leaks: LeakCheck, how: str, stream: bool
) -> None:
    async with closing(how) as (closer, agent):
        for query in ("Hello", "Hello", LARGE, "Hello"):
            ending = await ask(agent, query, stream=stream, max_retry=1)
            assert (ending.code, ending.result.content) == (None, "Hi")
    # Every second request found a closed connection, and went over one of its own, which is not used again.
    assert closer.connections == [2, 1, 2, 1]


@MODES
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_what_a_connection_of_its_own_does_not_answer_has_failed(
    leaks: LeakCheck, how: str, stream: bool
) -> None:
    async with closing(how, answers=0) as (closer, agent):
        ending = await ask(agent, "Hello", stream=stream, max_retry=1)
    assert ending.code == "LA-503"
    assert closer.connections == [1]


@MODES
async def test_an_answer_that_began_is_not_asked_for_again(leaks: LeakCheck, stream: bool) -> None:
    async with closing("half") as (closer, agent):
        assert (await ask(agent, "Hello", stream=stream, max_retry=1)).code is None
        assert (await ask(agent, "Hello", stream=stream, max_retry=1)).code == "LA-503"
    assert closer.connections == [2]


async def test_many_requests_that_find_their_connections_closed(leaks: LeakCheck) -> None:
    async with closing("reset") as (closer, agent):
        for _ in range(2):
            endings = await asyncio.gather(*(ask(agent, "Hello", stream=False, max_retry=1) for _ in range(20)))
            assert {ending.code for ending in endings} == {None}
    assert sum(closer.connections) <= 60
