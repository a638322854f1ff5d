"""Temporal's real server carries a workflow out, and a replayer in the sandbox repeats its history."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Replayer, Worker
from temporalio.workflow import NondeterminismError

from tests.heavy.adding import Adding, AddingLate, add
from tests.servers.temporal_server import TemporalServer, temporal_server

QUEUE = "adding"


async def test_a_workflow_runs_and_its_history_replays(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address)
    async with Worker(client, task_queue=QUEUE, workflows=[Adding], activities=[add]):
        handle = await client.start_workflow(Adding.run, [1, 2, 39], id="sum", task_queue=QUEUE)
        assert await handle.result() == 42
    history = await handle.fetch_history()
    assert sum(event.HasField("activity_task_completed_event_attributes") for event in history.events) == 3

    await Replayer(workflows=[Adding]).replay_workflow(history)
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[AddingLate]).replay_workflow(history)


@pytest.mark.needs("temporal")
async def test_what_was_started_outlives_a_crash_of_the_server(tmp_path: Path) -> None:
    with temporal_server(tmp_path) as server:
        client = await Client.connect(server.address)
        await client.start_workflow(Adding.run, [20, 22], id="sum", task_queue=QUEUE)
        os.killpg(server.child.pid, signal.SIGKILL)
    with temporal_server(tmp_path) as server:
        client = await Client.connect(server.address)
        handle = client.get_workflow_handle_for(Adding.run, "sum")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        async with Worker(client, task_queue=QUEUE, workflows=[Adding], activities=[add]):
            assert await handle.result() == 42
