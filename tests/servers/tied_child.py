"""Runs a server that knows nothing of us: `python tied_child.py PORT COMMAND…`.

It says "listening on URL" once the port accepts connections, and ends the server when its standard input closes, when
it is told to end, or with the server. It knows only the standard library.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

POLL_SECONDS = 0.05


def main(port: int, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    threading.Thread(target=_end_with_stdin, args=[server], daemon=True).start()
    while server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(POLL_SECONDS)
    else:
        return server.returncode
    sys.stdout.write(f"listening on http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    return server.wait()


def _end_with_stdin(server: subprocess.Popen[bytes]) -> None:
    sys.stdin.read()
    server.terminate()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
