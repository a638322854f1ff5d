"""The fold: from the events of a run to its state, refusing what cannot have happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import assert_never

from lightagent.domain.conversation.labels import joined, untrusted_labels
from lightagent.domain.conversation.messages import AssistantMessage, Message, UserMessage
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.outcomes import Completed, Outcome, Suspended
from lightagent.domain.planning.plans import Planned
from lightagent.domain.policy.phases import rewritings
from lightagent.domain.runs.call_folding import CallEvent, advance, refuse_calls, with_call
from lightagent.domain.runs.context_folding import new_labels, prepare
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Concluded,
    ContextAdded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    ModelRetried,
    Nested,
    Noted,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
    Unrecognized,
)
from lightagent.domain.runs.mail_folding import take_mail
from lightagent.domain.runs.plan_folding import plan_is_due, take_plan
from lightagent.domain.runs.replies import cut_short
from lightagent.domain.runs.retries import is_adaption
from lightagent.domain.runs.selection_folding import select_tools
from lightagent.domain.runs.state import CallState, PendingCall, Run, waiting_calls
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.selection import ToolsSelected


def fold(
    events: Iterable[Event], history: tuple[Message, ...] | None = None, untrusted: tuple[str, ...] | None = None
) -> Run:
    """The run that these events tell, the first of which is `RunStarted`.

    Args:
        history: the messages that the run's history reference stands for; without them they count as missing.
        untrusted: the labels of all untrusted text that has entered the history; by default those of its messages.

    Raises:
        ConfigurationError: no run can have these events in this order.
    """
    rest = iter(events)
    first = next(rest, None)
    if not isinstance(first, RunStarted):
        raise ConfigurationError("A journal begins with run_started.")
    return reduce(apply, rest, start(first, history, untrusted))


def start(
    event: RunStarted, history: tuple[Message, ...] | None = None, untrusted: tuple[str, ...] | None = None
) -> Run:
    """The run as of its first event; for the arguments see `fold`.

    Raises:
        ConfigurationError: its messages do not form a conversation.
    """
    if len(event.messages) > 1 or event.awaits_admission:
        check_conversation(event.messages, "run_started.messages")
    if not event.awaits_admission and not (event.messages and isinstance(event.messages[-1], UserMessage)):
        raise ConfigurationError("run_started.messages: the last one is the query, unless it awaits admission.")
    if event.history is not None and event.history.count < 0:
        raise ConfigurationError("run_started.history: the count of its messages is below 0.")
    missing = event.history.count if event.history is not None and history is None else 0
    admitted = not event.awaits_admission
    past = event.messages[:-1] if admitted else event.messages
    before = (*history, *past) if history and past else history or past
    labels = event.untrusted
    if labels is None:
        labels = joined(untrusted_labels(before if untrusted is None else past), untrusted or ())
    added = event.messages[len(past) :]
    return Run(event, event.acting or event.head, before, added, len(before), missing, admitted, untrusted=labels)


def apply(run: Run, event: Event) -> Run:
    """The run after one more event.

    Raises:
        ConfigurationError: it cannot happen here.
    """
    if run.outcome is not None:
        _refuse_after_the_end(run.outcome, event)
    if run.ending is not None:
        _refuse_before_the_end(event)
    match event:
        case ModelRequested() | ModelRetried() | ModelFailed() | ModelReplied():
            return _model_event(run, event)
        case ToolStarted() | ToolFinished() | ApprovalRequested() | ApprovalDecided() | CallsRefused() | Nested():
            return _called(run, event)
        case Admitted() | ContextAdded() | ContextReplaced() | ToolsSelected() | Planned() | MessagesDelivered():
            return _prepared(run, event)
        case OutputRejected() | OutputAccepted() | Concluded():
            return _checked(run, event)
        case RunFinished():
            return _finished(run, event.outcome)
        case Noted() | Unrecognized():
            return run
        case RunStarted():
            raise ConfigurationError("A run starts once.")
        case _:
            assert_never(event)


def _model_event(run: Run, event: ModelRequested | ModelRetried | ModelFailed | ModelReplied) -> Run:
    match event:
        case ModelRequested():
            return _requested(run, event)
        case ModelReplied():
            return _replied(run, event)
        case _:
            return _attempted(run, event)


def _prepared(
    run: Run, event: Admitted | ContextAdded | ContextReplaced | ToolsSelected | Planned | MessagesDelivered
) -> Run:
    """What a request is made of before it is made."""
    match event:
        case ToolsSelected():
            return select_tools(run, event)
        case Planned():
            return take_plan(run, event)
        case MessagesDelivered():
            return take_mail(run, event)
        case _:
            return prepare(run, event)


def _called(run: Run, event: CallEvent | CallsRefused | Nested) -> Run:
    """The calls of a reply that was cut off may be cut off as well, so none of them is ever carried out."""
    if run.last_reply is not None and cut_short(run.last_reply) is not None:
        raise ConfigurationError(f"{event.type}: the reply that made the call was cut off.")
    match event:
        case Nested():
            return _nested(run, event)
        case CallsRefused():
            return refuse_calls(run, event)
        case _:
            return advance(run, event)


def _refuse_after_the_end(outcome: Outcome, event: Event) -> None:
    """A suspended run goes on with a decision, about one of its own calls or one of a nested run."""
    innermost = event
    while isinstance(innermost, Nested):
        innermost = innermost.event
    if not (isinstance(outcome, Suspended) and isinstance(innermost, ApprovalDecided)):
        raise ConfigurationError(f"Nothing follows {outcome.kind}, but {event.type} does.")


def _refuse_before_the_end(event: Event) -> None:
    """Once it is on record how the run is going to end, only calls that are under way may still come to theirs."""
    if not isinstance(event, (ToolFinished, ApprovalRequested, Nested, Noted, Unrecognized, RunFinished)):
        raise ConfigurationError(f"{event.type}: the run is about to end.")


def _requested(run: Run, event: ModelRequested) -> Run:
    if run.calls or run.last_reply is not None or run.request is not None or not run.admitted:
        raise ConfigurationError("model_requested: it is not the model's turn.")
    if event.turn != run.turn + 1:
        raise ConfigurationError(f"model_requested: turn {event.turn} does not follow turn {run.turn}.")
    if len(run.prepared) != len(run.started.before):
        raise ConfigurationError("model_requested: a context source was not asked yet.")
    if run.handed_over is not None:
        raise ConfigurationError("model_requested: what goes along with the handoff is not settled yet.")
    if plan_is_due(run):
        raise ConfigurationError("model_requested: a plan is due.")
    if event.messages == ():
        raise ConfigurationError("model_requested.messages: there are none.")
    if event.messages is not None:
        check_conversation(event.messages, "model_requested.messages")
    changed = event.messages
    untrusted = run.untrusted if changed is None else joined(run.untrusted, new_labels(changed, run.messages))
    return run._replace(
        request=event,
        attempt=1,
        failures=0,
        attempt_failed=False,
        offered=event.tools,
        hidden=event.hidden,
        selected=None,
        untrusted=untrusted,
    )


def _attempted(run: Run, event: ModelFailed | ModelRetried) -> Run:
    """Attempts are counted as they begin; one that a crash interrupted is not known to have failed."""
    if run.request is None or event.turn != run.turn + 1:
        raise ConfigurationError(f"{event.type}: the model was not asked.")
    if isinstance(event, ModelRetried):
        if event.attempt != run.attempt + 1:
            raise ConfigurationError(f"model_retried: attempt {event.attempt} does not follow {run.attempt}.")
        return run._replace(attempt=event.attempt, attempt_failed=False)
    if event.attempt != run.attempt or run.attempt_failed:
        raise ConfigurationError(f"model_failed: attempt {event.attempt} is not under way.")
    failures = run.failures + (not is_adaption(event.error))
    return run._replace(failures=failures, attempt_failed=True, ending=event.ends)


def _replied(run: Run, event: ModelReplied) -> Run:
    if run.request is None or event.turn != run.turn + 1 or run.attempt_failed:
        raise ConfigurationError("model_replied: the model was not asked.")
    calls = {call.id: PendingCall(call) for call in event.message.tool_calls}
    if len(calls) != len(event.message.tool_calls):
        raise ConfigurationError("model_replied: two calls of one turn have the same id.")
    return run._replace(
        turn=event.turn,
        added=(*run.added, event.message),
        calls=calls,
        open_calls=len(calls),
        last_reply=event,
        request=None,
        attempt=0,
        failures=0,
    )


def _nested(run: Run, event: Nested) -> Run:
    call = run.calls.get(event.call_id)
    waits = call is not None and call.child is not None and isinstance(call.child.outcome, Suspended)
    decided = waits and isinstance(event.event, (ApprovalDecided, Nested))
    if call is None or not (call.status == "started" or (call.status == "waiting" and decided)):
        raise ConfigurationError(f"nested: no call {event.call_id!r:.100} can take this here.")
    if call.child is not None:
        child = apply(call.child, event.event)
    elif isinstance(event.event, RunStarted):
        if event.event.scope != run.started.scope:  # It would act for another owner than that of this run.
            raise ConfigurationError("nested: the nested run belongs to another tenant, user or session.")
        child = start(event.event)
    else:
        raise ConfigurationError("nested: the first event of a nested run is run_started.")
    status: CallState = "waiting" if isinstance(child.outcome, Suspended) else "started"
    return with_call(run, event.call_id, replace(call, status=status, child=child))


def _checked(run: Run, event: OutputRejected | OutputAccepted | Concluded) -> Run:
    """What follows the model's final answer."""
    reply = run.last_reply
    if reply is None or run.calls or cut_short(reply) is not None or run.ending is not None:
        raise ConfigurationError(f"{event.type}: the run has no final answer.")
    match event:
        case Concluded(name=name):
            if name not in run.started.after or name in run.concluded or (needs_check(run) and run.accepted is None):
                raise ConfigurationError(f"concluded: {name!r:.100} is not a conclusion that is due.")
            return run._replace(concluded=(*run.concluded, name))
        case _ if run.accepted is not None:
            raise ConfigurationError(f"{event.type}: the answer was accepted before.")
        case OutputRejected(message=message):
            rejections = run.output_rejections + 1
            return run._replace(added=(*run.added, message), output_rejections=rejections, last_reply=None)
        case OutputAccepted(content=content, decisions=decisions):
            by = tuple(decision.by for decision in rewritings(decisions))
            if by:
                last = AssistantMessage(content, reasoning=reply.message.reasoning)
                run = run._replace(added=(*run.added[:-1], last))
            elif run.head.output_schema is None and content != (reply.message.content or ""):
                raise ConfigurationError("output_accepted: this is not the model's answer, and no policy rewrote it.")
            return run._replace(accepted=content, rewriters=by)
        case _:
            assert_never(event)


