"""What the server of Temporal is sent, where it is encrypted: by which key, for whom, and what is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")
pytest.importorskip("cryptography", reason="it is an extra")

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError

from lightagent.adapters.engines.temporal.codec import ENCODING, KEY_ID, EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.orders import workflow_id
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.engines.temporal.payload_references import converter
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError, ContentKeyError, TamperedStream
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun

CANARY = "the code is 4711"
SPRING, AUTUMN, ACME = (name * 8 for name in ("spring", "autumn", "acme"))
KEYS = {"spring": SPRING, "autumn": AUTUMN, "acme": ACME}


def codec(
    secrets: dict[str, str], current: str = "", tenants: dict[str, str] | None = None, *, takes_plain: bool = False
) -> EncryptingCodec:
    return EncryptingCodec(PayloadCipher(payload_keys(secrets, current, tenants)), "app:", takes_plain=takes_plain)


def of(tenant: str, given: EncryptingCodec) -> DataConverter:
    """How the payloads of a tenant's run become what the server has."""
    ident = workflow_id("app:", FlowRun(Scope(tenant, "ann"), "r"))
    return converter(given).with_context(WorkflowSerializationContext("default", ident))


async def test_a_payload_is_encrypted_with_the_current_key_and_read_with_any() -> None:
    old = await of("acme", codec({"spring": SPRING})).encode([CANARY])
    both = of("acme", codec({"spring": SPRING, "autumn": AUTUMN}, "autumn"))
    new = await both.encode([CANARY])
    assert [one.metadata[KEY_ID] for one in (*old, *new)] == [b"spring", b"autumn"]
    assert all(one.metadata["encoding"] == ENCODING for one in (*old, *new))
    assert CANARY.encode() not in b"".join(one.SerializeToString() for one in (*old, *new))
    assert await both.decode([*old, *new]) == [CANARY, CANARY]
    assert (await both.encode([CANARY]))[0].data != new[0].data, "each payload has a nonce of its own"


async def test_a_tenant_may_have_a_key_of_its_own() -> None:
    all_keys = codec(KEYS, "spring", {"ac/me": "acme"})
    (theirs,), (others,) = [await of(tenant, all_keys).encode([CANARY]) for tenant in ("ac/me", "other")]
    assert (theirs.metadata[KEY_ID], others.metadata[KEY_ID]) == (b"acme", b"spring")
    with pytest.raises(ContentKeyError, match=r"'acme', which is not among the keys") as told:
        await of("ac/me", codec({"spring": SPRING})).decode([theirs])
    assert CANARY not in told.value.message


async def test_what_was_encrypted_for_one_tenant_is_refused_for_another() -> None:
    one_key = codec({"spring": SPRING})
    (theirs,) = await of("acme", one_key).encode([CANARY])
    with pytest.raises(TamperedStream, match="for another tenant"):
        await of("other", one_key).decode([theirs])
    theirs.metadata["lightagent-tenant"] = b"other"
    with pytest.raises(TamperedStream, match="'spring' was changed"):
        await of("other", one_key).decode([theirs])


async def test_another_secret_under_an_id_is_told_apart_from_an_edit() -> None:
    (kept,) = await of("acme", codec({"spring": SPRING})).encode([CANARY])
    with pytest.raises(ContentKeyError, match="'spring', which has another secret here"):
        await of("acme", codec({"spring": AUTUMN})).decode([kept])
    for data in (kept.data[:-1] + bytes([kept.data[-1] ^ 1]), kept.data[:5], b""):
        edited = Payload(metadata=kept.metadata, data=data)
        with pytest.raises(TamperedStream, match="'spring' was changed"):
            await of("acme", codec({"spring": SPRING})).decode([edited])


async def test_what_is_in_the_clear_is_refused_unless_it_is_allowed() -> None:
    plain = await DataConverter.default.encode([CANARY])
    with pytest.raises(TamperedStream, match="not encrypted") as told:
        await of("acme", codec({"spring": SPRING})).decode(plain)
    assert "takes_plain" in told.value.guidance
    assert await of("acme", codec({"spring": SPRING}, takes_plain=True)).decode(plain) == [CANARY]


async def test_the_texts_of_failures_are_encrypted() -> None:
    made, failure = of("acme", codec({"spring": SPRING})), Failure()
    await made.encode_failure(ApplicationError(CANARY, CANARY, type="lightagent.held"), failure)
    assert CANARY.encode() not in failure.SerializeToString()
    assert failure.application_failure_info.type == "lightagent.held"
    told = await made.decode_failure(failure)
    assert isinstance(told, ApplicationError)
    assert (told.message, told.details) == (CANARY, (CANARY,))


@pytest.mark.parametrize(
    ("encryption", "text"),
    [
        ({"keys": {"spring": "short"}}, "'spring' has fewer than 32 bytes"),
        ({"keys": KEYS}, "current payload key '' is not among the keys"),
        ({"keys": KEYS, "current": "winter"}, "'winter' is not among the keys"),
        ({"keys": {"spring": SPRING}, "tenants": {"acme": "acme"}}, "'acme' of the tenant 'acme' is not among"),
        ({"keys": {}}, "engine.encryption.keys"),
        ({"keys": {"spring": SPRING}, "curent": "spring"}, "engine.encryption.curent"),
    ],
)
def test_keys_that_do_not_fit_are_named_and_never_shown(encryption: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        open_adapter("engines", "temporal", {"encryption": encryption}, at="flow.engine")
    assert text in f"{told.value.message} {told.value.guidance}"
    assert SPRING not in told.value.message


def test_the_settings_open_an_engine_that_encrypts() -> None:
    engine = open_adapter("engines", "temporal", {"encryption": {"keys": {"spring": SPRING}}})
    assert SPRING not in repr(engine)
