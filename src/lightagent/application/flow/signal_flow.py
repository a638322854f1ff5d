"""An event from outside, recorded as one of the run itself or of a nested flow."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, Signalled
from lightagent.domain.flow.state import FlowState, fold


def signalled(state: FlowState, signal: Signalled) -> FlowEvent:
    """The event to put on record for a signal to a run.

    A signal that the run's own steps wait for, now or later, is the run's. Otherwise it goes to a nested flow that
    waits for it now.

    Raises:
        ConfigurationError: nothing waits for it, and no step of the run itself ever will.
        Refused: it was delivered before.
    """
    own = sorted({*_awaited(state.definition.steps), *_awaited(tuple(node.step for node in state.nodes.values()))})
    if signal.name in own or state.status in ("success", "failed"):
        return signal
    told = _signal_below(state, signal)
    if told is None:
        waits = f"Its steps wait for: {', '.join(own)}." if own else "No step of it waits for an event."
        raise ConfigurationError(
            f"Nothing in the run {state.run_id!r:.100} waits for the event {signal.name!r:.100}.",
            guidance=f"{waits} A flow that is a step is told once it waits.",
        )
    return told


def _signal_below(state: FlowState, signal: Signalled) -> AttemptNoted | None:
    """The event for a nested flow, at whatever level; None if none waits for it."""
    for node in state.nodes.values():
        notes = [note for note in node.notes or () if isinstance(note, FlowEvent)]
        if node.status != "running" or not notes:
            continue
        below = fold(notes)
        if signal.name in below.waiters or (signal.key and signal.key in below.signal_keys):
            below.apply(signal)  # Raises if it was delivered before.
            inner: FlowEvent | None = signal
        else:
            inner = _signal_below(below, signal)
        if inner is not None:
            return AttemptNoted(node.path, node.epoch, node.attempt, inner, at=signal.at)
    return None


def _awaited(steps: tuple[StepDefinition, ...]) -> Iterator[str]:
    """The names of all events that steps wait for, including steps inside others."""
    for step in steps:
        if step.wait is not None and step.wait.event:
            yield step.wait.event
        yield from _awaited(step.body)
