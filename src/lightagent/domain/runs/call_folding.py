"""How a call comes from the model's wish to its one result, and what a finished round of calls does to its run."""

from __future__ import annotations

import json
from typing import Final, TypeAlias, assert_never

from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.conversation.labels import TOOL_LABEL, TRUSTED, joined
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.policy.phases import rewritings
from lightagent.domain.runs.effects import DeclareTools, Effect, HandOver, NarrowTools, OfferTools, TransferHistory
from lightagent.domain.runs.events import (
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    ToolFinished,
    ToolStarted,
    ToolStatus,
)
from lightagent.domain.runs.mail_folding import check_sent
from lightagent.domain.runs.plan_folding import see_failures, without_plan
from lightagent.domain.runs.selection_folding import offer_found, offer_more
from lightagent.domain.runs.state import NO_CALLS, HandedOver, PendingCall, Run, call_key
from lightagent.domain.swarm.handoff_limits import EVERYTHING

_OURS: Final[frozenset[ToolStatus]] = frozenset({"refused", "rejected", "answered"})
"""Where a call ended so, the model is told what the run or a human says, and nothing of the tool's."""

_FAILED: Final[frozenset[ToolStatus]] = frozenset({"failed", "rejected", "unknown"})
"""Where a call ended so, what it was made for was not done."""

CallEvent: TypeAlias = ToolStarted | ToolFinished | ApprovalRequested | ApprovalDecided


def advance(run: Run, event: CallEvent) -> Run:
    """The run after something happened to one of its calls.

    Raises:
        ConfigurationError: the call cannot take this here.
    """
    call = run.calls.get(event.call_id)
    if call is not None and isinstance(event, ToolStarted):
        _check_identity(run, call, event)
    if isinstance(event, ToolFinished) and event.effects:
        check_sent(run, event)
    moved = None if call is None else _moved(call, event)
    if moved is None:
        raise ConfigurationError(f"{event.type}: no call {event.call_id!r:.100} can take this here.")
    run = with_call(run, event.call_id, moved)
    if isinstance(event, ToolFinished) and event.ends is not None and run.ending is None:
        run = run._replace(ending=event.ends)  # The first that ends the run says how.
    return run


def refuse_calls(run: Run, event: CallsRefused) -> Run:
    """The run after calls beyond the limit of a turn were refused.

    Raises:
        ConfigurationError: one of them is not a call that has yet to begin.
    """
    if not event.call_ids:
        raise ConfigurationError(f"{event.type}: no call is named.")
    calls = dict(run.calls)
    for call_id in event.call_ids:
        call = calls.get(call_id)
        if call is None or call.status != "new":
            raise ConfigurationError(f"{event.type}: no call {call_id!r:.100} can take this here.")
        calls[call_id] = PendingCall(call.call, "done", output=event.error.message)
    return _closed_if_done(run._replace(calls=calls, open_calls=run.open_calls - len(event.call_ids)))


def with_call(run: Run, call_id: str, call: PendingCall) -> Run:
    """The run with the new state of one call; the round is over once all of them are done."""
    done = call.status == "done"
    calls = {**run.calls, call_id: call}
    return _closed_if_done(run._replace(calls=calls, open_calls=run.open_calls - done, outcome=None))


def _moved(call: PendingCall, event: CallEvent) -> PendingCall | None:
    """Return the call after its event, or None if the event does not fit."""
    match event:
        case ToolStarted():
            return _started(call, event)
        case ToolFinished():
            if call.status in ("waiting", "done"):
                return None
            return PendingCall(
                call.call,
                "done",
                call.arguments,
                call.decision,
                event.output,
                event.effects,
                call.child,
                labels=result_labels(call.call.name, event, None if call.child is None else call.child.untrusted),
                failed=event.status in _FAILED,
            )
        case ApprovalRequested():
            if call.status not in ("new", "started", "decided"):
                return None
            _check_arguments(call, event)
            _check_request(call, event)
            return PendingCall(
                call.call,
                "waiting",
                event.arguments,
                child=call.child,
                reviewers=_reviewers(call, event),
                rewritings=_rewritings(call, event),
            )
        case ApprovalDecided(decision=decision):
            if call.status != "waiting" or (call.child is not None and isinstance(call.child.outcome, Suspended)):
                return None
            arguments = decision.arguments if decision.action == "edit" else call.arguments
            return PendingCall(
                call.call,
                "decided",
                arguments,
                decision,
                child=call.child,
                reviewers=call.reviewers,
                rewritings=call.rewritings,
            )
        case _:
            assert_never(event)


