"""Large payloads for Temporal are kept in a store by reference, for the run of an owner alone."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")
pytest.importorskip("cryptography", reason="it is an extra")

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, WorkflowSerializationContext
from typer.testing import CliRunner

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.codec import EncryptingCodec, MissingPayload, PayloadCipher
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.large_payloads import KIND, LargePayloads
from lightagent.adapters.engines.temporal.orders import MOST_BYTES, MOST_STORED, read_all, run_of, workflow_id
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.engines.temporal.payload_references import converter
from lightagent.adapters.engines.temporal.sizes import fitting, unkept
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError, StoreError, TamperedStream
from lightagent.domain.flow.events import AttemptFailed, AttemptFinished
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.journals.streams import Draft, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.app import app
from lightagent.ports.flow_engine import FlowRun

LARGE = "canary 4711 " * 20_000
KEYS = {"spring": "s" * 32, "autumn": "a" * 32}


class Store:
    """Where large payloads are kept, and how the payloads of runs become what the server has."""

    def __init__(self, codec: EncryptingCodec | None = None) -> None:
        self.kept = MemoryJournalStore()
        self.codec = codec

    def of(self, tenant: str, run: str = "r", codec: EncryptingCodec | None = None) -> DataConverter:
        ident = workflow_id("app:", FlowRun(Scope(tenant, "ann"), run))
        made = converter(codec or self.codec, LargePayloads(self.kept), "app:")
        return made.with_context(WorkflowSerializationContext("default", ident))

    async def contents(self) -> list[str]:
        page = await self.kept.list(StreamQuery(kind=KIND))
        return [(await self.kept.read(one.key)).entries[0].content for one in page.streams]


def codec(current: str = "spring") -> EncryptingCodec:
    return EncryptingCodec(PayloadCipher(payload_keys(KEYS, current)), "app:")


@pytest.fixture(params=[True, False], ids=["encrypted", "in the clear"])
def store(request: pytest.FixtureRequest) -> Store:
    return Store(codec() if request.param else None)


async def test_a_large_payload_is_a_reference_and_the_same_content_is_kept_once(store: Store) -> None:
    acme = store.of("acme")
    sent = [*await acme.encode([LARGE, "small"]), *await acme.encode([LARGE])]
    assert all(one.ByteSize() < 1000 for one in sent)
    assert (await acme.decode(sent) == [LARGE, "small", LARGE]) is True
    (content,) = await store.contents()
    assert ("canary" in content) is False, "it is at least not in plain text"


async def test_nothing_of_an_encrypted_payload_is_in_the_store() -> None:
    store = Store(codec())
    await store.of("acme").encode([LARGE])
    (kept,) = [Payload.FromString(b64decode(json.loads(one))) for one in await store.contents()]
    assert (b"canary" in kept.SerializeToString()) is False
    await store.of("globex").encode([LARGE])
    names = {one.key.id for one in (await store.kept.list(StreamQuery(kind=KIND))).streams}
    assert len(names) == 2, "the names of the same content differ, so they tell nothing across tenants"


@pytest.mark.parametrize(("tenant", "run"), [("globex", "r"), ("acme", "s")], ids=["tenant", "run"])
async def test_a_reference_is_refused_elsewhere(store: Store, tenant: str, run: str) -> None:
    sent = await store.of("acme").encode([LARGE])
    with pytest.raises(TamperedStream):
        await store.of(tenant, run).decode(sent)


async def test_what_was_exchanged_in_the_store_is_refused(store: Store) -> None:
    acme = store.of("acme")
    first, second = await acme.encode([LARGE, LARGE + "!"])
    one, other = (await store.kept.list(StreamQuery(kind=KIND))).streams
    content = (await store.kept.read(other.key)).entries[0].content
    await store.kept.forget(one.key)
    await store.kept.append(one.key, [Draft(content)], expected=0, at=1.0)
    with pytest.raises(TamperedStream, match="was exchanged"):
        await acme.decode([first, second])
    await store.kept.forget(one.key)
    await store.kept.append(one.key, [Draft('"damaged"')], expected=0, at=1.0)
    with pytest.raises(TamperedStream, match="store of large payloads was changed"):
        await acme.decode([first, second])


async def test_what_is_gone_is_named_without_its_content(store: Store) -> None:
    acme = store.of("acme")
    sent = await acme.encode([LARGE])
    await store.kept.forget(Scope("acme", "ann"))
    with pytest.raises(MissingPayload, match=r"run 'r', of 240,0.. bytes, is not in the store") as told:
        await acme.decode(sent)
    assert "canary" not in str(told.value)


async def test_who_has_no_store_is_told_of_the_option() -> None:
    sent = await Store().of("acme").encode([LARGE])
    with pytest.raises(ConfigurationError, match="this engine has none") as told:
        await converter(None).decode(sent)
    assert "large_payloads" in told.value.guidance


async def test_a_payload_is_read_after_the_current_key_was_changed() -> None:
    store = Store()
    sent = await store.of("acme", codec=codec("spring")).encode([LARGE])
    assert (await store.of("acme", codec=codec("autumn")).decode(sent) == [LARGE]) is True


def test_a_run_is_found_by_the_id_of_its_workflow() -> None:
    for run in (FlowRun(Scope("ac/me", "a b"), "r/1:2"), FlowRun(Scope(), "r")):
        assert run_of("app:", workflow_id("app:", run)) == run
    assert run_of("app:", "other") is None
    assert run_of("app:", "app:acme") is None


def test_a_step_may_give_more_where_there_is_a_store() -> None:
    LightFlow(engine=TemporalEngine(Place("127.0.0.1:1", "default")), name="f").step("a", agent=lambda query: query)
    event = AttemptFinished("a", 1, 1, StepOutput("x" * MOST_BYTES))
    (kept,) = read_all(fitting("a", [event], 0, MOST_STORED))
    assert (kept == event) is True
    (failed,) = read_all(fitting("a", [event], 0))
    assert isinstance(failed, AttemptFailed)
    assert "large_payloads" in failed.error.guidance
    (failed,) = read_all(unkept("a", [event], StoreError("The disk is full.")))
    assert isinstance(failed, AttemptFailed)
    assert failed.error.message == "The output of the step 'a' could not be kept: The disk is full."


def test_settings_choose_the_store(tmp_path: Path) -> None:
    options = {"large_payloads": {"store": {"kind": "sqlite", "path": str(tmp_path / "payloads.db")}, "over": 20_000}}
    assert isinstance(open_adapter("engines", "temporal", options), TemporalEngine)
    with pytest.raises(ConfigurationError, match=r"large_payloads\.store: workers and callers in other processes"):
        open_adapter("engines", "temporal", {"large_payloads": {"store": {"kind": "memory"}}})
    with pytest.raises(ConfigurationError, match=r"large_payloads\.store\.kind"):
        open_adapter("engines", "temporal", {"large_payloads": {"store": {"kind": "nowhere"}}})


@pytest.mark.parametrize(
    ("engine", "typed", "told"),
    [
        ('kind = "temporal"', "30d", "The Temporal engine has no store of large payloads"),
        ('kind = "local"', "30d", "'local' has no store of large payloads"),
        ('kind = "temporal"', "30", "must be a number with a unit"),
    ],
    ids=["no store", "another engine", "no unit"],
)
def test_the_command_that_deletes_payloads_says_what_is_missing(
    tmp_path: Path, engine: str, typed: str, told: str
) -> None:
    config = tmp_path / "lightagent.toml"
    config.write_text(f"[default.flow.engine]\n{engine}\n")
    command = ["flow", "prune-payloads", "--older-than", typed, "--config", str(config)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
