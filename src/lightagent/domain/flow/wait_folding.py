"""How time and events from outside change a run."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.attempt_folding import check_status, node_at
from lightagent.domain.flow.events import Signalled, WaitBegan, WaitEnded
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused


def take_wait(state: Progress, event: WaitBegan) -> None:
    """Begin a wait; one for an event that has come already is over at once.

    Raises:
        Refused: it does not begin here, or has no time although it waits for nothing else.
    """
    node = node_at(state, event.path, event.epoch)
    check_status(node, "begin_wait", event.type)
    name = _awaited(node)
    if not name and event.due is None:
        raise Refused("form", f"{node.path}: a wait for a time says when it ends.", path=node.path)
    node.due = event.due
    node.started_at = event.at
    early = state.signals.get(name) if name else None
    if early:
        payload = early.pop(0)
        if not early:
            del state.signals[name]
        state.succeed(node, StepOutput(payload))
    elif name:
        state.waiters.setdefault(name, []).append(node)
        state.open(node, "signal")
    else:
        state.open(node, "timed")


def end_wait(state: Progress, event: WaitEnded) -> None:
    """End the time of a wait.

    Raises:
        Refused: the step does not wait for a time.
    """
    node = node_at(state, event.path, event.epoch)
    if node.status == "signal" and node.due is not None:
        forget_waiter(state, node)
        text = f"The event {_awaited(node)!r} that {node.path} waits for did not come in time."
        state.fail(node, "expired", LightAgentErrorInfo("LA-FLOW-TIMEOUT", text))
        return
    check_status(node, "timed", event.type)
    state.succeed(node, StepOutput())


def take_signal(state: Progress, event: Signalled) -> None:
    """Take an event from outside: it ends the wait that began first, or is kept.

    Raises:
        Refused: it was delivered before, or the run is over and no step will wait for it.
    """
    if event.key and event.key in state.signal_keys:
        raise Refused("stale", f"The event {event.name!r:.100} was delivered before (key {event.key!r:.100}).")
    if state.status in ("success", "failed"):
        raise Refused("status", f"The run is over ({state.status}), so nothing waits for {event.name!r:.100}.")
    if event.key:
        state.signal_keys.add(event.key)
    waiting = state.waiters.get(event.name)
    if waiting:
        node = waiting[0]
        forget_waiter(state, node)
        state.succeed(node, StepOutput(event.payload))
    else:
        state.signals.setdefault(event.name, []).append(event.payload)


def forget_waiter(state: Progress, node: Node) -> None:
    """Stop the step waiting for its event."""
    name = _awaited(node)
    waiting = state.waiters[name]
    waiting.remove(node)
    if not waiting:
        del state.waiters[name]


def _awaited(node: Node) -> str:
    return "" if node.step.wait is None else node.step.wait.event
