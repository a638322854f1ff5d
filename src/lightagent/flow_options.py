"""The options of a flow's steps and runs, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol, Required, TypeAlias

from typing_extensions import TypedDict, TypeForm

from lightagent.application.active_run.means import Means
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.proposals import ProposedStep
from lightagent.application.flow.step_context import StepContext
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
        """Its parts."""
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
"""The work of a step: an agent, a swarm, a flow, or a sync or async callable of the query and the context."""

StepQuery: TypeAlias = str | Callable[[StepContext], object] | Callable[[str, StepContext], object]
"""The query of a step: a text, or a callable of the context, or of the flow's input and the context."""


StepCondition: TypeAlias = Callable[[StepContext], bool | Awaitable[bool]]
"""A sync or async callable of the context that returns True or False; other values are refused."""

FlowList: TypeAlias = str | Sequence[JsonInput] | Callable[[StepContext], object]
"""The items of a map: the name of a step that gives a list, a list, or a callable of the context."""

StepAcceptance: TypeAlias = (
    Callable[[Sequence[ProposedStep]], bool | Awaitable[bool]]
    | Callable[[Sequence[ProposedStep], StepContext], bool | Awaitable[bool]]
)
"""Decides whether proposed steps are added: a callable of the proposed steps and the context."""

FlowMoment: TypeAlias = datetime | Callable[[StepContext], datetime | timedelta | float]
"""A moment: a datetime with a time zone, or a callable that gives one, a time from now on, or seconds since 1970."""

StepVerifier: TypeAlias = FlowAgent | Callable[[object], object] | Callable[[object, StepContext], object]
"""The verification of a result: an agent, or a callable of the result and the context."""


class StepOptions(TypedDict, total=False):
    """The options of a step besides its name."""

    agent: Required[StepAgent]
    """The work: a `LightAgent`, a `LightSwarm`, a `LightFlow`, or a callable of the step's query and, where it
    takes a second argument, of the `StepContext`; sync ones run in worker threads.
    """
    depends_on: Sequence[str] | None
    """The names of the steps that have to be over before this one."""
    query: StepQuery | None
    """A text, or a callable of the context. By default the flow's input, with the outputs of the steps that this one
    depends on.
    """
    tools: Sequence[ToolLike[None]] | None
    """Tools of an agent in this step, besides its own."""
    max_retry: int | None
    """How often it may be tried, the first time included; 1: once."""
    retry: RetryPolicy | None
    """How often it may be tried, with pauses and by classes of errors; instead of `max_retry`."""
    timeout: float | None
    """Seconds that an attempt may take; then it is cancelled."""
    fallback_agent: StepAgent | None
    """Does the work once the attempts of `agent` have failed, in as many of its own."""
    when: StepCondition | None
    """A callable of the context that gives True or False; if False, the step is skipped."""
    cancel_if: StepCondition | None
    """A callable of the context that gives True or False; if True, the step is skipped."""
    verify: StepVerifier | None
    """Verifies the result before it counts. A callable of it gives a `StepVerdict`, True or False, a text
    (rejects, with this reason) or None (undecided); an agent is shown the task and the result. A rejected step is
    tried again, with the reason, while attempts are left.
    """
    on_doubt: Literal["accept", "person", "fail"] | None
    """What follows if `verify` cannot decide: accept (by default), ask a person, or fail."""
    repeatable: bool | None
    """False for a step that must not run twice: an interrupted attempt fails, since its outcome is unknown."""
    accept_steps: Literal["person"] | bool | StepAcceptance | None
    """The step may add steps below itself by giving a `Proposal`: True for any within the bounds, "person" to have a
    person asked, or a callable of the proposed steps (and the context) that gives True or False.
    """
    max_added: int | None
    """How many steps it may add; 20 by default."""
    requires_approval: bool | None
    """A person is asked before the step runs."""
    approval_handler: Callable[[LightFlowStep, StepContext], object] | None
    """A callable of the step and the context that decides at once: with True or False, an object such as ``{"approved":
    True, "reason": "…"}``, or an `ApprovalDecision`; None leaves it to a person. For steps that require approval.
    """
    approvers: Sequence[str] | None
    """The names of those who may decide, exactly as `actor` of the decision; None: all who may decide about the run.
    This and the next two are for steps about which a person is asked, for whatever reason.
    """
    approval_timeout: float | None
    """Seconds for which the approvers may decide; then the step has failed, or others are asked: see `escalate_to`."""
    escalate_to: Sequence[str] | None
    """The names of those who are asked once `approval_timeout` is over."""
    metadata: Mapping[str, JsonInput] | None
    """Data of the step; for an agent the parameters of its requests, such as `temperature`."""
    output_type: TypeForm[object] | None
    """A type: the output of the step is validated against it, and read from the context as it."""


