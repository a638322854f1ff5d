"""Payloads encrypted with AES-256-GCM, so that the server keeps what it cannot read.

A payload becomes another one of the encoding ``binary/encrypted``, which is what Temporal's own examples call it. Its
data is a random nonce of 96 bits, the ciphertext and its tag; its metadata say with which key, for which tenant, and a
print that differs for different secrets of a key's id, so that a wrong key is not taken for an edit.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    PayloadConverter,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from lightagent.adapters.engines.temporal.payload_keys import PayloadKeys
from lightagent.adapters.registry import install_command
from lightagent.domain.errors import ContentKeyError, MissingExtraError, StoreError, TamperedStream

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENCODING: Final = b"binary/encrypted"
KEY_ID: Final = "encryption-key-id"
KEY_PRINT: Final = "lightagent-key-print"
TENANT: Final = "lightagent-tenant"

_NONCE: Final = 12
_TENANTS: Final = 1024
"""The most ciphers that are kept in memory, one for each key and tenant."""


class PayloadCipher:
    """Encrypts bytes for a tenant, and decrypts them with the key that they name.

    Args:
        keys: of `payload_keys`.

    Raises:
        MissingExtraError: cryptography is not installed.
    """

    def __init__(self, keys: PayloadKeys) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as exc:
            raise MissingExtraError(
                "Encrypted payloads need the package 'cryptography', which is not installed.",
                guidance=f"Type: {install_command('encryption', 'cryptography')}",
            ) from exc

        def cipher(name: str, tenant: str) -> AESGCM:
            return AESGCM(keys.key(name, tenant))

        self._keys, self._invalid = keys, InvalidTag
        self._cipher = lru_cache(_TENANTS)(cipher)
        self._prints = {name: keys.print_of(name).encode() for name in keys.roots}

    def encrypted(self, payload: Payload, tenant: str) -> Payload:
        """A payload as the server may keep it."""
        name, nonce = self._keys.key_id(tenant), secrets.token_bytes(_NONCE)
        place = self._keys.place(name, tenant)
        metadata = {
            "encoding": ENCODING,
            KEY_ID: name.encode(),
            KEY_PRINT: self._prints[name],
            TENANT: tenant.encode(),
        }
        text = self._cipher(name, tenant).encrypt(nonce, payload.SerializeToString(), place)
        return Payload(metadata=metadata, data=nonce + text)

    def decrypted(self, payload: Payload) -> Payload:
        """An encrypted payload as it was.

        Raises:
            ContentKeyError: its key is not here, or has another secret.
            TamperedStream: it was changed.
        """
        name = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")
        if self._prints.get(name) != payload.metadata.get(KEY_PRINT, b""):
            raise self._no_key(name)
        tenant = tenant_of(payload)
        try:
            # Data too short for a nonce and a tag are refused here as well: their tag does not fit.
            data, place = payload.data, self._keys.place(name, tenant)
            text = self._cipher(name, tenant).decrypt(data[:_NONCE].ljust(_NONCE), data[_NONCE:], place)
            return Payload.FromString(text)
        except (self._invalid, DecodeError):
            raise tampered(f"one that was encrypted with the key {name!r:.40} was changed") from None

    def print_of(self, data: bytes, tenant: str, payload: Payload) -> str:
        """A text that tells contents of a tenant apart, with the key of an encrypted payload.

        Raises:
            ContentKeyError: its key is not here.
        """
        name = payload.metadata.get(KEY_ID, b"").decode("ascii", "replace")
        if name not in self._prints:
            raise self._no_key(name)
        return hmac.digest(self._keys.print_key(name, tenant), data, "sha256").hex()

    def _no_key(self, name: str) -> ContentKeyError:
        known = name in self._prints
        wrong = "has another secret here" if known else "is not among the keys"
        return ContentKeyError(
            f"A payload on the Temporal server is encrypted with the key {name!r:.40}, which {wrong}.",
            guidance="Check which variable holds that key."
            if known
            else "Add that key to the keys of the engine's encryption, beside the current one.",
        )


class EncryptingCodec(PayloadCodec, WithSerializationContext):
    """Encrypts each payload for the tenant whose run it is of, and refuses what was encrypted for another one.

    Args:
        cipher: has the keys; one serves any number of codecs.
        prefix: what the ids of workflows begin with, before the tenant.
        takes_plain: payloads in the clear pass, such as those of runs from before there were keys.
    """

    def __init__(self, cipher: PayloadCipher, prefix: str = "", *, takes_plain: bool = False) -> None:
        self._cipher, self._prefix, self._takes_plain = cipher, prefix, takes_plain
        self._tenant: str | None = None

    def with_context(self, context: SerializationContext) -> Self:
        """The codec of the run that the context tells of."""
        made = type(self)(self._cipher, self._prefix, takes_plain=self._takes_plain)
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            made._tenant = _tenant_in(context.workflow_id or "", self._prefix)
        return made

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._cipher.encrypted(one, self._tenant or "") for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they were before encoding.

        Raises:
            ContentKeyError: the key of a payload is missing.
            TamperedStream: one was changed, is of another tenant, or is in the clear.
        """
        return [self._decoded(one) for one in payloads]

    def print_of(self, data: bytes, tenant: str, payload: Payload) -> str:
        """See `PayloadCipher.print_of`."""
        return self._cipher.print_of(data, tenant, payload)

    def _decoded(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding", b"") != ENCODING:
            if self._takes_plain:
                return payload
            raise tampered("one is not encrypted", "A run from before there were keys is read with takes_plain = true.")
        if self._tenant is not None and tenant_of(payload) != self._tenant:
            raise tampered("one was encrypted for another tenant")
        return self._cipher.decrypted(payload)


class MissingPayload(StoreError):
    """A payload that a history refers to is not in the store of large payloads."""


class EncodedFailures(DefaultFailureConverterWithEncodedAttributes):
    """Encodes the messages and traces of failures, except of those that say why a payload cannot be decoded.

    Those name keys, runs and no content, and must be readable without the key, such as in the web interface.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        if isinstance(exception, ContentKeyError | TamperedStream | MissingPayload):
            DefaultFailureConverter().to_failure(exception, payload_converter, failure)
        else:
            super().to_failure(exception, payload_converter, failure)


def tenant_of(payload: Payload) -> str:
    """The tenant that an encrypted payload says that it is of."""
    return payload.metadata.get(TENANT, b"").decode("utf-8", "replace")


def _tenant_in(workflow: str, prefix: str) -> str:
    """The tenant whose run a workflow is of, by its id."""
    return unquote(workflow.removeprefix(prefix).partition("/")[0]) if workflow.startswith(prefix) else ""


def tampered(what: str, guidance: str = "") -> TamperedStream:
    """The error that something of the payloads was changed."""
    return TamperedStream(
        f"The payloads on the Temporal server were tampered with: {what}.",
        guidance=guidance or "Find out who writes to the server's database.",
    )
