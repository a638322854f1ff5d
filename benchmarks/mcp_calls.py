"""What a call of an MCP tool through an open connection costs, beside the official SDK's own client.

    python benchmarks/mcp_calls.py
    python benchmarks/mcp_calls.py --calls 100 --transport stdio

Each call is made by every way in turn, in one process and in changing order: by the SDK alone, by a connection in the
same event loop, by one whose sessions live in another loop, since several use it, and by pydantic-ai and openai-agents
where they are installed (`pip install "pydantic-ai-slim[mcp]" openai-agents`). Only such a paired figure says anything
on a machine that does other things as well. The last two columns are medians of wall time and CPU beside those of the
SDK.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libraries import is_installed
from mcp import Client, StdioServerParameters
from peers.mcp_clients import Call, openai_agents_client, pydantic_ai_client

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.mcp.servers import HttpServer, McpServer, StdioServer
from lightagent.ports.mcp import McpCaller

NO_CALLER: Final = McpCaller()
SERVER: Final = str(Path(__file__).with_name("mcp_server.py"))
COMMAND: Final = [sys.executable, SERVER, "stdio"]
WARM_UP: Final = 20
PEERS: Final = {
    "pydantic-ai": (pydantic_ai_client, "fastmcp"),
    "openai-agents": (openai_agents_client, "agents"),
}
"""How other libraries call a server, and the module that each needs."""


@dataclass
class Cost:
    """Seconds a call."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def of(self, work: Awaitable[object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        await work
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


@contextmanager
def serving(transport: str) -> Iterator[str | None]:
    """The address of a server; None over stdio, where each client starts one."""
    if transport == "stdio":
        yield None
        return
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


async def measure(transport: str, calls: int) -> dict[str, Cost]:
    """What the calls cost, by way."""
    with serving(transport) as url:
        if url is None:
            bare = Client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:]), cache=None)
            server = McpServer("adding", StdioServer(COMMAND[0], tuple(COMMAND[1:])))
        else:
            bare, server = Client(url, cache=None), McpServer("adding", HttpServer(url))
        same, other = SdkConnection(server), SdkConnection(server)
        async with AsyncExitStack() as opened:
            opened.push_async_callback(same.aclose)
            opened.push_async_callback(other.aclose)
            client = await opened.enter_async_context(bare)
            await _call(other, 0)
            await asyncio.to_thread(lambda: asyncio.run(_call(other, 0)))  # Now it lives in a loop for all.
            ways: dict[str, Call] = {
                "SDK": lambda number: client.call_tool("add", {"a": number, "b": 2}),
                "same loop": lambda number: _call(same, number),
                "another loop": lambda number: _call(other, number),
            }
            for name, (connect, module) in PEERS.items():
                if is_installed(module):
                    ways[name] = await opened.enter_async_context(connect(COMMAND, url))
            return await compare(ways, calls)


async def compare(ways: dict[str, Call], calls: int) -> dict[str, Cost]:
    """What each way costs, in turn."""
    costs, names = {name: Cost() for name in ways}, list(ways)
    for number in range(WARM_UP):
        for call in ways.values():
            await call(number)
    for number in range(calls):
        # The order changes, since a call may leave the server work that slows the next one.
        first = number % len(names)
        for name in names[first:] + names[:first]:
            await costs[name].of(ways[name](number))
    return costs


async def _call(connection: SdkConnection, number: int) -> None:
    result = await connection.call("add", {"a": number, "b": 2}, NO_CALLER)
    if result.is_error:
        raise SystemExit("The server failed.")


def show(transport: str, costs: dict[str, Cost]) -> None:
    """Print one line for each way."""
    wall, cpu = (statistics.median(values) for values in (costs["SDK"].wall, costs["SDK"].cpu))
    for way, cost in costs.items():
        ours_wall, ours_cpu = statistics.median(cost.wall), statistics.median(cost.cpu)
        times = f"{ours_wall * 1e3:6.2f} ms wall  {ours_cpu * 1e3:6.2f} ms CPU"
        print(f"{transport:6}  {way:13}  {times}   x{ours_wall / wall:.2f}  x{ours_cpu / cpu:.2f}")


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until the server accepts connections."""
    for _ in range(1_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("The server does not start.")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500, help="calls a way")
    parser.add_argument("--transport", choices=["stdio", "http", "all"], default="all")
    given = parser.parse_args()
    for transport in ("stdio", "http") if given.transport == "all" else (given.transport,):
        show(transport, asyncio.run(measure(transport, given.calls)))


if __name__ == "__main__":
    main()
