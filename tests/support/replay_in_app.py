"""A process as a worker's is, with settings, telemetry and an MCP server open, in which saved histories are replayed.

python -m tests.support.replay_in_app CONFIG HISTORY...
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.bootstrap import open_app
from lightagent.settings import load_settings


async def main(config: str, histories: list[WorkflowHistory]) -> None:
    """Replay them as a worker carries runs out, outside the sandbox."""
    trace.set_tracer_provider(TracerProvider())
    async with open_app(load_settings(config)) as app:
        agent = app.agent()
        assert await agent.arun("Hello."), "the MCP server is asked, and telemetry notes it"
        app.flow(name="app").step("work", agent=agent)  # It gives the engine what its workflows fold with.
        for history in histories:
            replayer = Replayer(workflows=[FlowWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
            await replayer.replay_workflow(history)


if __name__ == "__main__":
    files = [Path(name) for name in sys.argv[2:]]
    asyncio.run(main(sys.argv[1], [WorkflowHistory.from_json(file.stem, file.read_text("utf-8")) for file in files]))
    sys.stdout.write(f"{len(files)} replayed\n")
