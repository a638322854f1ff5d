"""The workflow of flows on Temporal without a server: saved histories replay in the sandbox on which workers run it.

`tests/heavy/test_flow_workflow_server.py` plays the same run on the real server, and says how a history is saved.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError, _Definition

from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.orders import RECORD
from lightagent.adapters.engines.temporal.worker import sandbox
from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.domain.flow.paths import effect_key
from tests.support.changed_flow_workflow import ChangedFlowWorkflow, ChangedRecordingWorkflow
from tests.support.replayed_flow import replayed

HISTORIES = Path(__file__).parents[1] / "support/histories"
SAVED = sorted(HISTORIES.glob("flow_*.json"))
"""Those of each release since which something was changed: of a flow of functions, and of one with agents."""

RUN, AGENTS = HISTORIES / "flow_run.json", HISTORIES / "flow_agents.json"


@pytest.fixture(autouse=True)
def machine() -> None:
    """A flow on the engine gives it what its workflows fold with."""
    replayed(TemporalEngine(Place("localhost:7233", "default")))


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
async def test_a_saved_run_replays_in_the_sandbox(path: Path) -> None:
    await Replayer(workflows=[FlowWorkflow], workflow_runner=sandbox()).replay_workflow(history(path))


def kinds(path: Path) -> list[str]:
    """What happened in a history, in its order."""
    return [str(event.WhichOneof("attributes")).removesuffix("_event_attributes") for event in history(path).events]


def test_the_saved_run_has_all_that_a_workflow_decides_about() -> None:
    found = kinds(RUN)
    assert found.count("timer_started") >= 2, "the pause before another attempt, and the step that waits"
    assert found.count("workflow_execution_update_accepted") >= 4, "decisions, a step done again, an event from outside"
    assert found.count("activity_task_scheduled") >= 12
    assert found[-1] == "workflow_execution_completed"


def test_the_saved_run_with_agents_has_their_calls_and_the_time_in_which_people_may_decide() -> None:
    found = kinds(AGENTS)
    updates = [event.workflow_execution_update_accepted_event_attributes for event in history(AGENTS).events]
    assert sum(one.accepted_request.input.name == RECORD for one in updates) >= 10
    assert (found.count("timer_started"), found.count("timer_canceled")) == (1, 1), "a person has decided in time"
    assert found[-1] == "workflow_execution_completed"


def test_a_saved_run_leaves_a_workflow_in_the_middle_of_an_agents_work() -> None:
    left, taken = HISTORIES / "flow_handed_over.json", HISTORIES / "flow_taken_over.json"
    assert kinds(left)[-1] == "workflow_execution_continued_as_new"
    assert kinds(taken)[-1] == "workflow_execution_completed"


async def caught(path: Path, changed: type[FlowWorkflow]) -> bool:
    """Whether a changed workflow does not get through a history."""
    try:
        await Replayer(workflows=[changed], workflow_runner=sandbox()).replay_workflow(history(path))
    except NondeterminismError:
        return True
    return False


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
async def test_a_careless_change_of_the_workflow_is_caught(path: Path) -> None:
    assert await caught(path, ChangedFlowWorkflow)


async def test_a_careless_change_of_what_agents_put_on_record_is_caught_by_a_run_with_agents() -> None:
    assert await caught(AGENTS, ChangedRecordingWorkflow)
    assert not await caught(RUN, ChangedRecordingWorkflow)


def test_histories_replay_in_a_process_with_settings_telemetry_and_mcp(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")
    config = tmp_path / "lightagent.toml"
    command = f'command = {json.dumps(sys.executable)}\nargs = ["-m", "tests.servers.mcp.stdio_server"]'
    config.write_text(
        '[default.model]\nkind = "offline"\n[default.flow]\nengine = "temporal"\n'
        f'[default.telemetry]\nendpoint = "http://127.0.0.1:9"\n[default.mcp.notes]\n{command}\n'
    )
    asked = [sys.executable, "-m", "tests.support.replay_in_app", str(config), *map(str, SAVED)]
    done = subprocess.run(
        asked, cwd=HISTORIES.parents[2], capture_output=True, text=True, encoding="utf-8", timeout=100, check=False
    )
    assert done.stdout.splitlines()[-1:] == [f"{len(SAVED)} replayed"], done.stderr[-2000:]


async def test_the_workflow_imports_only_what_the_sandbox_allows() -> None:
    sandbox().prepare_workflow(_Definition.must_from_class(FlowWorkflow))


def test_the_text_of_an_effect_key_stays_as_it_is() -> None:
    """What activities are given is not compared when a history is replayed, so a change of it would go unnoticed."""
    assert effect_key("r", "m[1]/x", 2) == "r/m[1]/x@2"
    assert effect_key("r", "m[1]/x", 2, fallback=True) == "r/m[1]/x@2/fallback"
