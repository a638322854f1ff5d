"""What PostgreSQL's errors mean, and what to do about each.

The server gives a code (SQLSTATE) for whatever goes wrong with a statement. What goes wrong with a connection has none
in libpq, so there the words decide; where a server speaks another language, the general error quotes it.
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
        "Lower connections, raise max_connections of the server, or set a pooler before it.",
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
"""What stands in the error of a connection; what it is, what to do, and whether it may pass."""

_READ_ONLY: Final = (
    "Connect to the primary: name all servers in the URL, separated by commas, and target_session_attrs=read-write."
)
_STATEMENTS: Final[dict[str, tuple[type[LightAgentError], str, bool]]] = {
    "26000": (ConfigurationError, _POOLER, False),
    "42P05": (ConfigurationError, _POOLER, False),
    "25006": (StoreError, _READ_ONLY, False),
    "53100": (StoreError, "Make room on the server's disk; what was acknowledged is kept.", True),
    "53200": (StoreError, "Give the server more memory, or append less at once.", True),
    "57014": (StoreError, "Find out what holds the server up (pg_stat_activity), or raise statement_timeout.", True),
    "55P03": (StoreError, "Find out what holds the lock (pg_stat_activity), or raise lock_timeout.", True),
    "42501": (
        ConfigurationError,
        "Let the owner grant it: CREATE on the database at the first use, later USAGE on the schema and all rights on "
        "its tables and its sequence.",
        False,
    ),
    "42P01": (
        StoreError,
        "Somebody removed the tables; close the store, and they are made anew at the next use.",
        False,
    ),
    "3F000": (StoreError, "Somebody removed the schema; close the store, and it is made anew at the next use.", False),
    "XX001": (DamagedStream, "Restore the database from a backup.", False),
    "XX002": (DamagedStream, "Rebuild the index with REINDEX.", False),
}
"""What to do about a statement's error, by its SQLSTATE."""


def passes(exc: psycopg.Error) -> bool:
    """Whether the same may succeed on another connection in a moment, since nothing is wrong with the request.

    The connection was lost, the server restarts, or it ended one of two transactions that stood in each other's way.
    """
    if exc.sqlstate is not None:
        return exc.sqlstate.startswith(("08", "40", "57P"))
    return isinstance(exc, psycopg.OperationalError)


class NoConnection(Exception):
    """No connection could be made.

    Args:
        told: what is raised if it is not tried again.
        soon: whether the server was there and said that it will be of use in a moment.
    """

    def __init__(self, told: LightAgentError, soon: bool = False) -> None:
        super().__init__(str(told))
        self.told, self.soon = told, soon


def connecting_failed(exc: psycopg.Error, address: Address) -> NoConnection:
    """What it means that no connection could be made."""
    said = _plain(exc, address)
    for pattern, kind, advice, retryable in _CONNECTING:
        if re.search(pattern, said):
            return NoConnection(
                kind(f"PostgreSQL at {address}: {said}", guidance=advice, retryable=retryable), retryable
            )
    if isinstance(exc, psycopg.OperationalError):
        told = f"PostgreSQL at {address} cannot be reached: {said}"
        return NoConnection(StoreError(told, guidance=_OPEN, retryable=True))
    return NoConnection(ConfigurationError(f"PostgreSQL at {address}: {said}", guidance="Check the URL."))


def statement_failed(exc: psycopg.Error, address: Address) -> LightAgentError:
    """What is raised where the server refused a statement, or was lost and did not come back."""
    said = f"PostgreSQL at {address}: {_plain(exc, address)}"
    if passes(exc):
        return StoreError(
            said, guidance="Try again, and check that the server runs. What was acknowledged is kept.", retryable=True
        )
    if exc.sqlstate in _STATEMENTS:
        kind, advice, retryable = _STATEMENTS[exc.sqlstate]
        return kind(said, guidance=advice, retryable=retryable)
    if isinstance(exc, psycopg.DataError):
        return ConfigurationError(said, guidance="This cannot be kept; nothing was written.")
    return StoreError(said, guidance="Look the error up in the log of the server. What was acknowledged is kept.")


def _plain(exc: psycopg.Error, address: Address) -> str:
    """The error's text on one line, without the password."""
    primary = exc.diag.message_primary if exc.sqlstate else None
    words = " ".join((primary or str(exc)).split())
    return f"{address.masked(words)[:500].rstrip('.')}." if words else f"{type(exc).__name__}."
