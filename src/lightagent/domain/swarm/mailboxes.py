"""The mailbox of a swarm for one owner, as pure rules: what it takes, what waits for whom, and what is too old."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.swarm.agent_messages import AgentMessage


@dataclass(frozen=True, slots=True)
class MailLimits:
    """The bounds of what agents send to each other.

    Attributes:
        max_waiting: messages that may wait for one agent; more are refused until it has read them.
        max_chars: characters of one message, as a model reads it.
        max_age: how many later messages, to any agent, may be sent before an unread one is dropped.

    Raises:
        ConfigurationError: a value is not an integer of at least 1, or `max_age` is less than `max_waiting`.
    """

    max_waiting: int = 20
    max_chars: int = 4_000
    max_age: int = 200

    def __post_init__(self) -> None:
        for name in ("max_waiting", "max_chars", "max_age"):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise ConfigurationError(f"MailLimits: {name} must be a whole number of at least 1, got {count!r:.80}.")
        if self.max_age < self.max_waiting:
            raise ConfigurationError("MailLimits: max_age must not be less than max_waiting.", guidance="")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message came in."""

    message: AgentMessage
    type: Literal["sent"] = "sent"


@dataclass(frozen=True, slots=True)
class Taken:
    """A run took messages, to deliver them; with `back` it returns those that it could not."""

    ids: tuple[str, ...]
    run_id: str
    back: bool = False
    type: Literal["taken"] = "taken"


MailEntry: TypeAlias = Sent | Taken


@dataclass(frozen=True, slots=True)
class Slot:
    """A message in its mailbox.

    Attributes:
        sequence: of the entry that brought it.
        taken_by: the id of the run that took it; empty while it waits.
    """

    message: AgentMessage
    sequence: int
    taken_by: str = ""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The messages of one owner, in order.

    Attributes:
        slots: the messages that are not too old, whether waiting or taken.
        sent: how many messages were sent so far.
        expired: the recipients of messages that were dropped unread, one for each message, until they are notified.
    """

    slots: tuple[Slot, ...] = ()
    sent: int = 0
    expired: tuple[str, ...] = ()

    def known(self, message_id: str) -> AgentMessage | None:
        """The message of that id, if it is here and not too old."""
        return next((slot.message for slot in self.slots if slot.message.id == message_id), None)

    def waiting(self, recipient: str, run_id: str = "", delivered: Collection[str] = ()) -> tuple[AgentMessage, ...]:
        """What is to be delivered to an agent, in order.

        Args:
            run_id: of the run that would deliver it: what this one has taken before, and a crash kept from its record,
                is still to be delivered.
            delivered: the ids of the messages that are on its record.
        """
        return tuple(
            slot.message
            for slot in self.slots
            if slot.message.recipient == recipient
            and slot.message.id not in delivered
            and (not slot.taken_by or (run_id and slot.taken_by == run_id))
        )


def taken_in(box: Mailbox, entry: MailEntry, sequence: int, limits: MailLimits) -> Mailbox:
    """The mailbox after one more entry."""
    if isinstance(entry, Sent):
        if box.known(entry.message.id) is not None:
            return box
        slots = (*box.slots, Slot(entry.message, sequence))
        return _without_old(replace(box, slots=slots, sent=max(box.sent, entry.message.number)), limits)
    ids, told = set(entry.ids), {slot.message.recipient for slot in box.slots if slot.message.id in set(entry.ids)}
    slots = tuple(_as_taken(slot, entry) if slot.message.id in ids else slot for slot in box.slots)
    expired = box.expired if entry.back else tuple(name for name in box.expired if name not in told)
    return replace(box, slots=slots, expired=expired)


def _as_taken(slot: Slot, entry: Taken) -> Slot:
    if entry.back:
        return replace(slot, taken_by="") if slot.taken_by == entry.run_id else slot
    return slot if slot.taken_by else replace(slot, taken_by=entry.run_id)


def _without_old(box: Mailbox, limits: MailLimits) -> Mailbox:
    oldest = box.sent - limits.max_age
    if not box.slots or box.slots[0].message.number > oldest:
        return box
    kept = tuple(slot for slot in box.slots if slot.message.number > oldest)
    gone = (slot for slot in box.slots if slot.message.number <= oldest and not slot.taken_by)
    return replace(
        box, slots=kept, expired=(*box.expired, *(slot.message.recipient for slot in gone))[-limits.max_age :]
    )


def refused_message(
    box: Mailbox, recipient: str, sender: str, text: str, agents: Iterable[str], limits: MailLimits
) -> str | None:
    """Return why a message is refused, in words that a model can act on, or None if it is accepted."""
    names = tuple(agents)
    if recipient not in names:
        others = ", ".join(name for name in names if name != sender)
        return f"Unknown agent {recipient[:80]!r}. Agents: {others or 'none'}."
    if recipient == sender:
        return f"You are {recipient}: a message to yourself is not sent. Go on without it."
    if len(text) > limits.max_chars:
        return f"The message has {len(text)} characters, and at most {limits.max_chars} are taken. Send a shorter one."
    waiting = len(box.waiting(recipient))
    if waiting >= limits.max_waiting:
        return (
            f"{recipient} has {waiting} messages waiting and takes no more until it has read them. Do not send it "
            "another one now: go on with what is known, or let it act."
        )
    return None
