"""Messages between the agents of a swarm: the parts that belong to the swarm, to a mailbox and to a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightagent.application.mailbox.desk import MAIL, MailDesk
from lightagent.application.structured_output import OutputType
from lightagent.domain.errors import OutputError, ToolError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.events import Event
from lightagent.domain.runs.state import Run
from lightagent.domain.scopes import Scope
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.swarm.mailboxes import MailLimits
from lightagent.ports.journals import JournalStore
from lightagent.ports.mail import MailPost, MailRoom
from lightagent.ports.system import Clock
from lightagent.ports.tools import Nesting


@dataclass(frozen=True)
class SwarmMail:
    """The messages of one swarm.

    Attributes:
        name: tells the mailboxes of several swarms of one store apart.
        store: where the mailboxes of users and sessions are kept.
        own_store: makes the place of a mailbox that belongs to one run alone, since no user is known.
        payload: the type of what is sent.
        limits: the bounds.
        agents: the names of the agents of the swarm, which may grow.
    """

    name: str
    store: JournalStore
    own_store: type[JournalStore]
    payload: OutputType[object]
    limits: MailLimits
    agents: Collection[str]

    def room(self, owner: Scope, clock: Clock, run_id: str = "", past: Sequence[Event] = ()) -> MailDesk:
        """The mailbox of an owner. Without a user or session it is the run's own, so that callers do not share one."""
        if owner.user or owner.session:
            return MailDesk(self.store, StreamKey(owner, MAIL, self.name), self.agents, self.limits, clock, past)
        key = StreamKey(owner, MAIL, f"{self.name}:{run_id}")
        return MailDesk(self.own_store(), key, self.agents, self.limits, clock, past)

    def checked(self, payload: object) -> JsonValue:
        """The payload, as plain JSON of the type that the swarm has for messages.

        Raises:
            ToolError: it does not fit; the text lists what is wrong.
        """
        if self.payload.is_text:
            if not isinstance(payload, str) or not payload.strip():
                raise ToolError("The message must be a text that is not empty.", guidance="")
            if whole_characters(payload) != payload:
                raise ToolError("The message holds half of a character, a lone surrogate.", guidance="")
            return payload
        try:
            text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
            found: JsonValue = json.loads(self.payload.check(text))
        except (OutputError, TypeError, ValueError, RecursionError) as problem:
            raise ToolError(f"The message does not fit its type:\n{problem}", guidance="") from None
        return found


class MailSettings(Protocol):
    """The settings of a swarm's messages: an `AgentMail`."""

    def of(self, agents: Collection[str]) -> SwarmMail:
        """The messages of a swarm of these agents, which may grow."""
        ...


def mail_room(
    mail: SwarmMail | None, run: Run, known: Sequence[Event], nesting: Nesting | None, clock: Clock
) -> MailRoom | None:
    """The mailbox of a run: that of the run around it, or else the one of its owner."""
    if nesting is not None and nesting.mail is not None:
        return nesting.mail
    if mail is None:
        return None
    started = run.started
    return mail.room(started.scope, clock, started.run_id, known if nesting is None else nesting.past())


class _RunMail(MailPost):
    """The operations of a tool's call on messages."""

    def __init__(self, mail: SwarmMail, room: MailRoom, run: Run, clock: Clock) -> None:
        self._mail, self._room, self._run, self._clock = mail, room, run, clock

    async def send(self, recipient: str, payload: JsonValue, message_id: str) -> AgentMessage:
        run, started = self._run, self._run.started
        checked, labels = self._mail.checked(payload), run.untrusted
        draft = AgentMessage(
            0,
            message_id,
            run.head.name,
            recipient,
            checked,
            started.run_id,
            started.trace_id,
            labels,
            not labels,
            self._clock.now(),
        )
        return await self._room.post(draft)

    async def read(self, limit: int) -> Sequence[AgentMessage]:
        box = await self._room.look()
        found = (slot.message for slot in box.slots if slot.message.id in self._run.mail)
        return [message for message in found if message.recipient == self._run.head.name][-limit:]


def run_mail(mail: SwarmMail | None, room: MailRoom | None, run: Run, clock: Clock) -> MailPost | None:
    """The operations of a run's call on messages; None if the acting agent is not in a swarm with messages."""
    return None if mail is None or room is None else _RunMail(mail, room, run, clock)
