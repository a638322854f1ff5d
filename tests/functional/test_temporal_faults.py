"""The engine on Temporal where no server is: what its users are told, and what the settings make of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.faults import fault
from lightagent.adapters.engines.temporal.orders import owner_prefix, run_id_of, workflow_id
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.app import app
from lightagent.flow_worker import FlowWorker
from lightagent.ports.engine_workers import WorkedEngine
from lightagent.ports.flow_engine import FlowEngine, FlowRun
from tests.servers.child import free_port

FILE = Path(__file__).parents[1] / "support/layered_flow.py"


def same(query: str) -> str:
    return query


async def test_a_server_that_is_not_there_is_named_with_what_starts_one() -> None:
    port = free_port()
    flow = LightFlow(engine=TemporalEngine(Place(f"127.0.0.1:{port}", "default")), name="f").step("a", agent=same)
    began = time.monotonic()
    for ask in (flow.arun("x"), flow.aresume("r"), flow.aget_run("r"), FlowWorker(flow).arun()):
        with pytest.raises(StoreError, match=f"127.0.0.1:{port} does not answer") as told:
            await ask
        assert "temporal server start-dev" in told.value.guidance
    assert time.monotonic() - began < 60


def test_a_worker_of_an_engine_never_says_that_this_is_all(tmp_path: Path) -> None:
    config = tmp_path / "lightagent.toml"
    config.write_text(f'[default.flow.engine]\nkind = "temporal"\naddress = "127.0.0.1:{free_port()}"\n')
    typed = ["worker", f"{FILE}:layered", "--config", str(config)]
    once = CliRunner().invoke(app, [*typed, "--once"])
    assert once.exit_code == 2
    assert "once is for flows in a store" in once.output
    away = CliRunner().invoke(app, typed)
    assert away.exit_code == 1, away.output
    assert "does not answer" in away.output


def test_an_engine_is_typed_beside_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "lightagent.toml"
    config.write_text("[default]\n")
    typed = ["worker", f"{FILE}:layered", "--config", str(config)]
    unknown = CliRunner().invoke(app, [*typed, "--engine", "tempral"])
    assert unknown.exit_code == 2
    assert "temporal" in unknown.output
    local = CliRunner().invoke(app, [*typed, "--task-queue", "q"])
    assert local.exit_code == 2


def test_the_settings_open_it_without_a_server_and_hide_its_key() -> None:
    options = {"address": "t.example:7233", "namespace": "n", "api_key": "sk-temporal-1234567890", "heartbeat": 10}
    engine = open_adapter("engines", "temporal", options)
    assert isinstance(engine, FlowEngine)
    assert isinstance(engine, WorkedEngine)
    place = Place("t.example:7233", "n", "sk-temporal-1234567890")
    assert place.has_tls
    assert "1234567890" not in repr(place)
    with pytest.raises(ConfigurationError, match="addres"):
        open_adapter("engines", "temporal", {"addres": "x"})


async def test_a_certificate_that_cannot_be_read_is_named() -> None:
    engine = TemporalEngine(Place("localhost:7233", "default", ca_file="/nowhere/ca.pem"))
    with pytest.raises(ConfigurationError, match=r"ca_file '/nowhere/ca\.pem'"):
        await engine.events(FlowRun(Scope(), "r"))


@pytest.mark.parametrize(
    ("status", "said", "kind", "text"),
    [
        (RPCStatusCode.NOT_FOUND, "Namespace n is not found.", ConfigurationError, "has no namespace 'n'"),
        (RPCStatusCode.PERMISSION_DENIED, "Request unauthorized.", ConfigurationError, "does not let this client in"),
        (RPCStatusCode.UNAUTHENTICATED, "no key", ConfigurationError, "does not let this client in"),
        (RPCStatusCode.UNAVAILABLE, "connection refused", StoreError, "does not answer"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "timeout", StoreError, "does not answer"),
        (RPCStatusCode.INVALID_ARGUMENT, "Blob data size exceeds limit.", ConfigurationError, "as too large"),
        (RPCStatusCode.INTERNAL, "it broke", StoreError, "could not do it: it broke"),
    ],
)
def test_what_a_server_answers_is_told_with_what_to_do(
    status: RPCStatusCode, said: str, kind: type[LightAgentError], text: str
) -> None:
    told = fault(RPCError(said, status, b""), "t:7233", "n")
    assert type(told) is kind
    assert text in told.message
    assert told.guidance


def test_the_id_of_a_workflow_says_whose_run_it_is() -> None:
    run = FlowRun(Scope("ac/me", "a nn"), "order/12 %")
    ident = workflow_id("app:", run)
    assert ident == "app:ac%2Fme/a%20nn/order%2F12%20%25"
    assert run_id_of(ident, owner_prefix("app:", run.owner)) == run.run_id
    assert run_id_of(ident, owner_prefix("app:", Scope("ac", "me"))) is None
    assert workflow_id("", FlowRun(Scope(), "r")) == "//r"