def needs_check(run: Run) -> bool:
    """Whether the final answer has to pass a type or policies before the run may complete."""
    return run.head.output_schema is not None or bool(run.started.policies or run.started.handoff_policies)


def _finished(run: Run, outcome: Outcome) -> Run:
    """Outcomes other than completed and suspended may come at any time, with calls open."""
    if isinstance(outcome, Completed) and not _may_complete(run, outcome):
        raise ConfigurationError("A run completes with the model's answer, and no call open.")
    if isinstance(outcome, Suspended):
        waiting = tuple(waiting_calls(run))
        if run.ending is not None or any(call.status not in ("waiting", "done") for call in run.calls.values()):
            raise ConfigurationError("A run is not suspended while there is something else to do.")
        if not waiting or outcome.call_ids != waiting:
            raise ConfigurationError("A run is suspended by the calls that wait, and names them.")
    return run._replace(outcome=outcome)


def _may_complete(run: Run, outcome: Completed) -> bool:
    reply = run.last_reply
    if reply is None or run.calls or run.ending is not None or cut_short(reply) is not None:
        return False
    if len(run.concluded) != len(run.started.after):
        return False
    if run.accepted is None:
        return not needs_check(run) and outcome.content == (reply.message.content or "")
    return outcome.content == run.accepted
