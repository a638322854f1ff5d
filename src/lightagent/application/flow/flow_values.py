"""Large inputs and outputs of a run: kept in a stream beside the run's own, which names them by their digest.

So an event stays small however large its values are, and a value that several events share is kept once. A value is
written before the event that names it; a value left unnamed by a crash in between is harmless.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from lightagent.application.flow.flow_drafts import flow_drafts
from lightagent.domain.errors import DamagedStream, StoreError, StreamConflict
from lightagent.domain.flow.events import (
    Answered,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    FlowEvent,
    FlowStarted,
    Signalled,
    StepApprovalRequested,
)
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.json_types import JsonValue
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

VALUES: Final = "flow_values"
"""The kind of the streams that hold values of runs."""

MOST_INLINE: Final = 65_536
"""Characters of an event; the values of a longer one are kept beside it."""

_PART: Final = 262_144
"""Characters of one entry of such a stream."""

_MARK: Final = "$value"
_TRIES: Final = 20
_SMALL: Final = 4_096
"""Characters of a value that stays in its event in any case."""

_Change: TypeAlias = Callable[[JsonValue], Awaitable[JsonValue]]


def values_key(run: StreamKey) -> StreamKey:
    """The stream of a run's values."""
    return StreamKey(run.owner, VALUES, run.id)


class FlowValues:
    """The values of one run."""

    def __init__(self, store: JournalStore, run: StreamKey, clock: Clock | None = None) -> None:
        self._store = store
        self._key = values_key(run)
        self._clock = clock
        self._kept: dict[str, JsonValue] = {}
        self._head: int | None = None

    async def drafts(self, events: Sequence[FlowEvent]) -> list[Draft]:
        """The events as the run's stream takes them, after their large values have been kept.

        Raises:
            StoreError: one could not be kept.
        """
        drafts = flow_drafts(events)
        for place, draft in enumerate(drafts):
            if len(draft.content) > MOST_INLINE or f'"{_MARK}"' in draft.content:
                drafts[place] = flow_drafts([await _changed(events[place], self._keep)])[0]
        return drafts

    async def whole(self, event: FlowEvent, content: str) -> FlowEvent:
        """An event that was read, with its values.

        Args:
            content: it as it was read.

        Raises:
            DamagedStream: a value is gone, or is not what was written.
            StoreError: it cannot be read.
        """
        return await _changed(event, self._read) if f'"{_MARK}"' in content else event

    async def forget(self) -> None:
        """Forget all of them."""
        await self._store.forget(self._key)

    async def _keep(self, value: JsonValue) -> JsonValue:
        text = json.dumps(value, separators=(",", ":"))
        if len(text) <= _SMALL and f'"{_MARK}"' not in text:
            return value
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest not in self._kept:
            parts = [text[begin : begin + _PART] for begin in range(0, len(text), _PART)]
            last = await self._append([Draft(json.dumps(part), 1) for part in parts])
            self._kept[digest] = {_MARK: digest, "first": last - len(parts) + 1, "parts": len(parts)}
        return self._kept[digest]

    async def _append(self, drafts: list[Draft]) -> int:
        """Append to the stream. It needs no lease: an append by a process that has lost the run does no harm."""
        at = 0.0 if self._clock is None else self._clock.now()
        for _ in range(_TRIES):
            if self._head is None:
                self._head = (await self._store.read(self._key, -1, limit=1)).stream.head
            try:
                self._head = await self._store.append(self._key, drafts, expected=self._head, at=at)
            except StreamConflict:
                self._head = None
            else:
                return self._head
        raise StoreError(f"A value of the run {self._key.id!r:.100} could not be kept.", guidance="Try again.")

    async def _read(self, value: JsonValue) -> JsonValue:
        if not isinstance(value, dict) or _MARK not in value:
            return value
        digest, first, parts = value.get(_MARK), value.get("first"), value.get("parts")
        if not isinstance(digest, str) or not isinstance(first, int) or not isinstance(parts, int):
            raise self._damaged("is named in another form")
        found: list[str] = []
        while len(found) < parts:
            entries = (await self._store.read(self._key, first - 1 + len(found), parts - len(found))).entries
            if not entries:
                raise self._damaged("is gone")
            found += [str(json.loads(entry.content)) for entry in entries]
        text = "".join(found)
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise self._damaged("is not what was written")
        self._kept[digest] = value
        whole: JsonValue = json.loads(text)
        return whole

    def _damaged(self, how: str) -> DamagedStream:
        return DamagedStream(
            f"A value of the run {self._key.id!r:.100} {how}.",
            guidance="Find out who changed the store, and restore a backup.",
        )


async def _changed(event: FlowEvent, change: _Change) -> FlowEvent:
    """An event whose values are changed by a function; one that has none as it is."""
    match event:
        case FlowStarted():
            return replace(event, input=await change(event.input))
        case AttemptStarted() | StepApprovalRequested():
            return replace(event, query=await change(event.query))
        case AttemptFinished():
            return replace(event, output=replace(event.output, value=await change(event.output.value)))
        case Answered():
            return replace(event, answer=await change(event.answer))
        case Signalled():
            return replace(event, payload=await change(event.payload))
        case AttemptNoted() if isinstance(event.event, FlowEvent):
            return replace(event, event=await _changed(event.event, change))
        case _:
            return event
