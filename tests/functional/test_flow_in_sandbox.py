"""The flow's machine in the sandbox of a Temporal workflow, which refuses time, chance, files and threads."""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import _Definition

from tests.support import flow_in_sandbox


async def test_the_machine_is_imported_and_runs_in_the_sandbox() -> None:
    assert flow_in_sandbox.PLAYED == "publish done"
    definition = _Definition.must_from_class(flow_in_sandbox.FlowWorkflow)
    # Imports the module of the workflow inside the sandbox, which plays a flow while it is imported.
    SandboxedWorkflowRunner().prepare_workflow(definition)
