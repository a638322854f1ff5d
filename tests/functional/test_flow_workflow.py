"""The workflow of flows on Temporal without a server: saved histories replay in the sandbox on which workers run it.

`tests/heavy/test_flow_workflow_server.py` plays the same run on the real server, and says how a history is saved.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError, _Definition

from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.worker import sandbox
from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.domain.flow.paths import effect_key
from tests.support.changed_flow_workflow import ChangedFlowWorkflow
from tests.support.replayed_flow import replayed

HISTORIES = Path(__file__).parents[1] / "support/histories"
SAVED = sorted(HISTORIES.glob("flow_run*.json"))
"""One of each release since which something was changed."""


@pytest.fixture(autouse=True)
def machine() -> None:
    """A flow on the engine gives it what its workflows fold with."""
    replayed(TemporalEngine(Place("localhost:7233", "default")))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
async def test_a_saved_run_replays_in_the_sandbox(path: Path) -> None:
    await Replayer(workflows=[FlowWorkflow], workflow_runner=sandbox()).replay_workflow(history(path))


def test_the_saved_run_has_all_that_a_workflow_decides_about() -> None:
    kinds = [
        str(event.WhichOneof("attributes")).removesuffix("_event_attributes") for event in history(SAVED[0]).events
    ]
    assert kinds.count("timer_started") >= 2, "the pause before another attempt, and the step that waits"
    assert kinds.count("workflow_execution_update_accepted") >= 4, "decisions, a step done again, an event from outside"
    assert kinds.count("activity_task_scheduled") >= 12
    assert kinds[-1] == "workflow_execution_completed"


async def test_a_careless_change_of_the_workflow_is_caught() -> None:
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[ChangedFlowWorkflow], workflow_runner=sandbox()).replay_workflow(history(SAVED[0]))


async def test_the_workflow_imports_only_what_the_sandbox_allows() -> None:
    sandbox().prepare_workflow(_Definition.must_from_class(FlowWorkflow))


def test_the_text_of_an_effect_key_stays_as_it_is() -> None:
    """What activities are given is not compared when a history is replayed, so a change of it would go unnoticed."""
    assert effect_key("r", "m[1]/x", 2) == "r/m[1]/x@2"
    assert effect_key("r", "m[1]/x", 2, fallback=True) == "r/m[1]/x@2/fallback"
