"""The unchanged loop in a Temporal workflow's sandbox: a saved history replays, with the same commands in each step.

`tests/heavy/test_agent_workflow_server.py` runs the same workflow on the real server.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.support.agent_workflow import AgentWorkflow
from tests.support.changed_agent_workflow import ChangedAgentWorkflow

HISTORY = Path(__file__).parents[1] / "support/histories/agent_run.json"


def history() -> WorkflowHistory:
    return WorkflowHistory.from_json("agent_run", HISTORY.read_text(encoding="utf-8"))


def test_the_saved_run_had_a_retry_and_two_calls_at_once() -> None:
    kinds = [event.WhichOneof("attributes") for event in history().events]
    assert kinds.count("timer_started_event_attributes") >= 1  # the pause before the second attempt
    assert kinds.count("activity_task_scheduled_event_attributes") == 5  # three requests, two calls
    assert kinds[-1] == "workflow_execution_completed_event_attributes"


async def test_a_saved_run_replays_in_the_sandbox() -> None:
    await Replayer(workflows=[AgentWorkflow]).replay_workflow(history())


async def test_a_run_that_goes_otherwise_does_not_replay() -> None:
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[ChangedAgentWorkflow]).replay_workflow(history())
