"""Stores of one test on the session's PostgreSQL server, and what the test does to the server meanwhile."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from uuid import uuid4

from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope
from tests.servers.postgres import PostgresServer

ANN = Scope("acme", "ann")
BOB = Scope("acme", "bob")
CHAT = StreamKey(ANN, "session", "chat")

_TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = 'lightagent' AND pid <> pg_backend_pid()"
)


class Place:
    """A schema that no other test has."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.schema_name = f"test_{uuid4().hex}"

    def store(
        self,
        url: str = "",
        *,
        connections: int = 10,
        connection_timeout: float = 30.0,
        statement_timeout: float = 30.0,
        prepared_statements: bool = True,
    ) -> PostgresJournalStore:
        """A store in that schema."""
        return PostgresJournalStore(
            url or self.server.url,
            schema_name=self.schema_name,
            connections=connections,
            connection_timeout=connection_timeout,
            statement_timeout=statement_timeout,
            prepared_statements=prepared_statements,
        )

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Somebody does something behind the store's back; OURS stands for the schema."""
        return self.server.execute(statement.replace("OURS", self.schema_name))

    def connections(self) -> int:
        """How many connections of stores there are, of whatever test."""
        ((count,),) = self.server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lightagent'")
        assert isinstance(count, int)
        return count

    def waiting(self) -> int:
        """How many connections of stores wait for a lock."""
        ((count,),) = self.server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lightagent' AND wait_event_type = 'Lock'"
        )
        assert isinstance(count, int)
        return count

    def kill(self, kind: str = "client backend") -> None:
        """Kill processes of the server of a kind, at least one; of those that serve clients only what stores use.

        The server then ends all its processes and recovers from its log. Where it still does so, it is waited for.
        """
        import psycopg

        statement = (
            f"SELECT pid FROM pg_stat_activity WHERE backend_type = '{kind}' "
            "AND (application_name = 'lightagent' OR backend_type <> 'client backend')"
        )
        killed = 0
        while not killed:
            with suppress(psycopg.OperationalError):
                for (pid,) in self.server.execute(statement):
                    with suppress(ProcessLookupError):
                        os.kill(int(str(pid)), signal.SIGKILL)
                        killed += 1

    def terminate(self) -> int:
        """End all connections of stores; how many there were."""
        ((count,),) = self.server.execute(_TERMINATE)
        assert isinstance(count, int)
        return count

    @contextmanager
    def terminating(self, every: float) -> Iterator[list[int]]:
        """End all connections of stores again and again, and note how many each time."""
        over, counts = Event(), list[int]()

        def again() -> None:
            while not over.wait(every):
                counts.append(self.terminate())

        thread = Thread(target=again)
        thread.start()
        try:
            yield counts
        finally:
            over.set()
            thread.join()
