"""How a run as a whole is changed: cancelled, resumed, run again in part, forked, ended."""

from __future__ import annotations

from lightagent.domain.flow.events import CancelRequested, FlowFinished, FlowStarted, Forked, RerunRequested, Resumed
from lightagent.domain.flow.invalidation import rerun, try_anew
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused


def cancel(state: Progress, event: CancelRequested) -> None:
    """Cancel the run: nothing begins any more, and what is under way is stopped.

    Raises:
        Refused: the run is over, or was cancelled before.
    """
    if state.cancelled or state.status not in ("running", "waiting"):
        text = "It was cancelled before." if state.cancelled else f"It is over ({state.status})."
        raise Refused("status", f"The run cannot be cancelled. {text}")
    state.status = "running"
    state.set_cancelled(cancelled=True)


def resume(state: Progress, event: Resumed) -> None:
    """Resume the run: it is not cancelled any more, and failed steps get another budget of attempts.

    Raises:
        Refused: it has succeeded, or is still being cancelled.
    """
    if state.status == "success":
        raise Refused("status", "The run has succeeded; nothing is left to be done.")
    if state.cancelled and state.active:
        raise Refused("status", "The run is still being cancelled; its attempts have to be stopped first.")
    _go_on(state)


def fork(state: Progress, event: Forked) -> None:
    """Turn the run into a fork, which goes on as a resumed run does; what was under way begins anew in it.

    Raises:
        Refused: the fork would have the run's id.
    """
    if event.run_id == state.run_id or not event.run_id:
        raise Refused("form", "A fork has another run_id than the run that it comes from.")
    state.run_id = event.run_id
    state.source = event.source
    if event.input is not None:
        state.input = event.input
    for node in state.nodes.values():
        node.kept = None
        if node.status == "waiting_approval":
            # The request that was sent out is about the other run.
            node.request_id = ""
            node.expires = None
            if event.input is not None and node.subject == "run" and not node.edited:
                node.query = None  # It has not begun, and is asked with the new input.
            state.put(node, "gate")
        elif node.status in ("ready", "running"):
            node.cut = False
            node.begun = 0
            node.notes = None
            state.put(node, "gate" if node.step.approval else "ready")
            _take_back_approval(node)
        elif node.status == "failed" and _may_be_tried_anew(node):
            _take_back_approval(node)
    _go_on(state)
    state.give_all_moves()


def request_rerun(state: Progress, event: RerunRequested) -> None:
    """Do a step again, with all steps that depend on it.

    Raises:
        Refused: the step does not exist, it has not begun, or the run is cancelled.
    """
    node = state.nodes.get(event.path)
    if node is None:
        raise Refused("unknown", f"The run has no step at {event.path!r:.200}.", path=event.path)
    if state.cancelled:
        raise Refused("status", "The run is cancelled; resume it before a step is run again.", path=event.path)
    if node.status == "pending" or node.why == "upstream":
        why = "was skipped, since something before it failed" if node.why else "has not begun"
        raise Refused("status", f"{event.path} {why}, so it cannot be run again.", path=event.path)
    notes = node.notes if event.below else None
    if event.below and not (notes and isinstance(notes[0], FlowStarted)):
        raise Refused("unknown", f"{event.path} is not a flow that has begun, so it has no steps.", path=event.path)
    state.reopen()
    rerun(state, node)
    if notes:
        within = RerunRequested(event.below[0], event.actor, event.decisions, event.below[1:], at=event.at)
        node.kept = [*notes, within]


def finish(state: Progress, event: FlowFinished) -> None:
    """End the run.

    Raises:
        Refused: it cannot end with this status, or not yet.
    """
    if state.status != "running":
        raise Refused("status", f"The run is over already ({state.status}).")
    if state.active and not (event.status == "waiting" and state.waits_for_time()):
        raise Refused("status", f"The run is not over: {state.active} of its steps have something to be done.")
    if not state.active and event.status != state.ending():
        raise Refused("status", f"The run ends as {state.ending()}, not as {event.status}.")
    state.status = event.status
    state.ended_at = event.at


def _go_on(state: Progress) -> None:
    was_cancelled = state.cancelled
    state.reopen()
    if was_cancelled:
        state.set_cancelled(cancelled=False)
    for node in [one for one in state.nodes.values() if _may_be_tried_anew(one)]:
        try_anew(state, node)


def _may_be_tried_anew(node: Node) -> bool:
    """Whether a resumption retries it: it failed by itself, and no person declined it."""
    return node.status == "failed" and node.why != "inside" and not _refused_by_a_person(node)


def _take_back_approval(node: Node) -> None:
    """Drop an approval: it was given to the run that the fork comes from, and the query of the step may differ here."""
    if node.step.approval:
        node.decision = None
        node.subject = "run"
        if not node.edited:
            node.query = None


def _refused_by_a_person(node: Node) -> bool:
    return node.decision is not None and node.decision.action == "reject" and node.why in ("declined", "expired")
