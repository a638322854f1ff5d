"""The measurements of the GenAI conventions: tokens, durations, and the time until an answer begins.

The time of each further chunk is not measured: what a run sees of it includes the time that its consumer takes.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.metrics import Histogram, Meter, NoOpMeter

from lightagent.adapters.telemetry.otel.attribute_names import (
    INVOKE_WORKFLOW,
    OUTCOME,
    STEP,
    STEP_DURATION,
    STEP_STATUS,
    WORKFLOW_DURATION,
    Names,
)
from lightagent.adapters.telemetry.otel.attributes import Reply
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_name
from lightagent.domain.usage import Usage

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_MCP: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_FIRST: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The bounds that the conventions recommend."""


class Metrics:
    """The histograms, with the bounds that the conventions recommend.

    Args:
        meter: of the application's provider.
        names: of the instruments and attributes.
    """

    def __init__(self, meter: Meter, names: Names) -> None:
        self._names = names
        self._is_idle = type(meter) is NoOpMeter  # Another one of that kind may do something.
        self._duration = _histogram(meter, names.operation_duration, "s", "GenAI operation duration.", _SECONDS)
        self._tokens = _histogram(meter, names.token_usage, "{token}", "Tokens that were used.", _TOKENS)
        self._first = _histogram(
            meter, names.first_chunk_duration, "s", "Time until the first chunk of a streamed answer.", _FIRST
        )
        self._mcp = _histogram(meter, names.mcp_duration, "s", "Time until an MCP server answers a request.", _MCP)

        self._workflow = _histogram(meter, WORKFLOW_DURATION, "s", "Duration of runs of flows.", _SECONDS)
        self._step = _histogram(meter, STEP_DURATION, "s", "Duration of attempts at steps of flows.", _SECONDS)

    def request(self, seconds: float, attributes: Attributes, reply: Reply, error_type: str = "") -> None:
        """An attempt at a request took so long, and used what its answer tells."""
        if self._is_idle:
            return
        attributes = self._answered(attributes, reply)
        self.operation(seconds, attributes, error_type)
        if reply.usage is not None:
            self._used(reply.usage, attributes)

    def operation(self, seconds: float, attributes: Attributes, error_type: str = "") -> None:
        """An operation took so long; `error_type` tells why it failed."""
        self._record(self._duration, seconds, attributes, error_type)

    def mcp_request(self, seconds: float, attributes: Attributes, error_type: str = "") -> None:
        """A request to an MCP server took so long."""
        self._record(self._mcp, seconds, attributes, error_type)

    def first_chunk(self, seconds: float, attributes: Attributes, reply: Reply) -> None:
        """The first chunk of a streamed answer came after so long."""
        self._first.record(max(0.0, seconds), self._answered(attributes, reply))

    def workflow(self, seconds: float, name: str, status: str, error_type: str = "") -> None:
        """A run of a flow was left after so long."""
        if not self._is_idle:
            attributes: Attributes = {self._names.operation: INVOKE_WORKFLOW, self._names.workflow: plain_name(name)}
            self._record(self._workflow, seconds, {**attributes, OUTCOME: status}, error_type)

    def step(self, seconds: float, flow: str, step: str, status: str, error_type: str = "") -> None:
        """An attempt at a step took so long."""
        if not self._is_idle:
            attributes: Attributes = {self._names.workflow: plain_name(flow), STEP: plain_name(step)}
            self._record(self._step, seconds, {**attributes, STEP_STATUS: status}, error_type)

    def _record(self, histogram: Histogram, seconds: float, attributes: Attributes, error_type: str) -> None:
        failed = {**attributes, self._names.error_type: plain_name(error_type)} if error_type else attributes
        histogram.record(max(0.0, seconds), failed)

    def _used(self, usage: Usage, attributes: Attributes) -> None:
        if usage.input_tokens:
            self._tokens.record(usage.input_tokens, {**attributes, self._names.token_type: "input"})
        if usage.output_tokens:
            self._tokens.record(usage.output_tokens, {**attributes, self._names.token_type: "output"})

    def _answered(self, attributes: Attributes, reply: Reply) -> Attributes:
        """The attributes with the model that answered, as far as it is known."""
        return {**attributes, self._names.response_model: plain_name(reply.model)} if reply.model else attributes


def _histogram(meter: Meter, name: str, unit: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds)