def result_labels(tool: str, event: ToolFinished, child: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the labels of a result.

    Args:
        child: the untrusted labels of the run of the agent that was called; None for other tools. The answer of an
            agent can only reveal what that agent has read.
    """
    if event.status in _OURS:
        return ()
    own = f"{TOOL_LABEL}{tool}"
    if event.labels or child is None:
        return event.labels or (own,)
    return tuple(dict.fromkeys((own, *child))) if child else (f"{TRUSTED}{own}",)


def _started(call: PendingCall, event: ToolStarted) -> PendingCall | None:
    if call.status == "decided":
        if call.decision is None or call.decision.action not in ("approve", "edit"):
            return None
    elif call.status != "new":
        return None
    _check_arguments(call, event)
    return PendingCall(
        call.call,
        "started",
        event.arguments,
        call.decision,
        child=call.child,
        reviewers=_reviewers(call, event),
        rewritings=_rewritings(call, event),
    )


def _check_identity(run: Run, call: PendingCall, event: ToolStarted) -> None:
    """What runs must be the tool that the model called, under the key that a repetition of the call has too.

    Raises:
        ConfigurationError: it is not, so the journal was tampered with.
    """
    if event.name != resolve_called_name(call.call.name, run.offered or ()):
        raise ConfigurationError(
            f"{event.type}: call {event.call_id!r:.100} was of {call.call.name!r:.100}, not of {event.name!r:.100}."
        )
    if event.idempotency_key != call_key(run, event.call_id):
        raise ConfigurationError(f"{event.type}: the key of call {event.call_id!r:.100} is of another call or run.")


def _reviewers(call: PendingCall, event: ToolStarted | ApprovalRequested) -> tuple[str, ...]:
    new = (decision.by for decision in event.decisions if decision.phase == "tool_call")
    return tuple(dict.fromkeys((*call.reviewers, *new)))


def _check_arguments(call: PendingCall, event: ToolStarted | ApprovalRequested) -> None:
    """Check that the arguments are those that the model asked for, or those of a recorded decision.

    Raises:
        ConfigurationError: they are not, so the journal was tampered with.
    """
    if any(decision.phase == "tool_call" for decision in rewritings(event.decisions)):
        return
    wanted = _parsed_arguments(call.call.arguments) if call.arguments is None else call.arguments
    if wanted is None or not same_json(event.arguments, wanted):
        known = "asked for" if call.decision is None else "decided"
        raise ConfigurationError(f"{event.type}: call {event.call_id!r:.100} was {known} with other arguments.")


def _check_request(call: PendingCall, event: ApprovalRequested) -> None:
    """Check that a human is shown the arguments of a call that has not begun; a tool that asks may show anything.

    Raises:
        ConfigurationError: other arguments are shown, and no policy is recorded that changed them.
    """
    if call.status == "started" or any(one.phase == "approval" for one in rewritings(event.decisions)):
        return
    if not same_json(event.request, {"arguments": event.arguments}):
        raise ConfigurationError(
            f"{event.type}: what was shown of call {event.call_id!r:.100} is not the arguments that wait."
        )


def _rewritings(call: PendingCall, event: ToolStarted | ApprovalRequested) -> tuple[tuple[str, ...], ...]:
    by = tuple(decision.by for decision in rewritings(event.decisions))
    return (*call.rewritings, by) if by else call.rewritings


def _parsed_arguments(text: str) -> JsonObject | None:
    """The arguments as the model wrote them; none at all, null and an empty text count as no arguments."""
    try:
        found: JsonValue = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
    if found is None or (isinstance(found, str) and not found.strip()):
        return {}
    return found if isinstance(found, dict) else None


def _closed_if_done(run: Run) -> Run:
    """Once every call has its result, the results join the conversation and the effects take place, in call order."""
    if run.open_calls:
        return run
    run = see_failures(run)
    calls = tuple(run.calls.values())
    answers = tuple(ToolMessage(call.call.id, call.output) for call in run.calls.values())
    effects = [effect for call in run.calls.values() for effect in call.effects]
    labels = [label for call in run.calls.values() for label in call.labels]
    run = run._replace(
        added=run.added + answers,
        calls=NO_CALLS,
        tool_rounds=run.tool_rounds + 1,
        last_reply=None,
        outcome=None,
        untrusted=joined(run.untrusted, labels),
    )
    for effect in effects:
        run = _with_effect(run, effect)
    # The first named agent takes over; its own first request records which tools it offers.
    handing = next((call for call in calls if any(isinstance(effect, HandOver) for effect in call.effects)), None)
    return run if handing is None else _handed_over(run, handing)


def _handed_over(run: Run, handing: PendingCall) -> Run:
    """The run once another agent acts."""
    target = next(effect.head for effect in handing.effects if isinstance(effect, HandOver))
    history = next((effect.history for effect in handing.effects if isinstance(effect, TransferHistory)), EVERYTHING)
    pending = None if history.changes_nothing else HandedOver(run.head.name, handing.call, handing.output, history)
    run = without_plan(run)._replace(planned=0, plan_failed=False)
    return run._replace(
        head=target,
        head_turn=run.turn,
        offered=None,
        hidden=(),
        selected=None,
        route=(*run.route, target.name),
        handed_over=pending,
    )


def _with_effect(run: Run, effect: Effect) -> Run:
    if isinstance(effect, OfferTools):
        return offer_more(run, effect.names)
    if isinstance(effect, DeclareTools):
        return offer_found(run, effect)
    if isinstance(effect, NarrowTools) and effect not in run.narrowings:
        return run._replace(narrowings=(*run.narrowings, effect))
    return run
