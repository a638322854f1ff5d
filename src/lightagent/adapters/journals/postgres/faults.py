"""What PostgreSQL's errors mean, and what to do about each.

The server gives a code (SQLSTATE) for whatever goes wrong with a statement. What goes wrong with a connection has none
in libpq, so there the words decide; where a server speaks another language, the general error quotes it.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg_pool import PoolClosed

from lightagent.adapters.journals.postgres.address import Address
from lightagent.domain.errors import ConfigurationError, DamagedStream, LightAgentError, StoreError

_OPEN: Final = "Check host and port, that the server runs, and that a firewall lets it be reached."
_CONNECTING: Final[tuple[tuple[tuple[str, ...], type[LightAgentError], str, bool], ...]] = (
    (
        ("authentication failed", "no password supplied", 'role "', "no pg_hba.conf entry"),
        ConfigurationError,
        "Check user and password in the URL, PGPASSWORD or ~/.pgpass, and the server's pg_hba.conf.",
        False,
    ),
    (('database "',), ConfigurationError, "Create the database, or name another at the end of the URL.", False),
    (("certificate", "SSL", "sslmode"), ConfigurationError, "Check sslmode and sslrootcert in the URL.", False),
    (
        ("too many", "remaining connection slots"),
        StoreError,
        "Lower connections, raise max_connections of the server, or set a pooler before it.",
        True,
    ),
    (
        ("starting up", "shutting down", "in recovery mode", "not yet accepting connections"),
        StoreError,
        "Try again in a moment.",
        True,
    ),
    (
        ("read-only", "session is not read-write", "in hot standby"),
        StoreError,
        "Name the primary server, or all of them, separated by commas.",
        True,
    ),
)
"""Words in the error of a connection; what it is, what to do, and whether it may pass."""

_READ_ONLY: Final = (
    "Connect to the primary: name all servers in the URL, separated by commas, and target_session_attrs=read-write."
)
_STATEMENTS: Final[dict[str, tuple[type[LightAgentError], str, bool]]] = {
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
    return isinstance(exc, psycopg.OperationalError) and not isinstance(exc, PoolClosed)


def connecting_failed(exc: psycopg.Error, address: Address) -> LightAgentError:
    """What is raised where no connection can be had."""
    said = _plain(exc, address)
    for words, kind, advice, retryable in _CONNECTING:
        if any(word in said for word in words):
            return kind(f"PostgreSQL at {address}: {said}", guidance=advice, retryable=retryable)
    if isinstance(exc, psycopg.OperationalError):
        return StoreError(f"PostgreSQL at {address} cannot be reached: {said}", guidance=_OPEN, retryable=True)
    return ConfigurationError(f"PostgreSQL at {address}: {said}", guidance="Check the URL.")


def statement_failed(exc: psycopg.Error, address: Address) -> LightAgentError:
    """What is raised where the server refused a statement, or was lost and did not come back."""
    said = f"PostgreSQL at {address}: {_plain(exc, address)}"
    if isinstance(exc, PoolClosed):
        return StoreError("The store was closed meanwhile.", guidance="Close it when nobody uses it any more.")
    if passes(exc):
        return StoreError(said, guidance="Check that the server runs; what was acknowledged is kept.", retryable=True)
    if exc.sqlstate in _STATEMENTS:
        kind, advice, retryable = _STATEMENTS[exc.sqlstate]
        return kind(said, guidance=advice, retryable=retryable)
    if isinstance(exc, psycopg.DataError):
        return ConfigurationError(said, guidance="This cannot be kept; nothing was written.")
    return StoreError(said, guidance="See the cause.")


def _plain(exc: psycopg.Error, address: Address) -> str:
    """The error's text on one line, without the password."""
    primary = exc.diag.message_primary if exc.sqlstate else None
    words = " ".join((primary or str(exc)).split())
    return f"{address.masked(words)[:500].rstrip('.')}." if words else f"{type(exc).__name__}."
