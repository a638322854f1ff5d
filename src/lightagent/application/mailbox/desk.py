"""The mailbox of one owner, kept as a stream of a journal store, so that it outlives runs and processes.

Messages in the journal of a run that goes on elsewhere are added to the mailbox if it lacks them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.domain.errors import StreamConflict, ToolError
from lightagent.domain.journals.streams import MOST_LISTED, Draft, StreamKey
from lightagent.domain.runs.effects import SendMessage
from lightagent.domain.runs.events import Event, Nested, ToolFinished
from lightagent.domain.swarm.agent_messages import AgentMessage, MessagesDelivered
from lightagent.domain.swarm.mailboxes import Mailbox, MailEntry, MailLimits, Sent, Taken, refused_message, taken_in
from lightagent.ports.journals import JournalStore
from lightagent.ports.mail import MailRoom
from lightagent.ports.system import Clock

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAIL: Final = "mail"
"""The kind of the streams that hold mailboxes."""

_ATTEMPTS: Final = 50
"""Others may write to the same mailbox at the same moment, so often in a row."""

_SLACK: Final = 4
"""How many times `MailLimits.max_age` entries a stream may hold before its front is removed."""


class MailDesk(MailRoom):
    """Reads and writes one mailbox.

    Args:
        agents: the names of the possible receivers; read at each message, since a swarm may grow.
        past: the events of a run that goes on, from before its process.
    """

    def __init__(
        self,
        store: JournalStore,
        key: StreamKey,
        agents: Collection[str],
        limits: MailLimits,
        clock: Clock,
        past: Sequence[Event] = (),
    ) -> None:
        self._store, self._key = store, key
        self._agents, self._limits, self._clock = agents, limits, clock
        self._past = past
        self._box, self._head, self._base = Mailbox(), 0, 0

    async def look(self) -> Mailbox:
        past, self._past = self._past, ()
        if past:
            try:
                await self._restore(past)
            except BaseException:
                self._past = past  # It is restored at the next read.
                raise
        return await self._read()

    async def post(self, draft: AgentMessage) -> AgentMessage:
        for _ in range(_ATTEMPTS):
            box = await self.look()
            if (known := box.known(draft.id)) is not None:
                return known
            refusal = refused_message(box, draft.recipient, draft.sender, draft.text, self._agents, self._limits)
            if refusal is not None:
                raise ToolError(refusal, guidance="")
            message = replace(draft, number=box.sent + 1)
            if await self._append([Sent(message)]):
                return message
        raise _busy()

    async def take(self, ids: Collection[str], run_id: str, *, back: bool = False) -> None:
        for _ in range(_ATTEMPTS):
            await self._read()
            if await self._append([Taken(tuple(ids), run_id, back)]):
                return
        raise _busy()

    async def _read(self) -> Mailbox:
        while True:
            read = await self._store.read(self._key, self._head, MOST_LISTED)
            if read.stream.head < self._head:  # The owner was forgotten meanwhile, and perhaps writes again.
                self._box, self._head = Mailbox(), 0
                continue
            for entry in read.entries:
                if entry.sequence <= self._head:
                    continue  # Another task of this process has read it meanwhile.
                self._box = taken_in(self._box, _read_entry(entry.content), entry.sequence, self._limits)
                self._head = entry.sequence
            self._base = read.stream.base
            if len(read.entries) < MOST_LISTED:
                return self._box

    async def _append(self, entries: Sequence[MailEntry]) -> bool:
        """Append entries; returns whether that was done, which it is not if another writer was faster."""
        drafts, expected = [Draft(_codec().dump_json(entry).decode()) for entry in entries], self._head
        try:
            head = await self._store.append(self._key, drafts, expected=expected, at=self._clock.now())
        except StreamConflict:
            return False
        if head - self._base > _SLACK * self._limits.max_age:
            await self._prune()
        return True

    async def _prune(self) -> None:
        """Remove the entries before the first message that is not too old."""
        box = await self._read()
        first = min((slot.sequence for slot in box.slots), default=self._head)
        await self._store.forget(self._key, before=first)

    async def _restore(self, past: Sequence[Event]) -> None:
        """Add the messages in a run's record that this store lacks, in the order in which they were sent."""
        sent, taken = _sent_and_delivered(past)
        for _ in range(_ATTEMPTS):
            box = await self._read()
            new = [
                message
                for message in sorted(sent.values(), key=lambda one: one.number)
                if box.known(message.id) is None and message.number > box.sent - self._limits.max_age
            ]
            entries: list[MailEntry] = [Sent(message) for message in new]
            entries += [Taken((one.id,), taken[one.id]) for one in new if one.id in taken]
            if not entries or await self._append(entries):
                return
        raise _busy()


def _sent_and_delivered(events: Sequence[Event]) -> tuple[dict[str, AgentMessage], dict[str, str]]:
    """The messages in a journal, and the ids of those that were delivered, with the run that received them."""
    sent: dict[str, AgentMessage] = {}
    taken: dict[str, str] = {}
    for event in _flat(events):
        if isinstance(event, ToolFinished):
            sent |= {one.message.id: one.message for one in event.effects if isinstance(one, SendMessage)}
        elif isinstance(event, MessagesDelivered):
            sent |= {message.id: message for message in event.messages}
            taken |= {message.id: "delivered" for message in event.messages}
    return sent, taken


def _flat(events: Sequence[Event]) -> Iterator[Event]:
    for event in events:
        while isinstance(event, Nested):
            event = event.event
        yield event


def _read_entry(content: str) -> MailEntry:
    return _codec().validate_json(content)


@cache
def _codec() -> TypeAdapter[MailEntry]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[MailEntry, Field(discriminator="type")])


def _busy() -> ToolError:
    return ToolError("The mailbox is busy, and nothing was sent. Try once more later.", guidance="")
