"""How people change a run: they are asked about a step, and decide."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.attempt_folding import accept, check_status, node_at
from lightagent.domain.flow.events import StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.growth import add_steps, check_growth
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.review.decisions import ApprovalDecision


def take_request(state: Progress, event: StepApprovalRequested) -> None:
    """Take a request for an approval, or one that replaces it and asks other people.

    Raises:
        Refused: the step does not ask a person, or asks about something else.
    """
    node = node_at(state, event.path, event.epoch)
    if node.status != "waiting_approval":
        check_status(node, "gate", event.type)
    if event.about != node.subject:
        text = f"{node.path}: what a person is to be asked about is the {node.subject}, not the {event.about}."
        raise Refused("status", text, path=node.path)
    node.request_id = event.request_id
    node.expires = event.expires
    if node.subject == "run" and event.query is not None:
        node.query = event.query  # The step gets the query that people are shown.
    if node.status == "gate":
        state.put(node, "waiting_approval")


def take_decision(state: Progress, event: StepApprovalDecided) -> None:
    """Take a person's decision.

    Raises:
        Refused: the step does not wait for a decision, or this one is about a former request, or does not fit.
    """
    node = node_at(state, event.path, event.epoch)
    check_status(node, "waiting_approval", event.type)
    if event.request_id and event.request_id != node.request_id:
        raise Refused("stale", f"{node.path}: the decision answers a request that is out of date.", path=node.path)
    decision = event.decision
    _check_decision(state, node, decision)
    node.decision = decision
    node.expires = None
    match decision.action:
        case "reject" if event.error is not None:
            state.fail(node, "attempt", event.error)
        case "reject" if node.subject == "growth":
            state.succeed(node)
        case "reject":
            state.fail(node, "expired" if event.expired else "declined", _declined(node, event))
        case "respond":
            node.proposed = ()
            state.succeed(node, StepOutput(decision.output))
        case "approve" | "edit":
            _go_on(state, node, decision)


def _check_decision(state: Progress, node: Node, decision: ApprovalDecision) -> None:
    if decision.action == "edit":
        query = (decision.arguments or {}).get("query")
        if node.subject != "run" or not isinstance(query, str):
            text = f'{node.path}: edit changes the query of a step that has not run: arguments={{"query": "…"}}.'
            raise Refused("form", text, path=node.path)
    elif decision.action == "approve" and node.subject == "growth":
        check_growth(state, node)


def _go_on(state: Progress, node: Node, decision: ApprovalDecision) -> None:
    """Apply an approval: the step runs, grows, or has its result accepted."""
    if node.subject == "growth":
        add_steps(state, node)
    elif node.subject == "result":
        accept(state, node)
    else:
        if decision.arguments is not None:
            node.query = decision.arguments["query"]
            node.edited = True
        state.begin(node)


def _declined(node: Node, event: StepApprovalDecided) -> LightAgentErrorInfo:
    if event.expired:
        text = f"The time to decide about {node.path} has passed."
    else:
        what = "its result" if node.subject == "result" else "the step"
        reason = f": {event.decision.reason}" if event.decision.reason else "."
        text = f"{node.path}: a person declined {what}{reason}"
    return LightAgentErrorInfo("LA-POLICY", text, "Run it again with rerun_step, which asks anew.")
