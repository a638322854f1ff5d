"""A raw asyncio server for what no well-behaved server does, in a thread of its own beside the tests.

    scenario = faults.scenario("status", code=429, retry_after=1, times=2)
    agent = LightAgent(base_url=scenario.base_url, …)
    …
    assert len(scenario.requests) == 3
    await scenario.all_closed()

The behaviour and its options stand in the path of base_url, so any client can choose one: the names are in
fault_catalogue, the options in fault_behaviours, fault_wire and fault_delivery.
"""

import asyncio
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.servers import fault_behaviours
from tests.servers.child import ServerError
from tests.servers.fault_catalogue import CATALOGUE
from tests.servers.fault_connection import Connection, RawRequest
from tests.servers.fault_delivery import deliver
from tests.servers.fault_options import Option, Options, Route, build_path, parse_path
from tests.servers.fault_records import RecordedConnection, RecordedRequest
from tests.servers.polling import real_pause, ticks

START_SECONDS = 30.0
CLOSE_SECONDS = 15.0
BACKLOG = 4096


@dataclass
class FaultServer:
    port: int = 0
    refused_port: int = 0
    silent_port: int = 0
    requests: list[RecordedRequest] = field(default_factory=list)
    connections: list[RecordedConnection] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def scenario(self, behaviour: str = "ok", /, **options: Option) -> "Scenario":
        """A base URL of its own with this behaviour, and the record of what came to it."""
        if behaviour not in CATALOGUE:
            raise ValueError(f"no behaviour {behaviour!r}; there are: {', '.join(sorted(CATALOGUE))}")
        run = f"{behaviour}-{next(self.runs)}"
        path = build_path(behaviour, {**options, "run": run})
        return Scenario(self, run, f"http://127.0.0.1:{self.port}{path}/v1")

    @property
    def refused_url(self) -> str:
        """Nothing listens there: connection refused."""
        return f"http://127.0.0.1:{self.refused_port}/v1"

    @property
    def silent_url(self) -> str:
        """The connection is never established: for connect timeouts."""
        return f"http://127.0.0.1:{self.silent_port}/v1"

    @property
    def open_connections(self) -> list[RecordedConnection]:
        return [connection for connection in self.connections if connection.is_open]

    def recent(self, count: int = 20) -> str:
        """The last requests, for the report of a failed test."""
        return "\n".join([*map(str, self.requests[-count:]), *map(repr, self.failures)])


@dataclass(frozen=True)
class Scenario:
    server: FaultServer
    run: str
    base_url: str

    @property
    def requests(self) -> list[RecordedRequest]:
        return [request for request in self.server.requests if request.run == self.run]

    @property
    def connections(self) -> list[RecordedConnection]:
        """The connections that carried a request of this scenario, also those of clients that share a pool."""
        return [connection for connection in self.server.connections if self.run in connection.runs]

    @property
    def open_connections(self) -> list[RecordedConnection]:
        return [connection for connection in self.connections if connection.is_open]

    @property
    def is_silent(self) -> bool:
        """Whether a request came, and nothing more will follow on any connection, at least not soon."""
        return bool(self.connections) and all(connection.resting for connection in self.connections)

    async def all_closed(self, within: float = CLOSE_SECONDS) -> None:
        """Fail unless the client closes all connections of this scenario within so many seconds."""
        for pause in ticks(within):
            if not self.open_connections:
                return
            await real_pause(pause)
        raise self._still_open(within)

    def wait_closed(self, within: float = CLOSE_SECONDS) -> None:
        """The same, for tests without an event loop."""
        for pause in ticks(within):
            if not self.open_connections:
                return
            time.sleep(pause)
        raise self._still_open(within)

    def _still_open(self, within: float) -> AssertionError:
        left = [connection.number for connection in self.open_connections]
        return AssertionError(f"{len(left)} connections still open after {within:g} s: numbers {left}")


@dataclass
class Listener:
    """Runs in the thread: accepts connections, picks behaviours, keeps the record."""

    server: FaultServer
    ready: threading.Event = field(default_factory=threading.Event)
    attempts: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        listening = await self.loop.create_server(self._accept, "127.0.0.1", 0, backlog=BACKLOG)
        self.server.port = listening.sockets[0].getsockname()[1]
        self.ready.set()
        await self.stopping.wait()
        listening.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)

    def _accept(self) -> Connection:
        record = RecordedConnection(next(self.numbers))
        self.server.connections.append(record)
        return Connection(record, self._answer, self.server.failures.append)

    async def _answer(self, connection: Connection, raw: RawRequest) -> None:
        route = parse_path(raw.path)
        self.attempts[route.run] += 1
        attempt = self.attempts[route.run]
        connection.record.runs.add(route.run)
        connection.record.requests += 1
        number = connection.record.number
        request = RecordedRequest(route.run, attempt, number, raw.method, raw.path, raw.headers, raw.body)
        self.server.requests.append(request)
        content, options = _chosen(route, attempt)
        reply = content(request.json(), options)
        request.answered = await deliver(connection, reply, options, reused=connection.record.requests > 1)


def _chosen(route: Route, attempt: int) -> tuple[fault_behaviours.Content, Options]:
    times = route.options.integer("times")
    if times and attempt > times:
        then = CATALOGUE[route.options.text("then", "ok")]
        content, options = then.content, Options({}).over(then.defaults)
    else:
        behaviour = CATALOGUE[route.behaviour]
        content, options = behaviour.content, route.options.over(behaviour.defaults)
    if route.endpoint == "models" and content is fault_behaviours.ok:
        content = fault_behaviours.models
    return content, options


@contextmanager
def fault_server() -> Iterator[FaultServer]:
    """Start the server in its thread; at the end stop it, and fail if it ever failed itself."""
    server = FaultServer()
    listener = Listener(server)
    thread = threading.Thread(target=lambda: asyncio.run(listener.run()), name="test-fault-server", daemon=True)
    with ExitStack() as sockets:
        server.refused_port = _bound(sockets).getsockname()[1]
        server.silent_port = _never_accepting(sockets).getsockname()[1]
        thread.start()
        if not listener.ready.wait(START_SECONDS):
            raise ServerError(f"the fault server did not start within {START_SECONDS:g} s")
        try:
            yield server
        finally:
            listener.stop()
            thread.join(START_SECONDS)
    if thread.is_alive() or server.failures:
        raise ServerError(f"the fault server itself failed: alive={thread.is_alive()} {server.failures}")


def _bound(sockets: ExitStack) -> socket.socket:
    """A port that is ours but does not listen: the kernel refuses connections."""
    bound = sockets.enter_context(socket.socket())
    bound.bind(("127.0.0.1", 0))
    return bound


def _never_accepting(sockets: ExitStack) -> socket.socket:
    """A listener whose queue is full: the kernel leaves further connections without an answer."""
    listening = _bound(sockets)
    listening.listen(0)
    for _ in range(4):
        filler = sockets.enter_context(socket.socket())
        filler.setblocking(False)
        filler.connect_ex(listening.getsockname())
    return listening
