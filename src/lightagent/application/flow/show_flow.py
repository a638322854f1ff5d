"""A run as its caller sees it: the result, and the record as plain data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from lightagent.application.flow.flow_trace import flow_trace, step_traces
from lightagent.application.flow.left_attempts import asks_people
from lightagent.application.flow.step_result import FlowStatus, LightFlowResult, LightFlowStepResult, step_result
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import ConfigurationError, LightAgentError, RunSuspended
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.nodes import last_output
from lightagent.domain.flow.paths import escape
from lightagent.domain.flow.state import FlowState
from lightagent.domain.json_types import JsonObject
from lightagent.domain.secrets.masking import shown

FORMS = ("object", "str", "dict")


@dataclass(frozen=True, slots=True)
class Tracing:
    """How traces are kept.

    Attributes:
        capture_content: that of the flow may hold private content.
        captures: the same for the work of the step at a path.
    """

    capture_content: bool
    captures: Callable[[str], bool]


def flow_result(
    state: FlowState,
    events: Sequence[FlowEvent],
    *,
    traced: Tracing | None = None,
    status: FlowStatus | None = None,
) -> LightFlowResult:
    """The result of a run as of now.

    Args:
        events: all of the run's, which the traces are made of.
        traced: how traces are kept, if the caller wants them.
        status: of a run that is under way or interrupted; None for one that was left because it ended or waits.
    """
    nodes, output = state.root.nodes, last_output(state.root)
    traces = None if traced is None else step_traces(events, traced.captures)
    steps = [step_result(node, traces) for node in nodes]
    if status is None:
        asking = _asking(state)
        status = _status(state, asking)
        steps = [_left(asking, one) if one.status == "running" else one for one in steps]
    return LightFlowResult(
        content="" if output is None else output.text,
        steps=steps,
        status=status,
        error=next((node.error for node in nodes if node.status == "failed"), None) or _reason(status, steps),
        run_id=state.run_id,
        trace_id=state.started.trace_id,
        trace=[] if traced is None else flow_trace(events, capture_content=traced.capture_content),
    )


def _asking(state: FlowState) -> frozenset[str]:
    """The paths of the steps of a run that was left that wait for people inside them."""
    nodes = state.nodes.values()
    return frozenset(node.path for node in nodes if node.status == "running" and asks_people(node.notes or ()))


def _left(asking: Collection[str], step: LightFlowStepResult) -> LightFlowStepResult:
    """A step of a run that was left. A step whose nested flow waits only for events is shown as running, as waits are.

    Args:
        asking: the paths of the steps that wait for people inside them.
    """
    if step.status != "running":
        return step
    if step.path in asking:
        return replace(step, status="waiting_approval")
    return replace(
        step,
        items=tuple(tuple(_left(asking, one) for one in item) for item in step.items),
        rounds=tuple(tuple(_left(asking, one) for one in turn) for turn in step.rounds),
        added=tuple(_left(asking, one) for one in step.added),
    )


def _status(state: FlowState, asking: Collection[str]) -> FlowStatus:
    """A run whose open steps wait for people, whether before them or within them, waits for approval."""
    if state.status not in ("running", "waiting"):
        return state.status
    people = asking or any(node.status == "waiting_approval" for node in state.nodes.values())
    return "waiting_approval" if people else "waiting"


def _reason(status: FlowStatus, steps: Sequence[LightFlowStepResult]) -> LightAgentErrorInfo | None:
    if status == "cancelled":
        return LightAgentErrorInfo("LA-POLICY", "The run was cancelled.", "resume() goes on with it.")
    if status not in ("waiting", "waiting_approval"):
        return None
    what = "a person" if status == "waiting_approval" else "a time or an event"
    waiting = list(_waiting(steps, "waiting_approval" if status == "waiting_approval" else "running"))
    hint = "Go on with resume(run_id) once that is there."
    if status == "waiting_approval":
        hint = "Decide with approve(run_id, step), then go on with resume(run_id)."
    return LightAgentErrorInfo("LA-POLICY", f"The run waits for {what}: {', '.join(waiting)}.", hint)


def _waiting(steps: Sequence[LightFlowStepResult], status: str) -> Iterator[str]:
    """The paths of the innermost steps of a status."""
    for step in steps:
        inside = list(_waiting(step.inside, status))
        yield from inside
        if step.status == status and not inside:
            yield step.name if step.path == escape(step.name) else step.path


def present(result: LightFlowResult, form: str) -> LightFlowResult | str | JsonObject:
    """The result in the form that the caller asked for.

    Raises:
        LightAgentError: a text was asked for, and the run did not succeed.
    """
    if form == "object":
        return result
    if form == "dict":
        return result.to_dict()
    if result.success:
        return result.content
    if result.status in ("waiting", "waiting_approval") and result.error is not None:
        raise RunSuspended(result.error.message, guidance=result.error.guidance)
    raise LightAgentError("The run failed.") if result.error is None else error_from_info(result.error)


def check_form(form: object) -> None:
    """Raise unless results can be had in this form.

    Raises:
        ConfigurationError: they cannot.
    """
    if form not in FORMS:
        raise ConfigurationError(
            f"result_format must be one of {', '.join(FORMS)}, got {shown(str(form)):.100}.", guidance=""
        )
