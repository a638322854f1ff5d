"""References to large payloads, which the server's histories hold in the place of the payloads themselves.

The SDK's own external storage does not fit: it tells its drivers no owner where a payload is read, stores what is
encrypted already, so that the same content is kept again and again, and writes its references in the clear.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import ClassVar, Final, Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from lightagent.adapters.engines.temporal.codec import EncodedFailures, EncryptingCodec, tampered
from lightagent.adapters.engines.temporal.large_payloads import Holder, LargePayloads
from lightagent.adapters.engines.temporal.orders import run_of
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun

REFERENCE: Final = "json/lightagent-reference"
"""The encoding of a payload that says where another one is kept."""


class ReferringCodec(PayloadCodec, WithSerializationContext):
    """Keeps large payloads elsewhere, and leaves references to them; what it keeps is encoded as all the rest.

    Args:
        codec: encodes payloads and references, such as `EncryptingCodec`; None: they are in the clear.
        prefix: what the ids of workflows begin with, before the tenant.
    """

    def __init__(self, codec: PayloadCodec | None, large: LargePayloads, prefix: str) -> None:
        self._codec, self._large, self._prefix = codec, large, prefix
        self._holder: Holder | None = None

    def with_context(self, context: SerializationContext) -> Self:
        """The codec of the run that the context tells of."""
        inner = DataConverter(payload_codec=self._codec).with_context(context).payload_codec
        made = type(self)(inner, self._large, self._prefix)
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            ident = context.workflow_id or ""
            run = run_of(self._prefix, ident)
            made._holder = None if run is None else Holder(context.namespace, ident, run)
        return made

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as the server may have them.

        Raises:
            StoreError: a large one could not be kept.
        """
        return [await self._encoded(one) for one in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they were before encoding.

        Raises:
            MissingPayload: one is not in the store.
            TamperedStream: one was changed, or is of another run.
            StoreError: the store cannot be read.
        """
        return [await self._decoded(one) for one in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        holder, kept = self._holder, await self._inner_encoded(payload)
        if holder is None or payload.ByteSize() <= self._large.over:
            return kept
        name = self._name(holder.run, payload, kept)
        await self._large.keep(holder, name, kept)
        run = holder.run
        said = [holder.namespace, holder.workflow, run.owner.tenant, run.owner.user, run.run_id, name]
        said.append(str(payload.ByteSize()))
        return await self._inner_encoded(
            Payload(metadata={"encoding": REFERENCE.encode()}, data=json.dumps(said).encode())
        )

    async def _decoded(self, payload: Payload) -> Payload:
        told = await self._inner_decoded(payload)
        if told.metadata.get("encoding") != REFERENCE.encode():
            return told
        holder, name, size = _read(told)
        if self._holder is not None and holder != self._holder:
            raise tampered("one refers to what another run has in the store of large payloads")
        kept = await self._large.find(holder, name, size)
        found = await self._inner_decoded(kept)
        if self._name(holder.run, found, kept) != name:
            raise tampered("one in the store of large payloads was exchanged")
        return found

    def _name(self, run: FlowRun, payload: Payload, kept: Payload) -> str:
        """The name of a payload: a print of its content, which tells nothing to who lacks the key of its owner."""
        if isinstance(self._codec, EncryptingCodec):
            return self._codec.print_of(payload.SerializeToString(deterministic=True), run.owner.tenant, kept)
        return hashlib.sha256(kept.SerializeToString(deterministic=True)).hexdigest()

    async def _inner_encoded(self, payload: Payload) -> Payload:
        return payload if self._codec is None else (await self._codec.encode([payload]))[0]

    async def _inner_decoded(self, payload: Payload) -> Payload:
        return payload if self._codec is None else (await self._codec.decode([payload]))[0]


class _NoStore(EncodingPayloadConverter):
    """Tells of a reference that nothing has followed."""

    @property
    def encoding(self) -> str:
        return REFERENCE

    def to_payload(self, value: object) -> Payload | None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> object:
        holder, _, size = _read(payload)
        raise ConfigurationError(
            f"A payload of the run {holder.run.run_id!r:.100}, of {size:,} bytes, is in a store of large payloads, and "
            "this engine has none.",
            guidance="Give callers and workers the same option large_payloads.",
        )


class ReferredPayloads(CompositePayloadConverter):
    """The SDK's conversion of payloads, which also says why a reference cannot be read."""

    _ALL: ClassVar[tuple[EncodingPayloadConverter, ...]] = (
        *DefaultPayloadConverter.default_encoding_payload_converters,
        _NoStore(),
    )

    def __init__(self) -> None:
        super().__init__(*self._ALL)


def converter(codec: PayloadCodec | None, large: LargePayloads | None = None, prefix: str = "") -> DataConverter:
    """How values become payloads, and, where there is a codec, the texts of failures as well.

    Args:
        large: where large payloads are kept; None: with the others.
        prefix: what the ids of workflows begin with.
    """
    failures = DefaultFailureConverter if codec is None else EncodedFailures
    whole = codec if large is None else ReferringCodec(codec, large, prefix)
    return DataConverter(ReferredPayloads, whole, failures)


def _read(reference: Payload) -> tuple[Holder, str, int]:
    """Whose payload a reference is of, its name and its size."""
    try:
        namespace, workflow, tenant, user, run_id, name, size = map(str, json.loads(reference.data))
        return Holder(namespace, workflow, FlowRun(Scope(tenant, user), run_id)), name, int(size)
    except (ValueError, TypeError):
        raise tampered("a reference to the store of large payloads was changed") from None
