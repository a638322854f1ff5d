"""The options of a flow's steps and runs, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, Required, TypeAlias

from typing_extensions import TypedDict, TypeForm

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_context import StepContext
from lightagent.application.means import Means
from lightagent.domain.json_types import JsonValue
from lightagent.options import ToolLike
from lightagent.ports.system import Clock, IdSource
from lightagent.ports.telemetry import TelemetrySink


class FlowAgent(Protocol):
    """An agent without dependencies: every `LightAgent` whose runs need no `deps=`."""

    @property
    def means(self) -> Means[None]:
        """What it is made of."""
        ...


class FlowSwarm(Protocol):
    """A swarm of such agents, the first of which gets the step's query: every `LightSwarm` without dependencies."""

    @property
    def registered(self) -> tuple[FlowAgent, ...]:
        """Its agents, in the order in which they were registered."""
        ...


class NestedFlow(Protocol):
    """A flow as a step of another: every `LightFlow`."""

    @property
    def steps(self) -> tuple[LightFlowStep, ...]:
        """Its steps, in the order in which they were declared."""
        ...


StepAgent: TypeAlias = (
    FlowAgent
    | FlowSwarm
    | NestedFlow
    | Callable[[str], object]
    | Callable[[str, StepContext], object]
    | Callable[[], object]
)
"""What does the work of a step: an agent, a swarm, a flow, or a sync or async callable of the query and the context."""

StepQuery: TypeAlias = str | Callable[[StepContext], object] | Callable[[str, StepContext], object]
"""What a step is asked: a text, or a callable of the context, or of the flow's input and the context."""


class StepOptions(TypedDict, total=False):
    """The options of a step besides its name.

    Attributes:
        agent: does the work: a `LightAgent`, a `LightSwarm`, a `LightFlow`, or a callable of the step's query and,
            where it takes a second argument, of the `StepContext`; sync ones run in worker threads.
        depends_on: the names of the steps that have to be over before this one.
        query: a text, or a callable of the context. By default the flow's input, with the outputs of the steps that
            this one depends on.
        tools: of an agent in this step, besides its own.
        max_retry: how often it may be tried, the first time included; 1: once.
        timeout: seconds that an attempt may take; then it is cancelled.
        fallback_agent: does the work once the attempts of `agent` have failed, in as many of its own.
        cancel_if: a callable of the context; where it says True, the step is skipped.
        requires_approval: a person is asked before the step runs.
        approval_handler: a callable of the step and the context that decides at once: with True or False, an object
            such as ``{"approved": True, "reason": "…"}``, or an `ApprovalDecision`; None leaves it to a person.
        approvers: the names of those who may decide, as `actor` of the decision; None: whoever decides about the run.
        approval_timeout: seconds for which they may; then the step has failed, or others are asked.
        escalate_to: the names of those.
        metadata: what belongs to the step; for an agent the parameters of its requests, such as `temperature`.
        output_type: a type; what the step gives is validated into it, and read from the context as it.
    """

    agent: Required[StepAgent]
    depends_on: Sequence[str] | None
    query: StepQuery | None
    tools: Sequence[ToolLike] | None
    max_retry: int | None
    timeout: float | None
    fallback_agent: StepAgent | None
    cancel_if: Callable[[StepContext], object] | None
    requires_approval: bool | None
    approval_handler: Callable[[LightFlowStep, StepContext], object] | None
    approvers: Sequence[str] | None
    approval_timeout: float | None
    escalate_to: Sequence[str] | None
    metadata: Mapping[str, JsonValue] | None
    output_type: TypeForm[object] | None


class FlowOptions(TypedDict, total=False):
    """The options of a flow besides its store.

    Attributes:
        name: of the flow, for traces and listings.
        hooks: are asked about steps, approvals, resumptions and reruns; see docs/runtime-hooks.md.
        telemetry: sinks that see the runs; False: also the providers of the application do not. Agents have their own.
        capture_content: keep messages of errors and reasons of people in traces; they may be private.
        max_parallel: steps of one run that are carried out at the same time; 16 by default.
        clock, ids: time and identity, for tests.
    """

    name: str | None
    hooks: Sequence[object] | None
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    capture_content: bool | None
    max_parallel: int | None
    clock: Clock | None
    ids: IdSource | None


class FlowRunOptions(TypedDict, total=False):
    """The options of going on with a run.

    Attributes:
        tenant, user_id: whose run it is; nobody else finds it.
        trace: keep the trace: in the result, that of each agent in the result of its step.
    """

    tenant: str | None
    user_id: str | None
    trace: bool | None


class NewFlowRunOptions(FlowRunOptions, total=False):
    """The options of a new run.

    Attributes:
        run_id: names the run; a new one unless given. One that is taken is refused.
        parent_trace_id, run_group_id: where the run belongs in a larger trace.
    """

    run_id: str | None
    parent_trace_id: str | None
    run_group_id: str | None
