"""An application served by uvicorn on this machine, in a thread, for clients that speak real HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from lightagent.entrypoints.serving.connection_limits import timed_protocol
from lightagent.settings.sections.serve import ServeSettings


@contextmanager
def served(app: ASGIApp, settings: ServeSettings | None = None) -> Iterator[str]:
    """The base address, without a path, as long as the application is served.

    Args:
        settings: serve it with the limits of connections that `lightagent serve` has.
    """
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        http = "auto" if settings is None else timed_protocol(settings)
        config = uvicorn.Config(app, http=http, log_level="critical", ws="none", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
        sock.listen(128)  # Clients that come before the server wait for it.
        thread.start()
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
