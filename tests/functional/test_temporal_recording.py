"""What an attempt records while the server is away: it waits, and ends as soon as the attempt is given up."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from lightagent import LightFlow
from lightagent.adapters.engines.temporal import recording
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.recording import Recorder
from lightagent.domain.flow.events import AttemptNoted
from lightagent.domain.runs.events import Noted
from tests.servers.child import free_port

NOTE = AttemptNoted("step", 1, 1, Noted("remark", {}))


class Handle:
    """A workflow whose server cannot be reached, as the SDK shows it."""

    def __init__(self, *, hangs: bool) -> None:
        self.asked = asyncio.Event()
        self._hangs = hangs

    async def execute_update(self, *arguments: object, **options: object) -> None:
        self.asked.set()
        if not self._hangs:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise WorkflowUpdateRPCTimeoutOrCancelledError from error


@pytest.mark.parametrize("hangs", [True, False], ids=["a request hangs", "a connection is refused"])
async def test_it_ends_once_the_attempt_is_given_up(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    address = f"127.0.0.1:{free_port()}"
    LightFlow(engine=TemporalEngine(Place(address, "default")))  # Gives the engine the rules to write events by.
    client = await Client.connect(address, lazy=True)
    handle = Handle(hangs=hangs)
    monkeypatch.setattr(client, "get_workflow_handle", lambda *arguments, **options: handle)
    monkeypatch.setattr(recording, "_AGAIN", 3600.0)

    async def give_up() -> None:
        task = asyncio.create_task(Recorder(client, "step", (), 0).record([NOTE]))
        await asyncio.wait_for(handle.asked.wait(), 20)
        task.cancel()
        ended, _ = await asyncio.wait((task,), timeout=20)
        assert ended
        assert task.cancelled()

    await ActivityEnvironment().run(give_up)
