"""How a server is used."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Limits:
    """See `PostgresJournalStore`, which takes each of them.

    Raises:
        ConfigurationError: one of them is not above 0.
    """

    connections: int
    connection_timeout: float
    statement_timeout: float
    prepared_statements: bool

    def __post_init__(self) -> None:
        for name in ("connections", "connection_timeout", "statement_timeout"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be above 0, got {getattr(self, name)!r}.", guidance="")
