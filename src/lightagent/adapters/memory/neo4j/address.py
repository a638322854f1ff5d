"""The address of a Neo4j server, and what bounds the use of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from lightagent.domain.errors import ConfigurationError

_SCHEMES: Final = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
_MOST: Final = 1e9
_FORM: Final = "Write it as neo4j://host:7687 (or neo4j+s:// over TLS); user and password are options of their own."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and how to prove who we are.

    Attributes:
        url: ``bolt://host:7687`` for one server, ``neo4j://…`` for a cluster; with ``+s`` over TLS.
        user, password: None: it asks for none.
        database: of the server; None: its default.

    Raises:
        ConfigurationError: the URL has another form, or holds a user or a password. The text does not repeat it.
    """

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None

    def __post_init__(self) -> None:
        if not _is_plain(self.url):
            raise ConfigurationError("The URL of the Neo4j server is not one that can be read.", guidance=_FORM)
        if (self.user is None) != (self.password is None):
            raise ConfigurationError("Neo4j: user and password go together.", guidance="Give both, or neither.")
        if not _is_whole(self.user or "", self.password or "", self.database or ""):
            raise ConfigurationError(
                "Neo4j: user, password and database are whole Unicode.", guidance="Take out the halves of characters."
            )

    def __str__(self) -> str:
        return self.url


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    has_room_for_query = parts.scheme.startswith("neo4j") or not parts.query
    plain = "@" not in url and not parts.fragment and _is_whole(url)
    return bool(host) and parts.scheme in _SCHEMES and plain and has_room_for_query


def _is_whole(*texts: str) -> bool:
    """Whether no text has half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for text in texts for character in text)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event loop may use.

    Attributes:
        connections: the most that are open at once.
        connection_timeout: seconds to wait for one, and to go on trying after one was lost.
        statement_timeout: seconds after which the server gives a transaction up.

    Raises:
        ConfigurationError: one of them is not a number above 0.
    """

    connections: int
    connection_timeout: float
    statement_timeout: float

    def __post_init__(self) -> None:
        for name in ("connections", "connection_timeout", "statement_timeout"):
            if not 0 < getattr(self, name) < _MOST:
                raise ConfigurationError(f"Neo4j: {name} is a number above 0.", guidance="Leave it out, or raise it.")

    @property
    def longest(self) -> float:
        """Seconds after which nothing is waited for any more: trying, then connecting, then the transaction."""
        return 2 * self.connection_timeout + self.statement_timeout
