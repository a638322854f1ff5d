"""Puts it before the hooks of a flow that a run goes on, or that a step is done again."""

from __future__ import annotations

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_gate import Forbidden
from lightagent.application.flow.show_flow import flow_result
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.flow_payloads import FlowRerunPayload, FlowResumePayload
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy import Decision


async def may_resume(flow: ActiveFlow) -> tuple[Decision, ...]:
    """What the hooks decided about going on with a run.

    Raises:
        LightAgentError: they forbid it (`LA-HOOK`); the run is as it was.
    """
    if flow.gate is None or not flow.gate.reviews("flow_resume"):
        return ()
    payload = FlowResumePayload(_record(flow), flow.state.run_id)
    verdict = await flow.gate.review("flow_resume", flow.state, "", payload)
    if isinstance(verdict, Forbidden):
        raise error_from_info(verdict.error)
    return verdict.decisions


async def may_rerun(flow: ActiveFlow, path: str) -> tuple[Decision, ...]:
    """What the hooks decided about doing a step again.

    Raises:
        LightAgentError: they forbid it (`LA-HOOK`); the run is as it was.
    """
    if flow.gate is None or not flow.gate.reviews("flow_rerun"):
        return ()
    payload = FlowRerunPayload(path, _record(flow), flow.state.run_id)
    verdict = await flow.gate.review("flow_rerun", flow.state, path, payload)
    if isinstance(verdict, Forbidden):
        raise error_from_info(verdict.error)
    return verdict.decisions


def _record(flow: ActiveFlow) -> JsonObject:
    """What is on record of the run, as `get_run` gives it."""
    told = flow_result(flow.state, flow.events).to_dict()
    del told["trace"]
    return {**told, "flow": flow.state.definition.name, "query": flow.state.input}
