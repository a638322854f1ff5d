"""Decisions about the waiting calls of a run: which call each is about, and the events for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from lightagent.application.journals.journal import Journal
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.outcomes import Suspended
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import ApprovalDecided, Event, Nested
from lightagent.domain.runs.state import Run, waiting_calls

Decisions: TypeAlias = ApprovalDecision | Mapping[str, ApprovalDecision] | None
"""One decision for the one call that waits, decisions by call id, or none (to go on after a crash)."""


class NothingDecided(ConfigurationError):
    """A run waits for a decision that has not been made."""


def with_decisions(journal: Journal, decisions: Decisions, now: float) -> Journal:
    """The journal with the decisions on record.

    Raises:
        PolicyError: a decision about a call that does not wait (never did, or was decided before).
        ConfigurationError: the run has ended; it waits and no decision came; or it is not clear which call is meant.
    """
    run = journal.run
    waiting = waiting_calls(run)
    if run.outcome is not None and not isinstance(run.outcome, Suspended):
        raise ConfigurationError(
            f"The run has ended ({run.outcome.kind}); only a suspended or interrupted one goes on.",
            guidance="Ask anew: run(query), with history=result.history() if it is to go on from there.",
        )
    chosen = by_name(run, decisions)
    if isinstance(run.outcome, Suspended) and not chosen:
        raise nothing_decided(run)
    events = (decided_event(waiting[name], decision, now) for name, decision in chosen.items())
    return Journal((*journal.events, *events))


def by_name(run: Run, decisions: Decisions) -> Mapping[str, ApprovalDecision]:
    """Decisions by the names of the calls that wait, as `waiting_calls` gives them.

    A call of the run itself is also found by its id, which differs from its name if it holds a slash or a tilde.

    Raises:
        PolicyError: a decision about a call that does not wait (never did, or was decided before).
        ConfigurationError: something is not a decision, or it is not clear which call is meant.
    """
    waiting = waiting_calls(run)
    names = {path[0]: name for name, path in waiting.items() if len(path) == 1}
    found: dict[str, ApprovalDecision] = {}
    for call_id, decision in _by_call(tuple(waiting), decisions).items():
        name = call_id if call_id in waiting else names.get(call_id)
        if name is None:
            raise PolicyError(
                f"No call {call_id!r} waits for a decision: it never did, or it was decided before.",
                guidance=f"Waiting now: {', '.join(waiting) or 'none'}.",
            )
        if name in found:
            raise ConfigurationError(f"There are two decisions about the call {name!r}.", guidance="Pass one of them.")
        found[name] = decision
    return found


def nothing_decided(run: Run, problems: Sequence[str] = ()) -> NothingDecided:
    """The error for a run that waits for a decision that has not been made."""
    text = " ".join((f"The run waits for a decision about {', '.join(waiting_calls(run))}.", *problems))
    return NothingDecided(
        text, guidance="Pass a decision, such as ApprovalDecision.approve(), or wait until a reviewer has decided."
    )


def not_a_decision(value: object, at: str) -> ConfigurationError:
    """The error for something that is not a decision; `at` names the argument."""
    return ConfigurationError(
        f"{at}: expected an ApprovalDecision, got {type(value).__name__}.",
        guidance="Make one with ApprovalDecision.approve, reject, edit or respond.",
    )


def decided_event(path: tuple[str, ...], decision: ApprovalDecision, now: float) -> Event:
    """The decision where its call is: in the run itself, or in one that is nested in it."""
    return nested_event(path, ApprovalDecided(path[-1], decision, now))


def nested_event(path: tuple[str, ...], event: Event) -> Event:
    """An event about the call at the end of a path through nested runs."""
    for call_id in reversed(path[:-1]):
        event = Nested(call_id, event)
    return event


def waits_inside(run: Run) -> bool:
    """Whether a call waits in a run that is nested in this one."""
    return any(len(path) > 1 for path in waiting_calls(run).values())


def decided_calls(run: Run) -> Iterator[tuple[str, ...]]:
    """The paths of the calls that a human has decided about and that have no result yet."""
    for call_id, call in run.calls.items():
        if call.decision is not None and call.status in ("decided", "started"):
            yield (call_id,)
        if call.child is not None and call.status != "done":
            yield from ((call_id, *path) for path in decided_calls(call.child))


def _by_call(waiting: tuple[str, ...], decisions: Decisions) -> Mapping[str, ApprovalDecision]:
    if decisions is None:
        return {}
    if isinstance(decisions, Mapping):
        for call_id, decision in decisions.items():
            if not isinstance(decision, ApprovalDecision):
                raise not_a_decision(decision, f"decision of call {call_id!r}")
        return decisions
    if not isinstance(decisions, ApprovalDecision):
        raise not_a_decision(decisions, "decision")
    match waiting:
        case ():
            raise PolicyError("No call waits for a decision: it never did, or it was decided before.", guidance="")
        case (only,):
            return {only: decisions}
        case _:
            raise ConfigurationError(
                f"{len(waiting)} calls wait ({', '.join(waiting)}); it is not clear which is meant.",
                guidance="Pass a dict of call id to decision.",
            )
