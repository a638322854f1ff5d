"""Runs one Temporal workflow in the SDK's sandbox without a server: plays what a worker's core would say to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Success
from temporalio.bridge.proto.workflow_activation import (
    DoUpdate,
    FireTimer,
    InitializeWorkflow,
    ResolveActivity,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.converter import DataConverter
from temporalio.worker._workflow_instance import WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.worker.workflow_sandbox._runner import _fake_info
from temporalio.workflow import _Definition

CONVERT = DataConverter.default.payload_converter
Activity = Callable[[str, list[str]], Awaitable[list[str]]]


class SandboxRun:
    """One run of a workflow. Timers ring at once, on a clock that goes forward with them.

    Attributes:
        result: what the workflow gave; None as long as it goes on.
    """

    def __init__(self, workflow: type, activities: Mapping[str, Activity]) -> None:
        self._definition = _Definition.must_from_class(workflow)
        self._activities = activities
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.result: list[str] | None = None

    async def begin(self, argument: str) -> None:
        """Begin the workflow, and go on until it waits for something outside, or is over."""
        details = WorkflowInstanceDetails(
            payload_converter_factory=lambda: DataConverter.default.payload_converter,
            failure_converter_class=DataConverter.default.failure_converter_class,
            interceptor_classes=[],
            defn=self._definition,
            info=_fake_info,
            randomness_seed=1,
            extern_functions={},
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=[],
            patch_activation_callback=None,
            last_completion_result=Payloads(),
            last_failure=Failure(),
        )
        self._instance = SandboxedWorkflowRunner().create_instance(details)
        started = InitializeWorkflow(
            workflow_type=str(self._definition.name), workflow_id="w", arguments=CONVERT.to_payloads([argument])
        )
        await self._go_on([WorkflowActivationJob(initialize_workflow=started)])

    async def update(self, name: str, argument: str) -> str:
        """Send an update; an empty text, or why it was refused. What follows from it is carried out."""
        asked = DoUpdate(
            id="u",
            protocol_instance_id="u",
            name=name,
            input=CONVERT.to_payloads([argument]),
            run_validator=True,
        )
        return await self._go_on([WorkflowActivationJob(do_update=asked)])

    async def _go_on(self, jobs: list[WorkflowActivationJob]) -> str:
        refused = ""
        while jobs:
            told = WorkflowActivation(run_id="r", jobs=jobs, is_replaying=False)
            told.timestamp.FromDatetime(self._now)
            done = await asyncio.to_thread(self._instance.activate, told)
            assert not done.HasField("failed"), done.failed.failure.message
            jobs = []
            for command in done.successful.commands:
                kind = command.WhichOneof("variant")
                if kind == "complete_workflow_execution":
                    self.result = CONVERT.from_payload(command.complete_workflow_execution.result)
                elif kind == "update_response":
                    refused = command.update_response.rejected.message or refused
                else:
                    jobs.append(await self._answer(command))
        return refused

    async def _answer(self, command: WorkflowCommand) -> WorkflowActivationJob:
        if command.HasField("start_timer"):
            self._now += command.start_timer.start_to_fire_timeout.ToTimedelta()
            return WorkflowActivationJob(fire_timer=FireTimer(seq=command.start_timer.seq))
        assert command.HasField("schedule_activity"), command
        asked = command.schedule_activity
        path, past = CONVERT.from_payloads(asked.arguments)
        answer: Payload = CONVERT.to_payload(await self._activities[asked.activity_type](path, past))
        return WorkflowActivationJob(
            resolve_activity=ResolveActivity(seq=asked.seq, result=ActivityResolution(completed=Success(result=answer)))
        )
