"""Keys with which clients of a server come: what is kept of one, and how it is written."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

KeyStatus: TypeAlias = Literal["active", "expired", "revoked"]

PREFIX: Final = "lak"
"""Begins every key, so that scanners of repositories find one that was left there."""

_ID_LENGTH: Final = 16
_SECRET_LENGTH: Final = 43


@dataclass(frozen=True, slots=True)
class AccessKey:
    """The stored record of a key. The key itself is shown once, when it is created, and never stored.

    Attributes:
        key_id: identifies the key; it is the part of the key that is not secret.
        digest: SHA-256 of the whole key. It has 256 random bits, so nothing slower is needed.
        name: for people.
        tenant, user: whose requests come with it.
        roles: what its holder may do besides.
        agents: the models that it may use; None: all.
        delegating: it may name the user of each request, such as the key of a chat interface.
        created_at, expires_at, last_used_at, revoked_at: seconds since 1970; None for what has not happened. The last
            use is known within the hour.
    """

    key_id: str
    digest: str
    name: str = ""
    tenant: str = ""
    user: str = ""
    roles: tuple[str, ...] = ()
    agents: tuple[str, ...] | None = None
    delegating: bool = False
    created_at: float = 0.0
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None

    def status(self, now: float) -> KeyStatus:
        """Whether it holds."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"

    def fits(self, key: str) -> bool:
        """Whether this is the key that was shown; it takes as long for a wrong one."""
        return hmac.compare_digest(self.digest, digest_of(key))


def written_key(key_id: str, secret: str) -> str:
    """A key as its holder has it."""
    return f"{PREFIX}_{key_id}_{secret}"


def id_in(key: str) -> str:
    """Return the id in a key, or an empty text if it is not a key."""
    head, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    is_key = head == PREFIX and len(key_id) == _ID_LENGTH and len(secret) == _SECRET_LENGTH
    return key_id if is_key and key.isascii() and key_id.isalnum() else ""


def digest_of(key: str) -> str:
    """What is kept in the place of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