class WaitOptions(TypedDict, total=False):
    """The options of a step that waits."""

    depends_on: Sequence[str] | None
    """As in `StepOptions`."""
    when: StepCondition | None
    """As in `StepOptions`."""
    cancel_if: StepCondition | None
    """As in `StepOptions`."""
    requires_approval: bool | None
    """As in `StepOptions`."""
    approval_handler: Callable[[LightFlowStep, StepContext], object] | None
    """As in `StepOptions`; a person is asked before the wait begins."""
    approvers: Sequence[str] | None
    """As in `StepOptions`."""
    approval_timeout: float | None
    """As in `StepOptions`."""
    escalate_to: Sequence[str] | None
    """As in `StepOptions`."""
    metadata: Mapping[str, JsonInput] | None
    """As in `StepOptions`."""


class FlowOptions(TypedDict, total=False):
    """The options of a flow besides its store."""

    name: str | None
    """Names the flow in traces and listings."""
    engine: FlowEngine | None
    """Carries the runs out and keeps them, instead of this process and `store`."""
    hooks: Sequence[object] | None
    """Hooks for steps, approvals, resumptions and reruns; see docs/runtime-hooks.md."""
    telemetry: Sequence[TelemetrySink] | Literal[False] | None
    """Sinks that see the runs; False: neither do the application's providers. Agents have their own."""
    capture_content: bool | None
    """Keep messages of errors and reasons of people in traces; they may be private."""
    max_parallel: int | None
    """Steps of one run that run at the same time; 16 by default."""
    limits: FlowLimits | None
    """How large a run may become: items of a map, rounds of a loop, steps that are added."""
    max_wait: float | None
    """Seconds that a run waits in its process for a moment, such as that of a `sleep`. Beyond it
    the run is left as `waiting`, and `resume` goes on with it. By default it waits without limit.
    """
    clock: Clock | None
    """Tells the time, for tests."""
    ids: IdSource | None
    """Names runs, for tests."""


class FlowRunOptions(TypedDict, total=False):
    """The options of going on with a run."""

    tenant: str | None
    """Which customer of the application the run is for; it is not found under any other."""
    user_id: str | None
    """Whose run it is; it is not found under any other user."""
    trace: bool | None
    """Keep the trace: in the result, that of each agent in the result of its step."""


class NewFlowRunOptions(FlowRunOptions, total=False):
    """The options of a new run."""

    run_id: str | None
    """Names the run; a new one unless given. One that is taken is refused."""
    parent_trace_id: str | None
    """The trace that this one belongs to."""
    run_group_id: str | None
    """Names a group of runs that belong together."""


class KnownFlowRunOptions(FlowRunOptions, total=False):
    """The options of going on with a run whose flow may have been changed since."""

    accept: Sequence[str] | None
    """The names of steps whose results count although they do other work now."""


class ForkOptions(KnownFlowRunOptions, total=False):
    """The options of a fork."""

    from_event: int | None
    """The number of the last event of the run that the fork has; by default it has all of them."""
    step: str | None
    """Instead of a number: the fork has the events before this step began the last time."""
    new_run_id: str | None
    """Names the fork; a new one unless given."""
