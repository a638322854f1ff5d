"""How a server is used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """See `PostgresJournalStore`, which takes each of them."""

    connections: int
    connection_timeout: float
    statement_timeout: float
    prepared_statements: bool
