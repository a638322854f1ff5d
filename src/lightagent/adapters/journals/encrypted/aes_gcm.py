"""Content encrypted with AES-256-GCM: what is kept of each entry, and how it is read.

An entry's content becomes ``{"aes256gcm":"KEY.PRINT.TEXT"}``. KEY is the id of the key. PRINT differs for different
secrets of that id, so that a wrong key is not taken for an edit. TEXT is a random nonce of 96 bits, the ciphertext and
its tag, in base64.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lightagent.adapters.registry import install_command
from lightagent.domain.errors import ContentKeyError, MissingExtraError
from lightagent.domain.journals.content_keys import ContentKeys
from lightagent.domain.journals.keys import tampered
from lightagent.domain.journals.streams import Draft, Entry, StreamKey
from lightagent.ports.content_codec import ContentCodec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEPT: Final = re.compile(r'\{"aes256gcm":"([A-Za-z0-9_-]{1,32})\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)"\}')
_NONCE: Final = 12
_STREAMS: Final = 1024
"""The most ciphers that are kept in memory, one for each stream and key."""


class AesGcmCodec(ContentCodec):
    """Encrypts each entry for its place: owner, kind, stream, sequence and schema.

    Args:
        keys: of `content_keys`.

    Raises:
        MissingExtraError: cryptography is not installed.
    """

    def __init__(self, keys: ContentKeys) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as exc:
            raise MissingExtraError(
                "Encrypted journals need the package 'cryptography', which is not installed.",
                guidance=f"Type: {install_command('encryption', 'cryptography')}",
            ) from exc

        def cipher(name: str, key: StreamKey) -> AESGCM:
            return AESGCM(keys.stream_key(name, key))

        self._keys, self._invalid = keys, InvalidTag
        self._cipher = lru_cache(_STREAMS)(cipher)
        self._prints = {name: keys.print_of(name) for name in keys.roots}

    async def encode(self, key: StreamKey, first: int, drafts: Sequence[Draft]) -> list[Draft]:
        name = self._keys.current
        cipher, front = self._cipher(name, key), f'{{"aes256gcm":"{name}.{self._prints[name]}.'
        kept = list[Draft]()
        for sequence, draft in enumerate(drafts, first):
            nonce = secrets.token_bytes(_NONCE)
            place = self._keys.place(key, sequence, draft.schema)
            text = urlsafe_b64encode(nonce + cipher.encrypt(nonce, draft.content.encode(), place))
            kept.append(replace(draft, content=f'{front}{text.decode().rstrip("=")}"}}'))
        return kept

    async def decode(self, key: StreamKey, entries: Sequence[Entry]) -> list[Entry]:
        return [replace(entry, content=self._decrypted(key, entry)) for entry in entries]

    def _decrypted(self, key: StreamKey, entry: Entry) -> str:
        found = _KEPT.fullmatch(entry.content)
        if found is None:
            raise tampered(
                key,
                f"entry {entry.sequence} is not encrypted",
                "Find out who writes to the store. What was written before there were keys has to be copied into an "
                "encrypted store: lightagent stores adopt.",
            )
        name, print_, text = found.groups()
        if self._prints.get(name) != print_:
            raise self._no_key(key, entry, name)
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
        place = self._keys.place(key, entry.sequence, entry.schema)
        try:
            # A text that is too short for a nonce and a tag is refused here as well: its tag does not fit.
            return self._cipher(name, key).decrypt(data[:_NONCE].ljust(_NONCE), data[_NONCE:], place).decode()
        except (self._invalid, UnicodeDecodeError):
            raise tampered(
                key,
                f"the content of entry {entry.sequence} was changed, or was encrypted for another place",
                "Find out who writes to the store, and restore a backup. A wrong name of the store looks the same.",
            ) from None

    def _no_key(self, key: StreamKey, entry: Entry, name: str) -> ContentKeyError:
        known = name in self._prints
        wrong = "has another secret here" if known else "is not among the keys"
        return ContentKeyError(
            f"Entry {entry.sequence} of the stream {key.id!r:.80} of the kind {key.kind!r:.40} is encrypted with the "
            f"key {name!r}, which {wrong}.",
            guidance="Check which variable holds that key, and the store's name, which is part of every key."
            if known
            else "Add that key to the keys of the store, beside the current one.",
        )
