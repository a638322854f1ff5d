"""Has the hooks of a flow review that a run goes on, or that a step is done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_gate import FlowGate, Forbidden
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.rerun_flow import gates_within, rerun_of
from lightagent.application.flow.show_flow import flow_result
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.flow_payloads import FlowRerunPayload, FlowResumePayload
from lightagent.domain.policy.phases import Decision
from lightagent.ports.policy import Gate


async def may_resume(flow: ActiveFlow) -> tuple[Decision, ...]:
    """What the hooks decided about going on with a run.

    Raises:
        LightAgentError: they forbid it (`LA-HOOK`); the run is as it was.
    """
    if flow.gate is None or not flow.gate.reviews("flow_resume"):
        return ()
    payload = FlowResumePayload(_record(flow.state, flow.events), flow.state.run_id)
    verdict = await flow.gate.review("flow_resume", flow.state, "", payload)
    if isinstance(verdict, Forbidden):
        raise error_from_info(verdict.error)
    return verdict.decisions


async def may_rerun(
    gates: tuple[Gate, ...], steps: Mapping[str, LightFlowStep], events: Sequence[FlowEvent], step: str
) -> tuple[Decision, ...]:
    """The hooks' decisions about doing a step again; for a step of a nested flow, also those of that flow's hooks.

    Raises:
        LightAgentError: they forbid it (`LA-HOOK`); the run is as it was.
        ConfigurationError: the step does not exist.
    """
    state = fold(events)
    again = rerun_of(state, step)
    gate = FlowGate(tuple(dict.fromkeys((*gates, *gates_within(steps, again, state)))))
    if not gate.reviews("flow_rerun"):
        return ()
    path = "/".join((again.path, *again.below))
    verdict = await gate.review("flow_rerun", state, path, FlowRerunPayload(path, _record(state, events), state.run_id))
    if isinstance(verdict, Forbidden):
        raise error_from_info(verdict.error)
    return verdict.decisions


def _record(state: FlowState, events: Sequence[FlowEvent]) -> JsonObject:
    """What is on record of the run, as `get_run` gives it."""
    told = flow_result(state, events).to_dict()
    del told["trace"]
    return {**told, "flow": state.definition.name, "query": state.input}
