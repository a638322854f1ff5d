"""Keys of journal stores: what a secret has to be, and what is derived from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import digest
from typing import Final

from lightagent.domain.errors import ConfigurationError, TamperedStream
from lightagent.domain.journals.streams import StreamKey

_LEAST_SECRET: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_GUIDANCE: Final = "Find out who writes to the store, and restore a backup. A wrong key or name looks the same."


def current_key(use: str, secrets: Mapping[str, str], current: str) -> str:
    """The id of the key that is used from now on; the only one unless it is named.

    Args:
        use: what the keys are for, as error texts call it.
        secrets: by key id; each at least 32 bytes of random text.

    Raises:
        ConfigurationError: the current key is missing, an id has other characters than `A-Za-z0-9_-`, or a secret is
            too short.
    """
    current = current or (next(iter(secrets)) if len(secrets) == 1 else "")
    if current not in secrets:
        raise ConfigurationError(
            f"The current {use} key {current!r} is not among the keys.", guidance="Name one of the keys as current."
        )
    for name, secret in secrets.items():
        if not _KEY_ID.fullmatch(name):
            raise ConfigurationError(
                f"{name!r:.50} cannot be the id of a {use} key.",
                guidance="Use up to 32 of the characters A-Z a-z 0-9 _ and -.",
            )
        if len(_encoded(secret)) < _LEAST_SECRET:
            raise ConfigurationError(
                f"The {use} key {name!r} has fewer than {_LEAST_SECRET} bytes.",
                guidance="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
    return current


def root_key(secret: str, *texts: str) -> bytes:
    """The key of 32 bytes from which all keys of one use and store are derived."""
    return derived(_encoded(secret), *texts)


def derived(key: bytes, *texts: str) -> bytes:
    """A key of 32 bytes that belongs to these texts alone."""
    return digest(key, packed(*texts), "sha256")


def packed(*texts: str) -> bytes:
    """Texts as bytes that differ for different texts, since the length stands before each."""
    return b"".join(len(one).to_bytes(8, "big") + one for one in map(_encoded, texts))


def _encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair passes, as environment variables with other bytes have it."""
    return text.encode("utf-8", "surrogatepass")


def key_texts(key: StreamKey) -> tuple[str, str, str, str, str]:
    """The parts of a stream's key."""
    owner = key.owner
    return owner.tenant, owner.user, owner.session, key.kind, key.id


def tampered(key: StreamKey, what: str, guidance: str = _GUIDANCE) -> TamperedStream:
    """The error that says what was found of a stream."""
    return TamperedStream(
        f"Stream {key.id!r:.80} of the kind {key.kind!r:.40} was tampered with: {what}.", guidance=guidance
    )
