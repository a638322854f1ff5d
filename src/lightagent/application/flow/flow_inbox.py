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
from lightagent.domain.journal_streams import StreamKey
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

INBOX: Final = "flow_inbox"
"""The kind of the streams that hold what is said to runs."""

HEARD: Final = "heard"
"""The label of a run that tells how far it has heard."""


def inbox_key(run: StreamKey) -> StreamKey:
    """The inbox of a run."""
    return StreamKey(run.owner, INBOX, run.id)


def heard_of(labels: Mapping[str, str]) -> int:
    """How far a run has heard, by the labels of its stream."""
    told = labels.get(HEARD, "0")
    return int(told) if told.isascii() and told.isdecimal() else 0


class FlowInbox:
    """The inbox of one run."""

    def __init__(self, store: JournalStore, run: StreamKey, clock: Clock) -> None:
        self._store = store
        self._key = inbox_key(run)
        self._clock = clock

    async def unheard(self, heard: int) -> tuple[list[FlowEvent], int]:
        """What was said beyond what was heard, and how far it is heard with that.

        Raises:
            StoreError: it cannot be read.
            ConfigurationError: what is stored is nothing that can be said to a run.
        """
        found = await self._store.read(self._key, heard)
        events = [read_flow_event(entry) for entry in found.entries]
        return events, found.entries[-1].sequence if found.entries else heard

    async def say(self, event: FlowEvent, expected: int) -> None:
        """Say something, unless somebody else has said something meanwhile.

        Args:
            expected: how far the inbox goes, as the caller has read it.

        Raises:
            StreamConflict: somebody has.
            StoreError: it cannot be kept.
        """
        await self._store.append(self._key, flow_drafts([event]), expected=expected, at=self._clock.now())

    async def forget(self) -> None:
        """Forget all that was said."""
        await self._store.forget(self._key)


def take_said(state: FlowState, said: Sequence[FlowEvent]) -> list[FlowEvent]:
    """Those of what was said that can still happen, which they do."""
    taken = []
    for event in said:
        try:
            state.apply(event)
        except Refused:
            continue  # It was valid when it was said, and something else came first.
        taken.append(event)
    return taken
