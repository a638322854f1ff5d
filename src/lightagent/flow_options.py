"""The options of a flow's steps and runs, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol, Required, TypeAlias

from typing_extensions import TypedDict, TypeForm

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.proposals import ProposedStep
from lightagent.application.flow.step_context import StepContext
from lightagent.application.means import Means
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.retrying import RetryPolicy
from lightagent.domain.json_types import JsonInput
from lightagent.options import ToolLike
from lightagent.ports.flow_engine import FlowEngine
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
    def declared(self) -> tuple[LightFlowStep, ...]:
        """Its steps, in the order in which they were declared, and those that it offers."""
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


FlowList: TypeAlias = str | Sequence[JsonInput] | Callable[[StepContext], object]
"""What a map goes through: the name of a step that gives a list, a list, or a callable of the context."""

StepAcceptance: TypeAlias = (
    Callable[[Sequence[ProposedStep]], object] | Callable[[Sequence[ProposedStep], StepContext], object]
)
"""Says whether what a step proposes is added: a callable of the proposed steps and the context."""

FlowMoment: TypeAlias = datetime | Callable[[StepContext], datetime | timedelta | float]
"""A moment: a datetime with a time zone, or a callable that gives one, a time from now on, or seconds since 1970."""

StepVerifier: TypeAlias = FlowAgent | Callable[[object], object] | Callable[[object, StepContext], object]
"""What says what a result is worth: an agent, or a callable of the result and the context."""


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
        retry: the same with pauses, and by classes of errors.
        timeout: seconds that an attempt may take; then it is cancelled.
        fallback_agent: does the work once the attempts of `agent` have failed, in as many of its own.
        when: a callable of the context; unless it says True, the step is skipped.
        cancel_if: a callable of the context; where it says True, the step is skipped.
        verify: says what the result is worth before it counts. A callable of it gives a `StepVerdict`, True or False, a
            text (rejects, with this reason) or None (cannot tell); an agent is shown the task and the result. What is
            rejected is tried again, with the reason, while attempts are left.
        on_doubt: what follows where it cannot tell: accept (by default), ask a person, or fail.
        repeatable: False for what must not be done twice: an attempt that a crash interrupted fails, its outcome being
            unknown.
        accept_steps: the step may add steps below itself by giving a `Proposal`: True for any within the bounds,
            "person" to have a person asked, or a callable of the proposed steps (and the context) that says True.
        max_added: how many it may add; 20 by default.
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
    retry: RetryPolicy | None
    timeout: float | None
    fallback_agent: StepAgent | None
    when: Callable[[StepContext], object] | None
    cancel_if: Callable[[StepContext], object] | None
    verify: StepVerifier | None
    on_doubt: Literal["accept", "person", "fail"] | None
    repeatable: bool | None
    accept_steps: Literal["person"] | bool | StepAcceptance | None
    max_added: int | None
    requires_approval: bool | None
    approval_handler: Callable[[LightFlowStep, StepContext], object] | None
    approvers: Sequence[str] | None
    approval_timeout: float | None
    escalate_to: Sequence[str] | None
    metadata: Mapping[str, JsonInput] | None
    output_type: TypeForm[object] | None


class WaitOptions(TypedDict, total=False):
    """The options of a step that waits.

    Attributes:
        depends_on, when, requires_approval, approval_handler, metadata: as in `StepOptions`.
    """

    depends_on: Sequence[str] | None
    when: Callable[[StepContext], object] | None
    requires_approval: bool | None
    approval_handler: Callable[[LightFlowStep, StepContext], object] | None
    metadata: Mapping[str, JsonInput] | None


class FlowOptions(TypedDict, total=False):
    """The options of a flow besides its store.

    Attributes:
        name: of the flow, for traces and listings.
        hooks: are asked about steps, approvals, resumptions and reruns; see docs/runtime-hooks.md.
        telemetry: sinks that see the runs; False: also the providers of the application do not. Agents have their own.
        capture_content: keep messages of errors and reasons of people in traces; they may be private.
        max_parallel: steps of one run that are carried out at the same time; 16 by default.
        engine: carries the runs out and keeps them, instead of this process and `store`.
        limits: how large a run may become: items of a map, rounds of a loop, steps that are added.
        max_wait: seconds that a run waits in its process for a moment that is further away, such as that of a `sleep`.
            Beyond it the run is left as `waiting`, and `resume` goes on with it. By default it waits however long.
        clock, ids: time and identity, for tests.
    """

    name: str | None
    engine: FlowEngine | None
    hooks: Sequence[object] | None
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    capture_content: bool | None
    max_parallel: int | None
    limits: FlowLimits | None
    max_wait: float | None
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


class KnownFlowRunOptions(FlowRunOptions, total=False):
    """The options of going on with a run whose flow may have been changed since.

    Attributes:
        accept: the names of steps whose results count although they do other work now.
    """

    accept: Sequence[str] | None


class ForkOptions(KnownFlowRunOptions, total=False):
    """The options of a fork.

    Attributes:
        from_event: the number of the last event of the run that the fork has; by default it has all of them.
        step: instead of a number: the fork has what happened before this step began, the last time that it did.
        new_run_id: names the fork; a new one unless given.
    """

    from_event: int | None
    step: str | None
    new_run_id: str | None
