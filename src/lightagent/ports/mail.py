"""The port to the mailboxes of a swarm: the interface for runs, and the smaller one for tools."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from lightagent.domain.json_types import JsonValue
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.swarm.mailboxes import Mailbox


class MailRoom(Protocol):
    """The mailbox of one owner, or of a single run without an owner. Serves any number of runs at once."""

    async def look(self) -> Mailbox:
        """The mailbox as it is now.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def post(self, draft: AgentMessage) -> AgentMessage:
        """Add a message, and return it with its number; one whose id exists already is returned unchanged.

        Raises:
            ToolError: it is refused, in words that a model can act on.
            StoreError: it cannot be kept.
        """
        ...

    async def take(self, ids: Collection[str], run_id: str, *, back: bool = False) -> None:
        """Assign messages to the run that delivers them; with `back` they wait again.

        Raises:
            StoreError: that cannot be kept.
        """
        ...


class MailPost(Protocol):
    """What a tool may do with messages on behalf of the acting agent: a model cannot choose the sender."""

    async def send(self, recipient: str, payload: JsonValue, message_id: str) -> AgentMessage:
        """Send a message; each id is sent at most once.

        Raises:
            ToolError: it is refused, in words that a model can act on.
            StoreError: it cannot be kept.
        """
        ...

    async def read(self, limit: int) -> Sequence[AgentMessage]:
        """Return the last messages that were delivered to this run and are not too old, in order."""
        ...
