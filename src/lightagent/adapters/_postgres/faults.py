"""Translates errors of PostgreSQL into errors of lightagent, with advice for each.

An error of a statement has a code (SQLSTATE). An error of a connection has none in libpq, so it is recognized by its
words; if the server writes in another language, the error quotes the server's text with general advice.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg

from lightagent.adapters._postgres.address import Address
from lightagent.domain.errors import ConfigurationError, DamagedStream, LightAgentError, StoreError

_OPEN: Final = "Check host and port, that the server runs, and that a firewall lets it be reached."
_POOLER: Final = "Behind a transaction pooler such as PgBouncer, set prepared_statements to false."
_CONNECTING: Final[tuple[tuple[str, type[LightAgentError], str, bool], ...]] = (
    (
        r"authentication failed|no password supplied|role \".*\" does not exist|no pg_hba.conf|not permitted to log in",
        ConfigurationError,
        "Check user and password in the URL, PGPASSWORD or ~/.pgpass, and the server's pg_hba.conf.",
        False,
    ),
    (
        r"database \".*\" does not exist",
        ConfigurationError,
        "Create the database, or name another at the end of the URL.",
        False,
    ),
    (r"ProactorEventLoop", ConfigurationError, "Run it in asyncio.SelectorEventLoop.", False),
    (r"startup parameter", ConfigurationError, _POOLER, False),
    (r"certificate|SSL", ConfigurationError, "Check sslmode and sslrootcert in the URL.", False),
    (
        r"too many|connection slots",
        StoreError,
        "Lower `connections`, raise the server's max_connections, or put a pooler in front of it.",
        True,
    ),
    (
        r"starting up|shutting down|recovery mode|not (yet|currently) accepting|terminating|closed the connection",
        StoreError,
        "Try again in a moment.",
        True,
    ),
    (r"read-only|read-write|hot standby", StoreError, "Name all servers in the URL, separated by commas.", True),
)
"""Errors of connections: a pattern of the text, the exception to raise, the advice, and whether a retry may help."""

_READ_ONLY: Final = (
    "Connect to the primary: name all servers in the URL, separated by commas, and target_session_attrs=read-write."
)
_STATEMENTS: Final[dict[str, tuple[type[LightAgentError], str, bool]]] = {
    "26000": (ConfigurationError, _POOLER, False),
    "42P05": (ConfigurationError, _POOLER, False),
    "25006": (StoreError, _READ_ONLY, False),
    "53100": (StoreError, "Free space on the server's disk. Acknowledged writes are not lost.", True),
    "53200": (StoreError, "Give the server more memory, or append less at once.", True),
    "57014": (StoreError, "Find out what delays the server (pg_stat_activity), or raise statement_timeout.", True),
    "55P03": (StoreError, "Find out what holds the lock (pg_stat_activity), or raise lock_timeout.", True),
    "42501": (
        ConfigurationError,
        "Ask the database's owner to grant the rights: CREATE on the database for the first use; later, USAGE on the "
        "schema, and all rights on its tables and its sequence.",
        False,
    ),
    "42P01": (
        StoreError,
        "The tables were removed. Close the store: they are created again at the next use.",
        False,
    ),
    "3F000": (StoreError, "The schema was removed. Close the store: it is created again at the next use.", False),
    "XX001": (DamagedStream, "Restore the database from a backup.", False),
    "XX002": (DamagedStream, "Rebuild the index with REINDEX.", False),
}
"""Errors of statements by their SQLSTATE: the exception to raise, the advice, and whether a retry may help."""


def passes(exc: psycopg.Error) -> bool:
    """Return whether the same statement may soon succeed on another connection.

    That is so if the connection was lost, if the server restarts, or if it ended one of two conflicting transactions.
    """
    if exc.sqlstate is not None:
        return exc.sqlstate.startswith(("08", "40", "57P"))
    return isinstance(exc, psycopg.OperationalError)


class NoConnection(Exception):
    """No connection could be opened.

    Args:
        told: the error to raise unless the connection is tried again.
        soon: whether the server answered that it cannot take a connection now but may in a moment.
    """

    def __init__(self, told: LightAgentError, soon: bool = False) -> None:
        super().__init__(str(told))
        self.told, self.soon = told, soon


def connecting_failed(exc: psycopg.Error, address: Address) -> NoConnection:
    """Translate an error of a connection attempt."""
    said = _plain(exc, address)
    for pattern, kind, advice, retryable in _CONNECTING:
        if re.search(pattern, said):
            return NoConnection(
                kind(f"PostgreSQL at {address}: {said}", guidance=advice, retryable=retryable), retryable
            )
    if isinstance(exc, psycopg.OperationalError):
        text = f"PostgreSQL at {address} cannot be reached: {said}"
        return NoConnection(StoreError(text, guidance=_OPEN, retryable=True))
    return NoConnection(ConfigurationError(f"PostgreSQL at {address}: {said}", guidance="Check the URL."))


def statement_failed(exc: psycopg.Error, address: Address) -> LightAgentError:
    """Translate an error of a statement that the server refused, or that still failed after the retries."""
    said = f"PostgreSQL at {address}: {_plain(exc, address)}"
    if passes(exc):
        return StoreError(
            said,
            guidance="Check that the server runs, and try again. Acknowledged writes are not lost.",
            retryable=True,
        )
    if exc.sqlstate in _STATEMENTS:
        kind, advice, retryable = _STATEMENTS[exc.sqlstate]
        return kind(said, guidance=advice, retryable=retryable)
    if isinstance(exc, psycopg.DataError):
        return ConfigurationError(said, guidance="PostgreSQL cannot store this value; nothing was written.")
    return StoreError(said, guidance="Look the error up in the log of the server. What was acknowledged is kept.")


def _plain(exc: psycopg.Error, address: Address) -> str:
    """Return the error's text on one line, of at most 500 characters, without the password."""
    primary = exc.diag.message_primary if exc.sqlstate else None
    words = " ".join((primary or str(exc)).split())
    return f"{address.masked(words)[:500].rstrip('.')}." if words else f"{type(exc).__name__}."
