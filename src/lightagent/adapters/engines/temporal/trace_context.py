"""The context of traces, between the callers of runs and the workers that carry out their steps.

The spans that a worker makes of a step are so below the span of the run, which its caller has made. It needs
OpenTelemetry, and does nothing where that is not installed.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from temporalio import client, worker
from temporalio.api.common.v1 import Payload
from temporalio.client import OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from lightagent.adapters.engines.temporal.trace_headers import NAMES, PassOn

HAS_TRACES = find_spec("opentelemetry.trace") is not None

_CONVERTER = DataConverter.default.payload_converter


class TraceContext(client.Interceptor, worker.Interceptor):
    """Sends the context in which a run is begun with its workflow, and enters it around each activity."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Sending(next)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Entering(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return PassOn


class _Sending(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[object, object]:
        input.headers = {**input.headers, **_sent()}
        return await super().start_workflow(input)


class _Entering(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        with _entered(input.headers):
            return await super().execute_activity(input)


def _sent() -> Mapping[str, Payload]:
    """The current context as headers."""
    if not HAS_TRACES:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = dict[str, str]()
    TraceContextTextMapPropagator().inject(carrier)
    return {name: _CONVERTER.to_payload(carrier[name]) for name in NAMES if name in carrier}


@contextmanager
def _entered(headers: Mapping[str, Payload]) -> Generator[None]:
    """Within it the context of the headers is the current one."""
    found = {name: _CONVERTER.from_payload(headers[name], str) for name in NAMES if name in headers}
    if not HAS_TRACES or not found:
        yield
        return
    from opentelemetry import context as otel_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = otel_context.attach(TraceContextTextMapPropagator().extract(found))
    try:
        yield
    finally:
        otel_context.detach(token)
