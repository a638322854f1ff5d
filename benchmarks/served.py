"""Serves an agent of one library until the process is ended, or its standard input; `serving.py` starts it.

python benchmarks/served.py lightagent http://127.0.0.1:PORT/chunks=20,gap=1000

It listens on a free port of 127.0.0.1 and prints it. uvicorn is the server of all of them, with the same event loop and
the same parser of HTTP.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Callable
from importlib import import_module

import uvicorn
from starlette.types import ASGIApp


async def serve(library: str, url: str) -> None:
    """Listen, and tell where."""
    make: Callable[[str], ASGIApp] = import_module(f"peers.served_{library}").application
    app = make(url)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(4096)
        print(sock.getsockname()[1], flush=True)
        http = protocol() if library in ("lightagent", "in_process") else "auto"
        config = uvicorn.Config(app, http=http, log_level="critical", ws="none", access_log=False)
        await uvicorn.Server(config).serve([sock])


def protocol() -> type[asyncio.Protocol]:
    """That of `lightagent serve`, with its limits of time."""
    from lightagent.entrypoints.serving.connection_limits import timed_protocol
    from lightagent.settings.sections.serve import ServeSettings

    return timed_protocol(ServeSettings())


def end_with_the_parent() -> None:
    """End this process as soon as the one that has started it is gone."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    config = uvicorn.Config(lambda: None, loop="auto")
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve(sys.argv[1], sys.argv[2]))
