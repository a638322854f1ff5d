"""Folds the events that change a conversation before the model is asked: the query, context and replacements."""

from __future__ import annotations

from typing import assert_never

from lightagent.domain.conversation.labels import joined, labels_of
from lightagent.domain.conversation.messages import Message
from lightagent.domain.conversation.sequence import check_conversation, splits_a_call
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.events import Admitted, ContextAdded, ContextReplaced
from lightagent.domain.runs.state import Run
from lightagent.domain.swarm.handoff_limits import HANDOFF_SOURCE


def prepare(run: Run, event: Admitted | ContextAdded | ContextReplaced) -> Run:
    """The run after something entered its conversation other than by the model, its tools or the check of its answer.

    Raises:
        ConfigurationError: it cannot happen here.
    """
    if run.calls or run.last_reply is not None or run.request is not None:
        raise ConfigurationError(f"{event.type}: the model was asked before.")
    match event:
        case Admitted(message=message):
            if run.admitted:
                raise ConfigurationError("admitted: the query is on record already.")
            return run._replace(admitted=True, added=(*run.added, message), query_at=run.message_count)
        case ContextAdded(source=source, messages=added):
            if run.turn or not run.admitted or source not in run.started.before or source in run.prepared:
                raise ConfigurationError(f"context_added: {source!r:.100} is not a source that is due.")
            at = run.query_at - len(run.history)
            return run._replace(
                added=(*run.added[:at], *added, *run.added[at:]),
                query_at=run.query_at + len(added),
                prepared=(*run.prepared, source),
                untrusted=joined(run.untrusted, labels_of(added)),
            )
        case ContextReplaced():
            return _replaced(run, event)
        case _:
            assert_never(event)


def _replaced(run: Run, event: ContextReplaced) -> Run:
    if not run.admitted or len(run.prepared) != len(run.started.before):
        raise ConfigurationError("context_replaced: the conversation is not prepared yet.")
    gone = max(event.count - run.missing, 0)
    if not 0 < event.count <= run.missing + run.message_count:
        raise ConfigurationError(f"context_replaced: there are no {event.count} messages.")
    if splits_a_call(run.messages, gone):
        raise ConfigurationError("context_replaced: this would part a call from its result.")
    check_conversation(event.messages, "context_replaced.messages")
    query_at = _query_after(run, gone, event.messages)
    messages = event.messages + run.messages[gone:]
    if not messages:
        raise ConfigurationError("context_replaced: nothing would be left of the conversation.")
    handed_over = None if event.source == HANDOFF_SOURCE else run.handed_over
    # What gave way is still told by what came in its place, and by what the model has said since.
    new = new_labels(event.messages, run.messages[:gone])
    return run._replace(
        history=(),
        added=messages,
        query_at=query_at,
        missing=max(run.missing - event.count, 0),
        untrusted=joined(run.untrusted, new),
        handed_over=handed_over,
    )


def _query_after(run: Run, gone: int, messages: tuple[Message, ...]) -> int:
    """Where the query stands once the first `gone` messages gave way; it may be among those put in their place."""
    if run.query_at >= gone:
        return run.query_at - gone + len(messages)
    query = run.messages[run.query_at]
    return next((place for place in reversed(range(len(messages))) if messages[place] == query), len(messages))


def new_labels(messages: tuple[Message, ...], known: tuple[Message, ...]) -> tuple[str, ...]:
    """The labels that messages have and those in whose place they stand had not; of those the run has told already."""
    own = labels_of(known)
    return tuple(label for label in labels_of(messages) if label not in own)
