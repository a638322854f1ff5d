"""An agent's run as a workflow on Temporal's real server: its model and its tools are activities."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.worker import Replayer, Worker

from tests.servers.temporal_server import TemporalServer
from tests.support.agent_workflow import AgentWorkflow, ask_model, double

QUEUE = "agents"


async def test_an_agent_runs_in_a_workflow_and_its_history_replays(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address)
    async with Worker(client, task_queue=QUEUE, workflows=[AgentWorkflow], activities=[ask_model, double]):
        handle = await client.start_workflow(AgentWorkflow.run, "Double.", id="agent", task_queue=QUEUE)
        content, run_id, *kinds = await handle.result()
    assert content == "40 44"
    assert len(run_id) == 32
    assert kinds == [
        "run_started",
        *("model_requested", "model_failed", "noted", "model_retried", "model_replied"),
        *("tool_started", "tool_started", "tool_finished", "tool_finished"),
        *("model_requested", "model_replied", "run_finished"),
    ]
    await Replayer(workflows=[AgentWorkflow]).replay_workflow(await handle.fetch_history())
