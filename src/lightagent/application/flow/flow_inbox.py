"""The messages to a run, kept in a stream beside the run's own that can be written without the run's lease.

The process that has the run reads them, and notes with its next append how far it has read. Each message is checked
before it is kept, against all earlier ones: of two decisions the first one counts, and the second is refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lightagent.application.flow.flow_codec import read_flow_event
from lightagent.application.flow.flow_drafts import flow_drafts
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import FlowState
from lightagent.domain.journals.streams import StreamKey
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

INBOX: Final = "flow_inbox"
"""The kind of the streams that hold the inboxes of runs."""

HEARD: Final = "heard"
"""The label of a run that holds the position up to which it has read its inbox."""


def inbox_key(run: StreamKey) -> StreamKey:
    """The inbox of a run."""
    return StreamKey(run.owner, INBOX, run.id)


def read_position(labels: Mapping[str, str]) -> int:
    """The position up to which a run has read its inbox, by the labels of its stream."""
    told = labels.get(HEARD, "0")
    return int(told) if told.isascii() and told.isdecimal() else 0


class FlowInbox:
    """The inbox of one run."""

    def __init__(self, store: JournalStore, run: StreamKey, clock: Clock) -> None:
        self._store = store
        self._key = inbox_key(run)
        self._clock = clock

    async def unread(self, heard: int) -> tuple[list[FlowEvent], int]:
        """The messages after a position, and the position after them.

        Raises:
            StoreError: it cannot be read.
            ConfigurationError: the stream holds something that is not a message to a run.
        """
        found = await self._store.read(self._key, heard)
        events = [read_flow_event(entry) for entry in found.entries]
        return events, found.entries[-1].sequence if found.entries else heard

    async def say(self, event: FlowEvent, expected: int) -> None:
        """Append a message, unless another one was appended meanwhile.

        Args:
            expected: the position of the last message that the caller has read.

        Raises:
            StreamConflict: another message was appended.
            StoreError: it cannot be kept.
        """
        await self._store.append(self._key, flow_drafts([event]), expected=expected, at=self._clock.now())

    async def forget(self) -> None:
        """Forget all messages."""
        await self._store.forget(self._key)


def apply_messages(state: FlowState, said: Sequence[FlowEvent]) -> list[FlowEvent]:
    """Apply the messages that are still possible, and return those."""
    taken = []
    for event in said:
        try:
            state.apply(event)
        except Refused:
            continue  # It was valid when it was sent, and something else came first.
        taken.append(event)
    return taken
