"""Passes the trace context of a run's caller on to its activities and child workflows, in the headers of the workflow.

Nothing of it is content: W3C's `traceparent` and `tracestate`, which are not encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ContinueAsNewInput,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle, ChildWorkflowHandle

NAMES: Final = ("traceparent", "tracestate")


class PassOn(WorkflowInboundInterceptor):
    """Intercepts the workflow of a run."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_PassedOn(outbound))


class _PassedOn(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> ActivityHandle[object]:
        input.headers = _with_trace(input.headers)
        return super().start_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> ChildWorkflowHandle[object, object]:
        input.headers = _with_trace(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        input.headers = _with_trace(input.headers)
        super().continue_as_new(input)


def _with_trace(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    began_with = workflow.info().headers
    return {**headers, **{name: began_with[name] for name in NAMES if name in began_with}}
