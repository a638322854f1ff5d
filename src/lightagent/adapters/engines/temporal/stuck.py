"""Why workers cannot go on with a run at all, such as for want of a key: the server knows, and gives no reason."""

from __future__ import annotations

from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError

from lightagent.domain.errors import LightAgentError, StoreError

_LAST: Final = 10
"""The events at a history's end among which the last failure is."""


async def stuck(
    client: Client, handle: WorkflowHandle[object, object], error: RPCError | WorkflowQueryFailedError
) -> StoreError | None:
    """Return why a run is stuck, from an answer of the server; None if workers continue the run.

    Raises:
        RPCError: the server is away.
    """
    if "Workflow Task in failed state" not in str(error):
        return None
    said = await _last_failure(client, handle)
    return StoreError(
        f"The workers cannot go on with the run: {said}",
        guidance="The run stays as it is, and goes on once they can. Their logs tell more.",
    )


async def _last_failure(client: Client, handle: WorkflowHandle[object, object]) -> str:
    asked = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.run_id or ""),
        maximum_page_size=_LAST,
    )
    found = await client.workflow_service.get_workflow_execution_history_reverse(asked)
    for event in found.history.events:
        if event.HasField("workflow_task_failed_event_attributes"):
            try:
                told = await client.data_converter.decode_failure(event.workflow_task_failed_event_attributes.failure)
            except LightAgentError as refused:  # It is encrypted itself, with a key that is not here.
                return refused.message
            return str(told)
    return "their work on it failed."
