"""What a call of an MCP tool through an open connection costs, beside the official SDK's own client.

    python benchmarks/mcp_calls.py
    python benchmarks/mcp_calls.py --calls 100 --transport stdio

Each call is made three times in turn, in one process and in changing order: by the SDK alone, by a connection in the
same event loop, and by one whose sessions live in another loop, since several use it. Only such a paired figure says
anything on a machine that does other things as well. The last two columns are medians of wall time and CPU beside those
of the SDK.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mcp import Client, StdioServerParameters

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.mcp import HttpServer, McpServer, StdioServer
from lightagent.ports.mcp import McpCaller

NO_CALLER: Final = McpCaller()
SERVER: Final = str(Path(__file__).with_name("mcp_server.py"))
WARM_UP: Final = 20
WAYS: Final = ("SDK", "same loop", "another loop")
Step = Callable[[int], Awaitable[object]]
"""Makes the call of this number."""


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
def serving(transport: str) -> Iterator[tuple[AbstractAsyncContextManager[Client], Callable[[], SdkConnection]]]:
    """The SDK's client and a connection of ours, both to be opened."""
    if transport == "stdio":
        args = [SERVER, "stdio"]
        ours = McpServer("adding", StdioServer(sys.executable, tuple(args)))
        yield Client(StdioServerParameters(command=sys.executable, args=args), cache=None), lambda: SdkConnection(ours)
        return
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        url = f"http://127.0.0.1:{port}/mcp"
        ours = McpServer("adding", HttpServer(url))
        yield Client(url, cache=None), lambda: SdkConnection(ours)
    finally:
        process.kill()
        process.wait()


async def measure(transport: str, calls: int) -> dict[str, Cost]:
    """What the calls cost, by way."""
    costs = {way: Cost() for way in WAYS}
    with serving(transport) as (bare, make):
        same, other = make(), make()
        async with bare as client:
            await other.call("add", {"a": 1, "b": 2}, NO_CALLER)
            await asyncio.to_thread(lambda: asyncio.run(_call(other, 0)))  # Now it lives in a loop for all.
            steps: dict[str, Step] = {
                "SDK": lambda number: client.call_tool("add", {"a": number, "b": 2}),
                "same loop": lambda number: _call(same, number),
                "another loop": lambda number: _call(other, number),
            }
            for number in range(WARM_UP):
                for step in steps.values():
                    await step(number)
            for number in range(calls):
                # The order changes, since a call may leave the server work that slows the next one.
                first = number % len(WAYS)
                for way in WAYS[first:] + WAYS[:first]:
                    await costs[way].of(steps[way](number))
        await same.aclose()
        await other.aclose()
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
        print(f"{transport:6}  {way:12}  {times}   x{ours_wall / wall:.2f}  x{ours_cpu / cpu:.2f}")


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
