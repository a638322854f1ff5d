"""Two tenants with a key each on Temporal's real server, in whose database nothing of their content is found."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from asyncio.subprocess import PIPE
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from lightagent import ApprovalDecision, LightAgent, LightFlow, tool
from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.large_payloads import LargePayloads
from lightagent.adapters.engines.temporal.orders import workflow_id
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.errors import ConfigurationError, ContentKeyError, StoreError
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.scopes import NO_SCOPE
from lightagent.ports.flow_engine import FlowRun
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.child import running
from tests.servers.temporal_server import PROGRAM, TemporalServer, temporal_server
from tests.support.working_engine import WorkingEngine

TENANTS = ("acme", "globex")
KEYS = {name: f"{name}-" * 8 for name in TENANTS}
PLACES = ("query", "item", "output", "edit", "reason", "payload", "failure", "cancelled", "step")
"""Where a text may be told of a run."""
AGENT_PLACES = ("asked", "arguments", "result", "answer")
"""Where a text may be told of an agent that is a step."""
STORED = "stored"
"""A text in payloads that are so large that the server has references to them."""


def same(query: str) -> str:
    return query


def cipher() -> PayloadCipher:
    return PayloadCipher(payload_keys(KEYS, "acme", {name: name for name in TENANTS}))


def canary(tenant: str, place: str) -> str:
    """A text that is nowhere else; it is longer than what the server would need to tell it by chance."""
    return f"canary-{tenant}-{place}-4711"


def flow_of(engine: WorkingEngine, tenant: str) -> LightFlow:
    """Its texts come from everywhere, and its last step fails."""

    def fail(query: str) -> str:
        raise ValueError(canary(tenant, "failure"))

    flow = LightFlow(engine=engine, name="f")
    flow.map("each", lambda context: [canary(tenant, "item")], agent=lambda query: canary(tenant, "output"))
    flow.step("sent", agent=lambda query: "sent", depends_on=["each"], requires_approval=True)
    flow.wait_for("paid", event="payment", depends_on=["sent"])
    return flow.step(canary(tenant, "step"), agent=fail, depends_on=["paid"])


async def told_everything(engine: WorkingEngine, tenant: str) -> None:
    """Have a run be told the texts of all places."""
    flow = flow_of(engine, tenant)
    result = await flow.arun(canary(tenant, "query"), run_id="r", tenant=tenant, user_id="ann")
    assert result.status == "waiting_approval"
    edit = ApprovalDecision.edit({"query": canary(tenant, "edit")}, canary(tenant, "reason"))
    await flow.aapprove("r", "sent", edit, user_id="ann", tenant=tenant)
    await flow.aresume("r", user_id="ann", tenant=tenant)
    with pytest.raises(ConfigurationError):
        await flow.aapprove(
            "r", "sent", ApprovalDecision.reject(canary(tenant, "refusal")), user_id="ann", tenant=tenant
        )
    await flow.asignal("r", "payment", canary(tenant, "payload"), user_id="ann", tenant=tenant)
    result = await flow.aresume("r", user_id="ann", tenant=tenant)
    assert result.status == "failed"
    error = result.step(canary(tenant, "step")).error
    assert error is not None
    assert canary(tenant, "failure") in error.message
    await flow.arun("x", run_id="c", tenant=tenant, user_id="ann")
    await flow.acancel("c", reason=canary(tenant, "cancelled"), user_id="ann", tenant=tenant)
    assert (await flow.aresume("c", user_id="ann", tenant=tenant)).status in (
        "cancelled",
        "waiting",
        "waiting_approval",
    )


def agent_of(tenant: str) -> LightAgent:
    """Its model calls a tool that gives much."""

    @tool
    def look(what: str) -> str:
        """Look something up.

        Args:
            what: the thing
        """
        return canary(tenant, "result") + canary(tenant, STORED) * 1000

    def reply(request: ChatRequest) -> str | ToolCall:
        if isinstance(request.messages[-1], ToolMessage):
            return canary(tenant, "answer")
        return call_tool("look", what=canary(tenant, "arguments"))

    return LightAgent(model=ScriptedModel(reply, record=False), tools=[look])


async def told_by_an_agent(engine: WorkingEngine, tenant: str) -> None:
    """Have an agent that is a step put the texts of its places on record, and then fail."""

    def fail(query: str) -> str:
        raise ValueError(query)

    flow = LightFlow(engine=engine, name="agents").step("work", agent=agent_of(tenant))
    flow.step("fails", agent=fail, depends_on=["work"])
    result = await flow.arun(canary(tenant, "asked"), run_id="a", tenant=tenant, user_id="ann")
    assert (result.status, result.step("work").content) == ("failed", canary(tenant, "answer"))


def found_in(folder: Path) -> set[str]:
    """The texts that whoever has the server's files can read."""
    kept = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    assert b"lightagent.flow" in kept, "the runs are in these files"
    return {one for one in everything() if one.encode() in kept or b64encode(one.encode())[2:-4] in kept}


