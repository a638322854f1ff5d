"""What can be set of workers of flows: the table ``[default.flow.worker]``."""

from __future__ import annotations

from pydantic import Field

from lightagent.settings.section import Section


class FlowWorkerSettings(Section):
    """How `lightagent worker` works; options of the command line replace it.

    All of it needs trust, since a file from elsewhere could open a port.
    """

    runs: int = Field(default=4, ge=1, le=100_000, description="Runs of one flow at the same time.")
    steps: int = Field(default=100, ge=1, le=100_000, description="With an engine: steps of one flow at the same time.")
    model_calls: int | None = Field(
        default=None, ge=1, le=100_000, description="Requests to models at the same time, of all flows together."
    )
    grace: float = Field(
        default=20.0, ge=0, allow_inf_nan=False, description="Seconds for work in hand to end after a stop."
    )
    host: str = Field(
        default="127.0.0.1", min_length=1, description="The IP address where health and metrics are served."
    )
    health_port: int | None = Field(
        default=None, ge=0, le=65535, description="The port of /healthz and /readyz; 0 for a free one."
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="The port of /metrics for Prometheus, with an engine that has them."
    )
