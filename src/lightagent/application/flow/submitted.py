"""A run of an agent that was given to an engine, as a flow of one step: read from the events of that flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.flow.flow_log import no_such_run
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import run_suspended
from lightagent.application.stored_runs import StoredRunStatus
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.flow.events import AttemptNoted, CancelRequested, FlowEvent
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.runs.events import Event, RunFinished

STEP: Final = "agent"
"""The one step of the flow."""


def flow_of(events: Sequence[FlowEvent], agent: str, run_id: str) -> FlowState:
    """Return the flow that an agent's run is.

    Raises:
        ConfigurationError: there is no such run, or it is not one of this agent.
    """
    if not events:
        raise no_such_run(run_id)
    state = fold(events)
    definition = state.definition
    if definition.name != agent or [step.name for step in definition.steps] != [STEP]:
        raise ConfigurationError(
            f"The run {run_id!r:.100} is not one of the agent {agent!r:.100}, but of {definition.name!r:.100}.",
            guidance="Look at run_id, or ask the agent or the flow that the run was begun with.",
        )
    return state


def agent_events(events: Sequence[FlowEvent]) -> list[Event]:
    """The events of the agent's run so far, those of its last attempt."""
    found, attempt = list[Event](), (0, 0)
    for event in events:
        if isinstance(event, AttemptNoted) and event.path == STEP and not isinstance(event.event, FlowEvent):
            if (event.epoch, event.attempt) != attempt:
                found, attempt = [], (event.epoch, event.attempt)
            found.append(event.event)
    return found


def submitted_status(state: FlowState, events: Sequence[FlowEvent]) -> StoredRunStatus:
    """The status of the agent's run."""
    match state.status:
        case "success":
            return "completed"
        case "cancelled":
            return "cancelled"
        case "failed":
            outcome = _outcome(agent_events(events))
            return "failed" if outcome is None or isinstance(outcome, Completed) else outcome.kind
        case _:
            outcome = _outcome(agent_events(events))
            return "suspended" if outcome is not None and outcome.kind == "suspended" else "running"


def submitted_journal(state: FlowState, events: Sequence[FlowEvent]) -> Journal:
    """The journal of a run that is over or waits.

    Raises:
        LightAgentError: the run has ended before the agent began, or its answer could not be kept.
    """
    found = agent_events(events)
    if state.status == "cancelled":
        if not found:
            raise LightAgentError("The run was cancelled.")
        return _ended(found, Cancelled(_reason(events)), events[-1].at)
    outcome = _outcome(found)
    if state.status == "failed":
        error = state.nodes[STEP].error or LightAgentErrorInfo("LA-500", "The run failed.", "")
        if not found or isinstance(outcome, Completed):
            raise error_from_info(error)
        if outcome is None:
            return _ended(found, Failed(error), events[-1].at)
    return Journal(tuple(found))


def _ended(events: Sequence[Event], outcome: Outcome, at: float) -> Journal:
    """The journal of a run that the agent itself has not ended; one that waited for people does not any more."""
    kept = events[:-1] if isinstance(events[-1], RunFinished) else events
    return Journal((*kept, RunFinished(outcome, at=at)))


def waiting_in(events: Sequence[FlowEvent]) -> list[JsonObject]:
    """The calls that wait for people, each with the ``id`` that decisions use, its ``tool`` and ``arguments``."""
    found = agent_events(events)
    outcome = _outcome(found)
    if not isinstance(outcome, Suspended):
        return []
    told = run_suspended(Journal(tuple(found)).run, "").details.get("calls")
    return [
        {"id": call["id"], "tool": call["name"], "arguments": call["arguments"]}
        for call in (told if isinstance(told, list) else ())
        if isinstance(call, dict)
    ]


def _outcome(events: Sequence[Event]) -> Outcome | None:
    return Journal(tuple(events)).run.outcome if events else None


def _reason(events: Sequence[FlowEvent]) -> str:
    return next((event.reason for event in reversed(events) if isinstance(event, CancelRequested)), "")