async def found_in_store(store: SqliteJournalStore) -> set[str]:
    """The texts that whoever has the store of large payloads can read, also by its names and labels."""
    streams = (await store.list(StreamQuery(limit=1000))).streams
    assert len(streams) >= len(TENANTS)
    kept = [b64decode(json.loads((await store.read(one.key)).entries[0].content)) for one in streams]
    return {one for one in everything() if one.encode() in b"".join(kept) or one in str(streams)}


def everything() -> set[str]:
    return {canary(tenant, place) for tenant in TENANTS for place in (*PLACES, *AGENT_PLACES, STORED)}


@pytest.mark.needs("temporal")
@pytest.mark.parametrize("is_encrypted", [True, False], ids=["encrypted", "in the clear"])
async def test_the_servers_database_tells_nothing_of_what_is_encrypted(
    tmp_path: Path, is_encrypted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    (folder := tmp_path / "server").mkdir()
    store = SqliteJournalStore(tmp_path / "payloads.db")
    with temporal_server(folder) as server:
        engine = WorkingEngine(server.address, cipher() if is_encrypted else None, LargePayloads(store, over=20_000))
        for tenant in TENANTS:
            await told_everything(engine, tenant)
            await told_by_an_agent(engine, tenant)
        await engine.aclose()
    on_server, in_store = found_in(folder), await found_in_store(store)
    await store.aclose()
    assert on_server | in_store == (set() if is_encrypted else everything())
    assert is_encrypted or {canary(tenant, STORED) for tenant in TENANTS} <= in_store - on_server
    logs = [one for one in caplog.records if one.name.split(".")[0] in ("temporalio", "lightagent")]
    assert not [one for one in map(logging.Formatter().format, logs) if "canary" in one]


async def test_a_worker_without_the_key_and_a_caller_without_it_are_told_which(temporal: TemporalServer) -> None:
    engine = WorkingEngine(temporal.address, PayloadCipher(payload_keys({"spring": "s" * 32})))
    await LightFlow(engine=engine, name="f").step("a", agent=same).arun("x", run_id="worked")
    codec = EncryptingCodec(PayloadCipher(payload_keys({"autumn": "a" * 32})), engine.prefix)
    place = Place(temporal.address, "default", codec=codec)
    other = TemporalEngine(place, task_queue=engine.queue, prefix=engine.prefix)
    flow = LightFlow(engine=other, name="f").step("a", agent=same)
    with pytest.raises(ContentKeyError, match="'spring', which is not among the keys"):
        await flow.aget_run("worked")
    with pytest.raises(StoreError, match=r"workers cannot go on with the run.*'autumn', which is not among the keys"):
        await flow.arun("x", run_id="r")
    await other.aclose()
    await engine.aclose()


async def shown(server: TemporalServer, workflow: str, *options: str) -> str:
    """What Temporal's own command line shows of a run, the data of payloads in the clear, and what went wrong."""
    command = [str(PROGRAM), "workflow", "show", "-w", workflow, "--address", server.address, "-o", "json", *options]
    asked = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    told, wrong = await asyncio.wait_for(asked.communicate(), 60)
    kept = [b64decode(data) for data in re.findall(rb'"data": "([^"]*)"', told)]
    return b"\n".join((wrong, *kept)).decode(errors="replace")


async def test_temporals_own_tools_read_by_the_codec_server_with_its_key(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    engine, key = WorkingEngine(temporal.address, cipher()), "codec-server-key-4711"
    await LightFlow(engine=engine, name="f").step("a", agent=same).arun("canary-4711", run_id="r")
    config = tmp_path / "lightagent.toml"
    keys = ", ".join(f'{name} = {{ env = "KEY_{name}" }}' for name in KEYS)
    encryption = f'{{ keys = {{ {keys} }}, current = "acme", server_key = {{ env = "SERVER_KEY" }} }}'
    config.write_text(f'[default.flow.engine]\nkind = "temporal"\nencryption = {encryption}\n')
    command = [sys.executable, "-m", "lightagent", "flow", "codec-server", "--port", "0"]
    environment = {**os.environ, **{f"KEY_{name}": secret for name, secret in KEYS.items()}, "SERVER_KEY": key}
    log = tmp_path / "codec_server.log"
    command += ["--config", str(config)]
    workflow = workflow_id(engine.prefix, FlowRun(NO_SCOPE, "r"))
    with running("codec server", command, log=log, start_seconds=60, env=environment) as child:
        place = ("--codec-endpoint", child.url, "--codec-auth")
        decoded = await shown(temporal, workflow, *place, f"Bearer {key}")
    await engine.aclose()
    assert "canary-4711" in decoded, decoded[-2000:]
    assert "canary-4711" not in await shown(temporal, workflow)
