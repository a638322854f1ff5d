"""Stores large inputs and outputs of a run in a second stream; the run's events refer to them by their digests.

So events stay small however large their values are, and a value that several events share is stored once. A value is
written before the event that refers to it; a crash in between leaves an unused value, which does no harm.
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
"""The kind of the streams that hold the values of runs."""

MOST_INLINE: Final = 65_536
"""The maximum length of an event with its values, in characters of JSON. Values of a longer event are stored apart."""

_PART: Final = 262_144
"""The maximum length of the part of a value that one entry holds, in characters."""

_MARK: Final = "$value"
"""The key of the JSON object that stands in an event in place of a value that is stored apart."""

_TRIES: Final = 20
_SMALL: Final = 4_096
"""The maximum length of a value that always stays in its event, in characters of JSON."""

_Change: TypeAlias = Callable[[JsonValue], Awaitable[JsonValue]]


def values_key(run: StreamKey) -> StreamKey:
    """Return the key of the stream that holds the values of a run."""
    return StreamKey(run.owner, VALUES, run.id)


class FlowValues:
    """Writes and reads the large values of one run."""

    def __init__(self, store: JournalStore, run: StreamKey, clock: Clock | None = None) -> None:
        self._store = store
        self._key = values_key(run)
        self._clock = clock
        self._stored: dict[str, JsonValue] = {}
        self._head: int | None = None

    async def drafts(self, events: Sequence[FlowEvent]) -> list[Draft]:
        """Store the large values of events, and return the entries to append to the run's stream.

        Raises:
            StoreError: a value could not be stored.
        """
        drafts = flow_drafts(events)
        for place, draft in enumerate(drafts):
            if len(draft.content) > MOST_INLINE or f'"{_MARK}"' in draft.content:
                drafts[place] = flow_drafts([await _changed(events[place], self._store_apart)])[0]
        return drafts

    async def whole(self, event: FlowEvent, content: str) -> FlowEvent:
        """Return an event of the run's stream with its large values read back in.

        Args:
            event: the event as it was decoded from the entry.
            content: the text of the entry.

        Raises:
            DamagedStream: a value is missing, or differs from what was written.
            StoreError: the stream of the values cannot be read.
        """
        return await _changed(event, self._read) if f'"{_MARK}"' in content else event

    async def forget(self) -> None:
        """Remove all values of the run from the store."""
        await self._store.forget(self._key)

    async def _store_apart(self, value: JsonValue) -> JsonValue:
        """Store a value unless it is small; return the reference to it, or the small value itself."""
        text = json.dumps(value, separators=(",", ":"))
        if len(text) <= _SMALL and f'"{_MARK}"' not in text:
            return value
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest not in self._stored:
            parts = [text[begin : begin + _PART] for begin in range(0, len(text), _PART)]
            last = await self._append([Draft(json.dumps(part), 1) for part in parts])
            self._stored[digest] = {_MARK: digest, "first": last - len(parts) + 1, "parts": len(parts)}
        return self._stored[digest]

    async def _append(self, drafts: list[Draft]) -> int:
        """Append entries, and return the sequence number of the last one.

        No lease is needed: an append by a process that has lost the run does no harm.
        """
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
        raise StoreError(
            f"A value of the run {self._key.id!r:.100} could not be stored: other writers appended at each of "
            f"{_TRIES} tries.",
            guidance="Try again.",
        )

    async def _read(self, value: JsonValue) -> JsonValue:
        """Read the value that a reference stands for; return any other value as it is."""
        if not isinstance(value, dict) or _MARK not in value:
            return value
        digest, first, parts = value.get(_MARK), value.get("first"), value.get("parts")
        if not isinstance(digest, str) or not isinstance(first, int) or not isinstance(parts, int):
            raise self._damaged("has an invalid reference")
        found: list[str] = []
        while len(found) < parts:
            entries = (await self._store.read(self._key, first - 1 + len(found), parts - len(found))).entries
            if not entries:
                raise self._damaged("is missing")
            found += [str(json.loads(entry.content)) for entry in entries]
        text = "".join(found)
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise self._damaged("differs from what was written")
        self._stored[digest] = value
        whole: JsonValue = json.loads(text)
        return whole

    def _damaged(self, fault: str) -> DamagedStream:
        return DamagedStream(
            f"A value of the run {self._key.id!r:.100} {fault}.",
            guidance="Find out who changed the store, and restore a backup.",
        )


async def _changed(event: FlowEvent, change: _Change) -> FlowEvent:
    """Return the event with its values replaced by the results of `change`; events without values as they are."""
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
