"""Liveness and readiness probes of a worker, under the names that `lightagent serve` has for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from lightagent.domain.errors import ConfigurationError


@asynccontextmanager
async def health_server(unready: Callable[[], Awaitable[str]], host: str, port: int) -> AsyncGenerator[str]:
    """Answer ``GET /healthz`` and ``/readyz`` within it; gives the URL.

    Args:
        unready: returns why the worker takes no work now, which is answered with 503; empty if it does.
        port: 0 for a free one.

    Raises:
        ConfigurationError: nothing can listen there.
    """

    async def healthy(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        reason = await unready()
        if reason:
            return web.json_response({"status": "unready", "reason": reason}, status=503)
        return web.json_response({"status": "ok"})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthy), web.get("/readyz", ready)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(
                f"worker: cannot listen on {host!r:.100}, port {port}: {error.strerror or error}.",
                guidance="Another program may use the port; --health-port 0 chooses a free one.",
            ) from None
        address: tuple[str, int] = runner.addresses[0][:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"
    finally:
        await runner.cleanup()
