"""The port to the mailboxes of a swarm: what runs ask of them, and what tools get to see of that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from lightagent.domain.agent_messages import AgentMessage
from lightagent.domain.json_types import JsonValue
from lightagent.domain.mailboxes import Mailbox


class MailRoom(Protocol):
    """The mailbox of one owner, or of a single run without an owner. Serves any number of runs at once."""

    async def look(self) -> Mailbox:
        """The mailbox as it is now.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def post(self, draft: AgentMessage) -> AgentMessage:
        """Put a message in, and give it its number; one whose id is known already is given as it was.

        Raises:
            ToolError: it is refused, in words that a model can act on.
            StoreError: it cannot be kept.
        """
        ...

    async def take(self, ids: Collection[str], run_id: str, *, back: bool = False) -> None:
        """Have messages belong to a run that delivers them; with `back` they wait again.

        Raises:
            StoreError: that cannot be kept.
        """
        ...


class MailPost(Protocol):
    """What a tool may do with messages, for the agent that acts: who sends is not for a model to say."""

    async def send(self, recipient: str, payload: JsonValue, message_id: str) -> AgentMessage:
        """Send a message, once for each id.

        Raises:
            ToolError: it is refused, in words that a model can act on.
            StoreError: it cannot be kept.
        """
        ...

    async def read(self, limit: int) -> Sequence[AgentMessage]:
        """The last messages that this run has had delivered and that are not too old, in order."""
        ...
