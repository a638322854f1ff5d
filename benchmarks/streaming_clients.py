"""Clients that measure a server from the outside: they write a request, and look for stamps in what comes back.

They parse no more than they must, since they share a core with the model, and every server has the same ones.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

STAMP = re.compile(rb"@(\d+)@")
HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nAccept: {accept}\r\n"


@dataclass(frozen=True)
class Question:
    """What is asked of a server.

    Attributes:
        path: of the address.
        body: of the request.
        kind: of the body.
        accept: what is wanted.
    """

    path: str
    body: bytes
    kind: str = "application/json"
    accept: str = "*/*"

    def request(self) -> bytes:
        """The request, as it is sent."""
        head = HEAD.format(path=self.path, kind=self.kind, accept=self.accept)
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


@dataclass
class Seen:
    """What all streams together have seen.

    Attributes:
        delays: in ns, from the moment in which the model sent a piece to that in which the client had it.
        pieces: of each stream, by its number.
    """

    delays: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)


class StreamClient(asyncio.Protocol):
    """One stream. A piece that is told again, as some do at the end, counts once."""

    def __init__(self, number: int, question: Question, seen: Seen, wanted: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number, self._question, self._seen, self._wanted = number, question, seen, wanted
        self._newest = 0
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(self._question.request())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._rest + data
        for found in STAMP.finditer(data):
            stamp = int(found[1])
            if stamp > self._newest:
                self._newest = stamp
                self._seen.delays.append(now - stamp)
                self._seen.pieces[self._number] += 1
        self._rest = data[-40:] if not STAMP.search(data[-40:]) else b""
        if self._seen.pieces[self._number] >= self._wanted and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"closed after {self._seen.pieces[self._number]} pieces"))

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()


class PlainClient:
    """Asks one question after another on a connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, question: Question) -> bytes:
        """The whole answer."""
        self._writer.write(question.request())
        head = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise ConnectionError(head.decode("latin-1") + str(await self._reader.read(2_000)))
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if length is not None:
            return await self._reader.readexactly(int(length[1]))
        return b"".join(await self._chunks())

    async def _chunks(self) -> Sequence[bytes]:
        found = list[bytes]()
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            found.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return found

    def close(self) -> None:
        """Leave."""
        self._writer.close()
