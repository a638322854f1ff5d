"""The section ``[default.flow]``: what carries out runs of flows, where they are kept, how large they may become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.secrets.masking import shown
from lightagent.settings.origins import KeyPath
from lightagent.settings.problems import Problem
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Backend, Section, backend_table

LOCAL: Final = "local"
"""The engine in this process."""


def _named(value: object) -> object:
    """An engine that needs no options may be written as its name alone."""
    return {"kind": value} if isinstance(value, str) else backend_table(value)


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


class FlowSettings(Section):
    """What carries out runs and where they are kept, for flows without an engine or a store of their own."""

    engine: Annotated[Backend, BeforeValidator(_named), NEEDS_TRUST] = Field(
        default=Backend(kind=LOCAL),
        description="What carries runs out: local, which is this process, or an engine that an installed package "
        "brings, by its name or as a table of its kind and its options.",
    )
    store: Annotated[Backend | None, BeforeValidator(backend_table), NEEDS_TRUST] = Field(
        default=None,
        description="Where this process keeps them: a table of the kind of a journal store and its options; by "
        "default the store of the section journals.",
    )
    max_parallel: Annotated[int | None, SAFE] = Field(
        default=None, ge=1, le=10_000, description="Steps of one run that are carried out at the same time."
    )
    max_wait: Annotated[float | None, SAFE] = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that a run waits in its process for a moment that is further away.",
    )
    max_items: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_items, ge=1, le=10_000_000, description="Items of one map."
    )
    max_rounds: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_rounds, ge=1, le=10_000_000, description="Rounds of a loop without a bound."
    )
    max_added: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_added, ge=1, le=1_000_000, description="Steps that the steps of a run may add."
    )
    max_depth: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_depth, ge=1, le=100, description="How deep below each other steps add steps."
    )
    max_value: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_value, ge=1, le=2**31 - 1, description="Bytes of one input or output, as JSON."
    )
    max_lost: Annotated[int, SAFE] = Field(
        default=DEFAULT_FLOW_LIMITS.max_lost,
        ge=1,
        le=1_000_000,
        description="How often an attempt is begun whose process ends before it does.",
    )

    worker: Annotated[FlowWorkerSettings, NEEDS_TRUST] = Field(
        default=FlowWorkerSettings(), description="How lightagent worker works: limits, and where it can be watched."
    )

    @property
    def is_local(self) -> bool:
        """Whether this process carries runs out."""
        return self.engine.kind == LOCAL

    def limits(self) -> FlowLimits:
        """How large a run may become."""
        return FlowLimits(
            max_items=self.max_items,
            max_rounds=self.max_rounds,
            max_added=self.max_added,
            max_depth=self.max_depth,
            max_value=self.max_value,
            max_lost=self.max_lost,
        )


def flow_problems(chosen: FlowSettings, place: Callable[[KeyPath], str]) -> Iterator[Problem]:
    """Report options that apply to runs in this process, if an engine carries runs out elsewhere.

    Args:
        place: returns the place of a path, for people.
    """
    if chosen.is_local:
        return
    for option in ("store", "max_parallel", "max_wait"):
        if getattr(chosen, option) is not None:
            yield Problem(
                place(("flow", option)),
                f"It applies only to runs in this process, but the engine is {shown(chosen.engine.kind)}.",
                f'Leave {option} out, or choose engine = "local".',
            )
