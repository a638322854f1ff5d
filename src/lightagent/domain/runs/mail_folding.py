"""The fold of messages of other agents that reach the one that acts."""

from __future__ import annotations

from lightagent.domain.conversation.labels import joined, labels_of
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.effects import SendMessage
from lightagent.domain.runs.events import ToolFinished
from lightagent.domain.runs.state import Run, call_key
from lightagent.domain.swarm.agent_messages import MessagesDelivered


def check_sent(run: Run, event: ToolFinished) -> None:
    """Refuse a record of a message that the run cannot have sent, such as one in the name of another agent.

    Recorded messages enter the mailbox when a run is resumed in another process.

    Raises:
        ConfigurationError: the record was changed.
    """
    for effect in event.effects:
        if not isinstance(effect, SendMessage):
            continue
        sent, started = effect.message, run.started
        made = (call_key(run, event.call_id), run.head.name, started.run_id, started.trace_id, run.untrusted)
        if made != (sent.id, sent.sender, sent.run_id, sent.trace_id, sent.labels) or sent.trusted != (not sent.labels):
            raise ConfigurationError("tool_finished: the message that was sent is not one of this call.")


def take_mail(run: Run, event: MessagesDelivered) -> Run:
    """The run after messages were delivered, which stand at the end of the conversation.

    Raises:
        ConfigurationError: it is not the model's turn, or one of them is for another agent, was delivered before, or
            is out of its order.
    """
    if run.calls or run.last_reply is not None or run.request is not None or not run.admitted:
        raise ConfigurationError("messages_delivered: it is not the model's turn.")
    if len(run.prepared) != len(run.started.before):
        raise ConfigurationError("messages_delivered: a context source was not asked yet.")
    ids = [message.id for message in event.messages]
    if not ids or len({*ids, *run.mail}) != len(ids) + len(run.mail):
        raise ConfigurationError("messages_delivered: there are none, or one was delivered before.")
    if any(message.recipient != run.head.name for message in event.messages):
        raise ConfigurationError("messages_delivered: a message is for another agent.")
    numbers = [message.number for message in event.messages]
    if numbers != sorted(set(numbers)):
        raise ConfigurationError("messages_delivered: the messages are out of their order.")
    if event.told and event.error is not None:
        raise ConfigurationError("messages_delivered: what was blocked is not told.")
    # What a policy made of them may have lost their labels.
    labels = labels_of((*event.told, *(message.as_context() for message in event.messages))) if event.told else ()
    untrusted = joined(run.untrusted, labels)
    return run._replace(added=(*run.added, *event.told), untrusted=untrusted, mail=(*run.mail, *ids))
