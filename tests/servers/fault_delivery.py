"""How an answer goes over the wire: late, in pieces, byte by byte, cut short, or never."""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from tests.servers.fault_options import Options
from tests.servers.fault_wire import Reply

FOREVER = 3600.0


class Link(Protocol):
    """The server's side of a connection. Everything awaited here is cancelled when the client goes away."""

    async def write(self, data: bytes) -> None: ...

    async def rest(self, seconds: float) -> None:
        """Send nothing for so long."""

    async def turn(self) -> None:
        """Wait until the test gives the connection its next turn."""

    def end(self, how: str) -> None:
        """`fin`: close in order; `rst`: abort, so that the client sees "connection reset by peer"."""


async def deliver(link: Link, reply: Reply, options: Options, *, reused: bool = False) -> bool:
    """Send the answer, as the options say; True if all of it was sent.

    drop=fin|rst   end the connection instead of an answer
    delay=S        seconds before the first byte             body_delay=S   seconds between head and body
    pieces=N       cut the body every N bytes, gap_ms apart  trickle_ms=T   every byte by itself, T ms apart
    by_turns=1     each of those pieces waits until the test gives the connection a turn
    stall=K        nothing more after K parts (SSE events)
    cut=K          end after K parts; inside=1: in the middle of the next; end=fin|rst|clean
                   (clean: a complete HTTP message, only its content is cut)
    reuse=fin|rst  end a connection that is used for the second time instead of an answer
    after=fin|rst  end the connection after the complete answer
    """
    drop = options.text("reuse") if reused and "reuse" in options.given else options.text("drop")
    if drop:
        link.end(drop)
        return False
    await link.rest(options.number("delay"))
    cut = options.integer("cut", -1)
    clean = options.text("end") == "clean"
    if cut >= 0 and clean:
        reply = _shortened(reply, cut)
    await _send(link, reply.head(), options)
    await link.rest(options.number("body_delay"))
    for position, part in enumerate(reply.parts):
        if position == options.integer("stall", -1):
            await link.rest(FOREVER)
        if position == cut and not clean:
            if options.flag("inside"):
                await _send_body(link, reply, part[: len(part) // 2], options)
            link.end(options.text("end", "fin"))
            return False
        await _send_body(link, reply, part, options)
    if reply.length is None:
        await _send(link, b"0\r\n\r\n", options)
    if options.text("after"):
        link.end(options.text("after"))
    return True


def _shortened(reply: Reply, cut: int) -> Reply:
    parts = [part for position, part in enumerate(reply.parts) if position < cut]
    length = None if reply.length is None else sum(map(len, parts))
    return Reply(parts, length, reply.status, reply.headers)


async def _send_body(link: Link, reply: Reply, part: bytes, options: Options) -> None:
    for piece in _pieces(part, options.integer("pieces")):
        if options.flag("by_turns"):
            await link.turn()
        if "gap_ms" in options.given:
            await asyncio.sleep(options.number("gap_ms") / 1000)
        await _send(link, b"%x\r\n%s\r\n" % (len(piece), piece) if reply.length is None else piece, options)


def _pieces(part: bytes, size: int) -> Iterator[bytes]:
    size = size or len(part) or 1
    return (part[start : start + size] for start in range(0, len(part), size))


async def _send(link: Link, data: bytes, options: Options) -> None:
    trickle = options.number("trickle_ms")
    if not trickle:
        await link.write(data)
        return
    for position in range(len(data)):
        await link.write(data[position : position + 1])
        await asyncio.sleep(trickle / 1000)
