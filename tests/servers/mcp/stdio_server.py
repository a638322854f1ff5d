"""The faulty MCP server over standard input and output."""

import json
import sys
import threading
import time

from tests.servers.mcp.faulty import Faulty, Message, options


def main() -> None:
    """Serve until the input ends."""
    given = options()
    server = Faulty(given)
    lock = threading.Lock()

    def write(message: Message) -> None:
        with lock:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    sys.stdout.write("this is no message\n")
    for line in sys.stdin:
        server.take(json.loads(line), write)
    while given.stay:
        time.sleep(60)


if __name__ == "__main__":
    main()
