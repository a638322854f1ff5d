"""Finds the runs of a flow that have something to do and that no process is running."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.flow_inbox import FlowInbox, read_position
from lightagent.application.flow.flow_log import KIND, read_flow
from lightagent.application.journals.read_streams import list_streams
from lightagent.domain.errors import ConfigurationError, DamagedStream, LightAgentError, StreamConflict
from lightagent.domain.flow.moves import Do, Wake
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.journals.streams import StreamInfo, StreamKey, StreamQuery
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
"""Seconds until a run is tried again that did not advance; the pause doubles each time."""


_LISTENING: Final = 5.0
"""Seconds between two checks of a waiting run's inbox. Usually the sender has already put its message on record."""


@dataclass(slots=True)
class _Seen:
    """A run as of the last check.

    Attributes:
        head: the sequence of its last event.
        due: when the run has something to do without a message from outside; infinite if never.
        awaited: the requests that people have yet to answer.
        listen: when to check its inbox and its reviews again.
    """

    head: int
    due: float
    awaited: Sequence[Awaited] = ()
    listen: float = 0.0


@dataclass(frozen=True, slots=True)
class _Tried:
    """The last try to go on with a run.

    Attributes:
        head: the sequence of its last event afterwards; None if the run could not go on.
        until: the run is not tried again before this moment; if it went on, only while `head` is its last event.
        pause: the length of that pause in seconds.
    """

    head: int | None
    until: float
    pause: float


class FindWork:
    """Finds runs of all owners that were interrupted, whose time has come, or that have new messages.

    What was read of a run is kept as long as nothing is appended to it, so a check costs one listing, and a read of
    each run that has changed.

    Args:
        name: of the flow.
        awaited: gives the requests of a run that people have yet to answer.

    Attributes:
        held: how many runs other processes had at the last check.
    """

    def __init__(
        self,
        store: JournalStore,
        clock: Clock,
        name: str,
        awaited: Callable[[FlowState], Sequence[Awaited]] = lambda state: (),
    ) -> None:
        self.held: int = 0
        self._awaited = awaited
        self._store = store
        self._clock = clock
        self._name = name
        self._seen: dict[StreamKey, _Seen] = {}
        self._tried: dict[StreamKey, _Tried] = {}

    async def find(self, taken: Collection[StreamKey]) -> AsyncIterator[tuple[StreamKey, LightAgentError | None]]:
        """The keys of those runs, with the error of one that cannot be read.

        Args:
            taken: left out, since this process has them.

        Raises:
            IncompleteListing: after all that can be listed, if something cannot.
            StoreError: the store cannot be read.
        """
        listed = set[StreamKey]()
        self.held = 0
        for status in ("running", "waiting"):
            query = StreamQuery(kind=KIND, labels={"flow": self._name, "status": status})
            async for stream in list_streams(self._store, query):
                listed.add(stream.key)
                if stream.key in taken:
                    continue
                self.held += stream.lease_left > 0
                if stream.lease_left > 0 or self._is_left_alone(stream):
                    continue
                try:
                    wanted = await self._wants(stream, status)
                except StreamConflict:
                    continue  # Another process writes to it at this moment.
                except (DamagedStream, ConfigurationError) as error:
                    yield stream.key, error
                    continue
                if wanted:
                    yield stream.key, None
        for known in (self._seen, self._tried):
            for key in [one for one in known if one not in listed and one not in taken]:
                del known[key]

    def tried(self, key: StreamKey, head: int | None) -> None:
        """Note a try to go on with a run. A run that does not advance is tried again after growing pauses only.

        Args:
            head: the sequence of its last event now; None: it could not go on.
        """
        before = self._tried.get(key)
        again = before is not None and before.head == head
        pause = min(before.pause * 2, _LONGEST_PAUSE) if before is not None and again else _FIRST_PAUSE
        self._tried[key] = _Tried(head, self._clock.now() + pause, pause)

    def _is_left_alone(self, stream: StreamInfo) -> bool:
        tried = self._tried.get(stream.key)
        return tried is not None and tried.head in (None, stream.head) and self._clock.now() < tried.until

    async def _wants(self, stream: StreamInfo, status: str) -> bool:
        """Whether the run has something to do now."""
        seen = self._seen.get(stream.key)
        if seen is None or seen.head != stream.head:
            found, events = await read_flow(self._store, stream.key)
            state = fold(events)
            awaited = () if state.cancelled else self._awaited(state)
            expire = [one.expires for one in awaited if one.expires is not None]
            seen = _Seen(found.head, min(due_at(state, waits=status == "waiting"), *expire, math.inf), awaited)
            self._seen[stream.key] = seen
        now = self._clock.now()
        if seen.due <= now:
            return True
        if now < seen.listen:
            return False
        seen.listen = now + _LISTENING
        said, _ = await FlowInbox(self._store, stream.key, self._clock).unread(read_position(stream.labels))
        if said:
            return True
        for one in seen.awaited:
            if await one.answered() is not None:
                return True
        return False


def due_at(state: FlowState, *, waits: bool) -> float:
    """When the run has something to do next; 0 for now, infinite if it has to wait for a message from outside.

    Args:
        waits: the process that had the run left it because all that is open waits, for people or for a moment.
    """
    if waits and not state.cancelled:
        times = [move.due for move in state.open_moves() if isinstance(move, (Do, Wake)) and move.due]
    else:
        times = [move.due if isinstance(move, (Do, Wake)) else 0.0 for move in state.open_moves()]
    return min(times, default=math.inf)
