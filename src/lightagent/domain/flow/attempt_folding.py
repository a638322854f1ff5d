"""How attempts at steps change a run, and the answers of code about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    FlowEvent,
    FlowFinished,
    Signalled,
    StepApprovalDecided,
)
from lightagent.domain.flow.growth import add_steps
from lightagent.domain.flow.nodes import Node, Why
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.retrying import Then
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ApprovalDecided, Event, Nested, RunFinished

AttemptEvent: TypeAlias = AttemptStarted | AttemptNoted | AttemptFinished | AttemptFailed | AttemptStopped


def node_at(state: Progress, path: str, epoch: int) -> Node:
    """The step that an event is about.

    Raises:
        Refused: the step does not exist, or a rerun has made the event obsolete.
    """
    node = state.nodes.get(path)
    if node is None:
        raise Refused("unknown", f"The run has no step at {path!r:.200}.", path=path)
    if node.epoch != epoch:
        text = (
            f"{path}: this is about work of epoch {epoch}, which was made worthless; the step's epoch is {node.epoch}."
        )
        raise Refused("stale", text, path=path)
    return node


def take_attempt(state: Progress, event: AttemptEvent) -> None:
    """How an attempt begins, goes on or ends.

    Raises:
        Refused: it is not the attempt that is due or under way.
    """
    node = node_at(state, event.path, event.epoch)
    if event.attempt != node.attempt:
        text = f"{event.path}: this is about attempt {event.attempt}; the step's last one is {node.attempt}."
        raise Refused("stale", text, path=event.path)
    match event:
        case AttemptStarted():
            _started(state, node, event)
        case AttemptFinished():
            _finished(state, node, event)
        case AttemptFailed():
            _failed(state, node, event)
        case AttemptStopped():
            _stopped(state, node, event)
        case AttemptNoted():
            check_status(node, "running", event.type)
            if node.notes is None:
                node.notes = []
            node.notes.append(event.event)
            if waits_for_people(event.event):
                node.begun = 0  # The process that runs it may leave it now.


def waits_for_people(note: Event | FlowEvent) -> bool:
    """Whether the nested run of an attempt waits for people, by its last event on record."""
    if isinstance(note, FlowFinished):
        return note.status == "waiting"
    return isinstance(note, RunFinished) and isinstance(note.outcome, Suspended)


def _has_waited(node: Node) -> bool:
    """Whether the nested run of an attempt waited for people, and only their answers came since."""
    for note in reversed(node.notes or ()):
        said = note
        while isinstance(said, (AttemptNoted, Nested)):
            said = said.event
        if not isinstance(said, (ApprovalDecided, StepApprovalDecided, Signalled)):
            return waits_for_people(said)
    return False


def check_status(node: Node, status: str, what: str) -> None:
    """Check that the step has the status that an event requires.

    Raises:
        Refused: it has not.
    """
    if node.status != status:
        raise Refused("status", f"{node.path}: {what} does not fit, since the step is {node.status}.", path=node.path)


def _started(state: Progress, node: Node, event: AttemptStarted) -> None:
    if node.status == "running":
        # It was interrupted, and begins once more; an attempt that did nothing but wait was not lost.
        node.begun = 1 if _has_waited(node) else node.begun + 1
        return
    check_status(node, "ready", event.type)
    if state.cancelled:
        raise Refused("status", f"{node.path}: the run is cancelled, so nothing begins.", path=node.path)
    if event.query is not None and node.query is None:
        node.query = event.query
    if node.started_at is None:
        node.started_at = event.at
    node.due = None
    node.begun = 1
    state.put(node, "running")


def _finished(state: Progress, node: Node, event: AttemptFinished) -> None:
    check_status(node, "running", event.type)
    if event.proposes and node.step.growth is None:
        raise Refused("form", f"{node.path}: it proposes steps, and its definition has no growth.", path=node.path)
    node.output = event.output
    node.proposed = event.proposes
    node.feedback = ""
    if node.step.verify:
        state.ask(node, "verify")
    else:
        accept(state, node)


def _failed(state: Progress, node: Node, event: AttemptFailed) -> None:
    if not (node.status == "ready" and node.cut):  # an interrupted attempt may have to be given up without a retry
        check_status(node, "running", event.type)
    follow(state, node, event.then, event.due, "attempt", event.error)


def _stopped(state: Progress, node: Node, event: AttemptStopped) -> None:
    check_status(node, "running", event.type)
    node.cut = True
    node.begun = 0
    state.open(node, "ready")


def accept(state: Progress, node: Node) -> None:
    """Accept the result. The steps that it proposes may be added."""
    if node.proposed:
        state.ask(node, "grow")
    else:
        state.succeed(node)


def follow(state: Progress, node: Node, then: Then, due: float, why: Why, error: LightAgentErrorInfo) -> None:
    """What follows an attempt that failed, or whose result was not accepted.

    Raises:
        Refused: a person is to be asked, but the attempt has no result.
    """
    match then:
        case "retry":
            state.again(node, due)
        case "fallback":
            node.fallback = True
            node.base = node.attempt
            state.again(node, due)
        case "person":
            if why != "doubt":
                raise Refused("form", f"{node.path}: a person decides about a result alone.", path=node.path)
            node.subject = "result"
            state.open(node, "gate")
        case "fail":
            state.fail(node, why, error)


def take_answer(state: Progress, event: Answered) -> None:
    """Apply the answer of code without effects.

    Raises:
        Refused: this was not asked, or the answer is of the wrong kind, or beyond a limit.
    """
    node = node_at(state, event.path, event.epoch)
    check_status(node, "asking", event.type)
    if event.question != node.question:
        raise Refused("status", f"{node.path}: what is asked is {node.question}, not {event.question}.", path=node.path)
    if event.error is not None:
        state.fail(node, "asked", event.error)
    else:
        _ANSWERS[event.question](state, node, event)


def _boolean(node: Node, event: Answered) -> bool:
    if not isinstance(event.answer, bool):
        raise Refused("form", f"{node.path}: the answer to {event.question} is true or false.", path=node.path)
    return event.answer


def _when(state: Progress, node: Node, event: Answered) -> None:
    if _boolean(node, event):
        state.admit(node)
    else:
        state.skip(node, "condition")


def _items(state: Progress, node: Node, event: Answered) -> None:
    items = event.answer
    if not isinstance(items, list):
        raise Refused("form", f"{node.path}: the answer to items is a list.", path=node.path)
    most = state.started.limits.max_items
    if len(items) > most:
        text = f"{node.path}: {len(items)} items are more than the {most} that a map may have (max_items)."
        raise Refused("limit", text, path=node.path)
    node.started_at = event.at
    state.go_through(node, items)


def _until(state: Progress, node: Node, event: Answered) -> None:
    if isinstance(event.answer, bool) or not isinstance(event.answer, (int, float)):
        raise Refused("form", f"{node.path}: the answer to until is a number, in seconds.", path=node.path)
    node.due = float(event.answer)
    state.open(node, "begin_wait")


def _again(state: Progress, node: Node, event: Answered) -> None:
    if not _boolean(node, event):
        last = node.scopes[-1]
        state.finish_loop(node, last)
        return
    made = len(node.scopes)
    if event.then == "fail":
        text = f"The loop {node.path} is to go on, and has made all rounds that it may make ({made})."
        state.fail(node, "bound", LightAgentErrorInfo("LA-BUDGET", text, "Raise rounds=, or mend its condition."))
    elif made < state.most_rounds(node):
        state.next_round(node)
    else:
        raise Refused("limit", f"{node.path}: it has made all rounds that it may make ({made}).", path=node.path)


def _verify(state: Progress, node: Node, event: Answered) -> None:
    verdict = event.answer
    if verdict not in ("accept", "reject", "unknown"):
        raise Refused("form", f"{node.path}: the answer to verify is accept, reject or unknown.", path=node.path)
    if verdict == "reject" and event.then in (None, "person"):
        raise Refused("form", f"{node.path}: what is rejected is tried again, or fails.", path=node.path)
    if verdict == "accept" or (verdict == "unknown" and event.then is None):
        node.verdict = "accept" if verdict == "accept" else "unknown"
        accept(state, node)
        return
    why: Why = "rejected" if verdict == "reject" else "doubt"
    node.feedback = event.reason
    text = f"The result of {node.path} was {'rejected' if why == 'rejected' else 'not verified'}: {event.reason}"
    follow(state, node, event.then or "fail", event.due, why, LightAgentErrorInfo("LA-OUTPUT", text))
    if event.then in ("fail", "person"):
        node.verdict = "reject" if verdict == "reject" else "unknown"


def _grow(state: Progress, node: Node, event: Answered) -> None:
    if not _boolean(node, event):
        state.succeed(node)
    elif node.step.growth is not None and node.step.growth.accept == "person":
        node.subject = "growth"
        state.open(node, "gate")
    else:
        add_steps(state, node)


_ANSWERS: Final[dict[str, Callable[[Progress, Node, Answered], None]]] = {
    "when": _when,
    "items": _items,
    "until": _until,
    "again": _again,
    "verify": _verify,
    "grow": _grow,
}
