"""A PostgreSQL server on a Unix socket. It waits for no disk, since no test takes the power away."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.child import Child, running

PROGRAM = Path(__file__).with_name("postgres_child.py")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PASSWORD = "hunter2-hunter2"
HBA = "('local all guest scram-sha-256'), ('local all all trust')"


@dataclass(frozen=True)
class PostgresServer:
    """`url` is for the superuser, who needs no password; `guest_url` for a role that has the password `PASSWORD`."""

    url: str
    child: Child

    @property
    def guest_url(self) -> str:
        return self.url.replace("postgres:@", f"guest:{PASSWORD}@")

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """What the server answers; each statement is a transaction."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start it in a folder of its own, wait until it answers, and stop it at the end."""
    # The name of a socket is at most 107 bytes long, and the server runs as another user than root.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, str(PROGRAM), folder]
        log = Path(folder) / "server.log"
        with running("postgres", command, log=log, start_seconds=START_SECONDS, stop_seconds=STOP_SECONDS) as child:
            server = PostgresServer(child.url, child)
            server.execute("ALTER SYSTEM SET fsync = off")
            server.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
            server.execute(f"COPY (VALUES {HBA}) TO '{folder}/data/pg_hba.conf'")
            server.execute("SELECT pg_reload_conf()")
            yield server
