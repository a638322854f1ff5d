"""Run the application with uvicorn and shut it down gracefully."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Final

import uvicorn

from lightagent.agent import LightAgent
from lightagent.bootstrap import App
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.serving.connection_limits import timed_protocol
from lightagent.entrypoints.serving.serve import serve
from lightagent.entrypoints.serving.state import Serving
from lightagent.flow import LightFlow
from lightagent.settings.sections.serve import ServeSettings
from lightagent.swarm import LightSwarm

_BACKLOG: Final = 2048
"""Size of the queue of connections that wait to be accepted."""


class _Server(uvicorn.Server):
    """A uvicorn server that lets active runs end before it closes their connections."""

    def __init__(self, config: uvicorn.Config, serving: Serving) -> None:
        super().__init__(config)
        self._serving = serving

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Make SIGINT and SIGTERM stop the server.

        Unlike uvicorn's own method it does not raise the signals again afterwards, which would end the process before
        agents and stores are closed.
        """
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serving.stop()  # Meanwhile probes and clients still get the answer that the server is stopping.
        await super().shutdown(sockets)


def listen(
    app: App,
    agents: Sequence[LightAgent],
    swarms: Mapping[str, LightSwarm],
    flows: Sequence[LightFlow],
    settings: ServeSettings,
    tell: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then close the agents, the flows and the app.

    Args:
        app: its agent is served if no agents, swarms or flows are given.
        tell: called with the URL once the server listens.

    Raises:
        ConfigurationError: the address needs access keys and there are none, or it cannot be bound.
    """
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(_listen(app, agents, swarms, flows, settings, tell))


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the loop factory of uvloop if it is installed, else None. uvicorn itself selects httptools likewise."""
    try:
        import uvloop
    except ImportError:
        return None
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make


async def _listen(
    app: App,
    agents: Sequence[LightAgent],
    swarms: Mapping[str, LightSwarm],
    flows: Sequence[LightFlow],
    settings: ServeSettings,
    tell: Callable[[str], None],
) -> None:
    async with app:
        own = [*agents] if agents or swarms or flows else [app.agent()]
        starlette = serve(
            own, swarms=swarms, flows=flows, settings=settings, store=app.journals, telemetry=app.telemetry
        )
        serving: Serving = starlette.state.serving
        require_keys(settings.host, has_keys=await serving.authentication.needed())
        with listening(settings) as sock:
            host, port = sock.getsockname()[:2]
            tell(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            config = uvicorn.Config(
                starlette,
                http=timed_protocol(settings),
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
            try:
                await _Server(config, serving).serve([sock])
            finally:
                await _close(agents, flows)


async def _close(agents: Sequence[LightAgent], flows: Sequence[LightFlow]) -> None:
    async with AsyncExitStack() as stack:
        for agent in agents:
            stack.push_async_callback(agent.aclose)
        for flow in flows:
            stack.push_async_callback(flow.aclose)


def require_keys(host: str, *, has_keys: bool) -> None:
    """Raise if other machines could use the server without a key.

    Raises:
        ConfigurationError: the host is not a loopback address, and the server does not require keys.
    """
    if has_keys or is_loopback(host):
        return
    raise ConfigurationError(
        f"serve: to listen on {host!r:.100} access keys are required, since other machines can reach it.",
        guidance="Create one with `lightagent keys create`, or leave --host out.",
    )


def is_loopback(host: str) -> bool:
    """Return whether the host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(settings: ServeSettings) -> socket.socket:
    """Return a listening socket at the host and port of the settings.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)  # Listens before the address is announced, so that early clients wait in the queue.
    except OSError as exc:
        raise ConfigurationError(
            f"serve: cannot listen on {settings.host!r:.100}, port {settings.port}: {exc.strerror or exc}.",
            guidance="Another program may use the port; --port 0 chooses a free one.",
        ) from exc
    return sock
