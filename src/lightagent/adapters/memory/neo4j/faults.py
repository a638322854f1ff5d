"""What Neo4j's errors mean, and what to do about each. Their words may quote what was written, so codes stand here."""

from __future__ import annotations

from typing import Final

from neo4j.exceptions import (
    AuthError,
    ConnectionAcquisitionTimeoutError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from lightagent.adapters.memory.neo4j.address import Address
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError

_ADVICE: Final[tuple[tuple[str, type[LightAgentError], str, bool], ...]] = (
    ("Security.Forbidden", ConfigurationError, "Let an administrator grant the user rights on the database.", False),
    ("Security.", ConfigurationError, "Check user and password.", False),
    ("DatabaseNotFound", ConfigurationError, "Create the database, or name another.", False),
    ("DatabaseUnavailable", StoreError, "Try again in a moment, and check that the database is started.", True),
    ("Transaction.TransactionTimedOut", StoreError, "Find out what holds the server up, or raise the timeout.", True),
    ("Transaction.TransactionTimedOutClientConfiguration", StoreError, "Find out what holds the server up.", True),
    ("General.OutOfDiskSpace", StoreError, "Make room on the server's disk; what was acknowledged is kept.", True),
    ("MemoryPoolOutOfMemory", StoreError, "Give the server more memory, or write less at once.", True),
    ("General.StackOverFlowError", StoreError, "Ask for fewer things at once.", False),
    ("TransientError", StoreError, "Try again.", True),
)
"""What stands in the code of a server's error; what it is, what to do, and whether it may pass."""


def fault_of(exc: DriverError | Neo4jError | TimeoutError, address: Address) -> LightAgentError:
    """What is raised instead of an error of the driver or the server."""
    if isinstance(exc, TimeoutError):
        return StoreError(
            f"Neo4j at {address} does not answer.",
            guidance="Find out what holds the server up, or raise statement_timeout. What was acknowledged is kept.",
            retryable=True,
        )
    if isinstance(exc, ConnectionAcquisitionTimeoutError):
        return StoreError(
            f"Neo4j at {address}: all connections are taken.",
            guidance="Try again, or raise connections or connection_timeout.",
            retryable=True,
        )
    if isinstance(exc, AuthError):
        return ConfigurationError(
            f"Neo4j at {address} refused the login ({exc.code}).", guidance="Check user and password."
        )
    if isinstance(exc, (ServiceUnavailable, SessionExpired)):
        return StoreError(
            f"Neo4j at {address} cannot be reached.",
            guidance="Check host and port, and that the server runs. What was acknowledged is kept.",
            retryable=True,
        )
    if isinstance(exc, DriverError):
        return StoreError(f"Neo4j at {address}: the driver gave up: {type(exc).__name__}.", guidance="")
    code = exc.code or type(exc).__name__
    for part, kind, advice, retryable in _ADVICE:
        if part in code:
            return kind(f"Neo4j at {address} failed: {code}.", guidance=advice, retryable=retryable)
    return StoreError(f"Neo4j at {address} failed: {code}.", guidance="Look the code up in the log of the server.")


def concerns_server(error: Exception) -> bool:
    """Whether it says something about the server, and nothing about what was asked of it."""
    absent = (AuthError, ConnectionAcquisitionTimeoutError, ServiceUnavailable, SessionExpired, TimeoutError)
    return isinstance(error.__cause__, absent)


def is_there_already(error: Exception) -> bool:
    """Whether another client made the same constraint or index meanwhile."""
    cause = error.__cause__
    return isinstance(cause, Neo4jError) and "Schema." in (cause.code or "") and "AlreadyExists" in (cause.code or "")
