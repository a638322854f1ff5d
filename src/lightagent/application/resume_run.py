"""From a journal and a human's decision to a journal that can go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightagent.application.journal import Journal
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.events import ApprovalDecided
from lightagent.domain.json_types import JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.review import ApprovalDecision

Decisions: TypeAlias = ApprovalDecision | Mapping[str, ApprovalDecision] | None
"""One decision for the one call that waits, decisions by call id, or none (to go on after a crash)."""

JournalLike: TypeAlias = Journal | str | bytes | Mapping[str, JsonValue]
"""A journal, or its JSON form as text or parsed."""


def as_journal(journal: JournalLike) -> Journal:
    """The journal itself.

    Raises:
        ConfigurationError: it is none.
    """
    return journal if isinstance(journal, Journal) else Journal.from_json(journal)


def with_decisions(journal: Journal, decisions: Decisions, now: float) -> Journal:
    """The journal with the decisions written down.

    Raises:
        PolicyError: a decision about a call that does not wait (never did, or was decided before).
        ConfigurationError: the run has ended; it waits and no decision came; or it is not clear which call is meant.
    """
    run = journal.run
    waiting = [call.call.id for call in run.calls if call.status == "waiting"]
    if run.outcome is not None and not isinstance(run.outcome, Suspended):
        raise ConfigurationError(
            f"The run has ended ({run.outcome.kind}); only a suspended or interrupted one goes on."
        )
    chosen = _by_call(waiting, decisions)
    for call_id in chosen:
        if call_id not in waiting:
            raise PolicyError(
                f"No call {call_id!r} waits for a decision: it never did, or it was decided before.",
                guidance=f"Waiting now: {', '.join(waiting) or 'none'}.",
            )
    if isinstance(run.outcome, Suspended) and not chosen:
        raise ConfigurationError(f"The run waits for a decision about {', '.join(waiting)}.")
    events = (ApprovalDecided(call_id, decision, now) for call_id, decision in chosen.items())
    return Journal((*journal.events, *events))


def _by_call(waiting: list[str], decisions: Decisions) -> Mapping[str, ApprovalDecision]:
    if decisions is None:
        return {}
    if isinstance(decisions, Mapping):
        for call_id, decision in decisions.items():
            if not isinstance(decision, ApprovalDecision):
                raise _no_decision(decision, f"decision of call {call_id!r}")
        return decisions
    if not isinstance(decisions, ApprovalDecision):
        raise _no_decision(decisions, "decision")
    if not waiting:
        raise PolicyError("No call waits for a decision: it never did, or it was decided before.", guidance="")
    if len(waiting) > 1:
        raise ConfigurationError(
            f"{len(waiting)} calls wait ({', '.join(waiting)}); it is not clear which is meant.",
            guidance="Pass a dict of call id to decision.",
        )
    return {waiting[0]: decisions}


def _no_decision(value: object, at: str) -> ConfigurationError:
    return ConfigurationError(
        f"{at}: an ApprovalDecision is wanted, not {type(value).__name__}.",
        guidance="Make one with ApprovalDecision.approve, reject, edit or respond.",
    )
