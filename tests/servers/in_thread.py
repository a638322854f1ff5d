"""A server over HTTP in a thread of the test, as long as a block lasts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket

from tests.servers.polling import POLL_SECONDS


class PlayServer(ThreadingHTTPServer):
    """A server for any number of clients, each of which is served in a thread."""

    request_queue_size = 256
    """Connections that wait. Hundreds may come at once, and those beyond are reset where the machine is busy."""

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """A client that left is not an error, and must not be printed into the output of a command under test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The host and the port of a server whose requests `handler` answers."""
    with PlayServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
