"""Keys by which the content of entries is encrypted, and what ties a ciphertext to its place.

Each stream has a key of its own, derived from the secret, the name of the store and the stream's key. What ties an
entry's ciphertext to its place is authenticated with it: at any other place it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightagent.domain.journals.keys import current_key, derived, key_texts, packed, root_key
from lightagent.domain.journals.streams import StreamKey


@dataclass(frozen=True, slots=True)
class ContentKeys:
    """The keys of one store; see `content_keys`."""

    store: str
    current: str
    roots: Mapping[str, bytes] = field(repr=False)

    def print_of(self, name: str) -> str:
        """A short text that differs for different secrets of that id, and reveals nothing else about them."""
        return derived(self.roots[name], "print").hex()[:8]

    def stream_key(self, name: str, key: StreamKey) -> bytes:
        """The key of 32 bytes for the content of one stream."""
        return derived(self.roots[name], "stream", *key_texts(key))

    def place(self, key: StreamKey, sequence: int, schema: int) -> bytes:
        """The place of an entry, as it is authenticated with the content."""
        return packed("content", self.store, *key_texts(key), str(sequence), str(schema))


def content_keys(secrets: Mapping[str, str], current: str = "", *, store: str = "") -> ContentKeys:
    """Derive the keys of a store.

    Args:
        secrets: by key id; each at least 32 bytes of random text. What was encrypted with any of them is read.
        current: the id of the key that encrypts from now on; may be left out if there is only one.
        store: the store's name, which is part of every key, so that stores with the same secret do not accept each
            other's entries. It cannot be changed later.

    Raises:
        ConfigurationError: the current key is missing, an id has other characters than `A-Za-z0-9_-`, or a secret is
            too short.
    """
    current = current_key("content", secrets, current)
    roots = {name: root_key(secret, "content", store, name) for name, secret in secrets.items()}
    return ContentKeys(store, current, roots)
