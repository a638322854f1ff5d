"""Messages that agents of a swarm send to each other, and the event that puts their delivery on record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, Literal

from lightagent.domain.conversation.labels import TRUSTED
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonValue
from lightagent.domain.policy.phases import Decision

AGENT_LABEL: Final = "agent:"
"""The beginning of the label of what an agent has written to another; the writer's name follows."""

PROGRAM_LABEL: Final = "program"
"""The label of what a program has sent to an agent."""

MAIL_SOURCE: Final = "mail"
"""The source of the messages that tell a model what was sent to it."""

_LONGEST_NAME: Final = 100
"""Characters of a sender's name in labels and in what a model is told."""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """One message. Who sent it and where it belongs is worked out by the run that sends it, and never by a model.

    Attributes:
        number: its place among all messages of its mailbox, counted from 1.
        id: the same where the call that sends it is repeated after a crash.
        sender, recipient: the names of the agents; a program may send as well.
        payload: what it says: a text, or plain JSON of the type that the swarm has for messages.
        run_id, trace_id: of the run that sent it; empty where the program did.
        labels: of the untrusted text that had entered the conversation of the sender, which the message may tell.
        trusted: the program vouches for it, or the agent that sent it had read no untrusted text.
        at: when, in seconds since 1970.
    """

    number: int
    id: str
    sender: str
    recipient: str
    payload: JsonValue
    run_id: str = ""
    trace_id: str = ""
    labels: tuple[str, ...] = ()
    trusted: bool = False
    at: float = field(default=0.0, compare=False)

    @property
    def is_of_agent(self) -> bool:
        """Whether a run sent it; a program may use any name as the sender."""
        return bool(self.run_id)

    @property
    def text(self) -> str:
        """What it says, as a model is told it."""
        return self.payload if isinstance(self.payload, str) else json.dumps(self.payload, ensure_ascii=False)

    def as_context(self) -> ContextMessage:
        """The message as the model of the recipient gets it: under a label of its own, and those of what it may tell.

        The sender stands before the text, which cannot pretend to be a message of its own: each has its delimiters.
        """
        sender = " ".join(self.sender.split())[:_LONGEST_NAME]
        label = f"{AGENT_LABEL}{sender}" if self.is_of_agent else PROGRAM_LABEL
        labels = (f"{TRUSTED}{label}",) if self.trusted else (label, *self.labels)
        text = f"Message {self.number} from {sender or 'the program'} to you:\n{self.text}"
        vouched = self.trusted and not self.is_of_agent  # What an agent writes may repeat what a user asked it to.
        return ContextMessage(MAIL_SOURCE, text, "trusted" if vouched else "untrusted", labels)


@dataclass(frozen=True, slots=True)
class MessagesDelivered:
    """Messages reached the agent that acts, before its next request: each once, in the order of its mailbox.

    Attributes:
        messages: as they were sent; for the record, and for a mailbox that is restored from it.
        told: the messages as they entered the conversation; empty if a policy blocked them, as `error` says.
        expired: how many others were dropped unread since so many were sent after them.
        decisions: of the policies that reviewed them.
    """

    messages: tuple[AgentMessage, ...]
    told: tuple[ContextMessage, ...] = ()
    expired: int = 0
    error: LightAgentErrorInfo | None = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["messages_delivered"] = "messages_delivered"
