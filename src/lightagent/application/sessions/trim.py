"""Removes the front of a session's log, and leaves what it amounts to, so that the session can be read and goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from lightagent.application.journals.read_streams import read_entries
from lightagent.application.sessions.codec import read_log_entry, session_drafts
from lightagent.application.sessions.load import load_session
from lightagent.application.sessions.write import SESSION_WAIT, SessionWriter
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.sessions.entries import SessionBase, SessionEntry
from lightagent.domain.sessions.retention import Retention, StoredItem
from lightagent.domain.sessions.session import Session, Transcript, base_of, undo_turn
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class TrimmedSession:
    """What trimming has done, or would do.

    Attributes:
        turns: how many turns are gone, without those that were taken back before.
        events: how many entries of the log are gone.
        size: the bytes that these took.
        added: the bytes of the entry that now stands for them.
    """

    turns: int = 0
    events: int = 0
    size: int = 0
    added: int = 0


class _Logged(NamedTuple):
    """One entry of the log: when it was written, the bytes it takes, and whether it is an event of a turn."""

    at: float
    size: int
    is_event: bool


async def trim_session(
    store: JournalStore, key: StreamKey, retention: Retention, now: Callable[[], float], *, dry_run: bool
) -> TrimmedSession:
    """Remove the turns that are beyond the limits.

    Raises:
        LeaseHeld: a turn is under way.
        StoreError: the session cannot be read or written.
    """
    if dry_run:
        return (await _plan(store, key, (await load_session(store, key)).session, retention, now()))[0]
    async with SessionWriter(store, key, "retention", now) as writer:
        trimmed, base = await _plan(store, key, await writer.open(SESSION_WAIT), retention, now())
        if base is not None:
            await writer.append([base])
            await writer.remove_front(base.through)
        return trimmed


async def _plan(
    store: JournalStore, key: StreamKey, session: Session, retention: Retention, now: float
) -> tuple[TrimmedSession, SessionBase | None]:
    """What is to go, and the entry that stands for it; None if nothing goes."""
    first, log = await _log(store, key, session.head)
    places = _places(session, first - 1)
    parts = [log[place - first + 1 : end - first + 1] for place, end in pairwise(places)]
    newest_first = [StoredItem(part[-1].at, sum(one.size for one in part)) for part in reversed(parts)]
    going = parts[: len(parts) - retention.how_many_stay(newest_first, now)]
    if not any(one.is_event for part in going for one in part):
        return TrimmedSession(), None
    through = places[len(going)]
    transcript = _transcript_before(session, through)
    base = base_of(transcript, through, now)
    return (
        TrimmedSession(
            sum(turn.last <= through for turn in session.turns),
            through - first + 1,
            sum(one.size for part in going for one in part),
            len(session_drafts([base])[0].content),
        ),
        base,
    )


def _places(session: Session, beginning: int) -> list[int]:
    """The entries behind which the log may be cut: before each turn, and behind the last one that has ended.

    No later entry takes back a turn before such a place: it would have taken back the turn behind it as well. Entries
    before the first of these turns belong to turns that were taken back.
    """
    end = session.head if session.run is None else session.first - 1
    return sorted({beginning, *(turn.first - 1 for turn in session.turns), end})


def _transcript_before(session: Session, through: int) -> Transcript:
    """The conversation as of one of these places."""
    while session.run is not None or (session.turns and session.turns[-1].last > through):
        session = undo_turn(session, session.last_turn)
    return session.transcript


async def _log(store: JournalStore, key: StreamKey, head: int) -> tuple[int, list[_Logged]]:
    """The sequence of the first entry there is, and each up to `head`."""
    stream = (await store.read(key, -1, 1)).stream
    log = list[_Logged]()
    async for one in read_entries(store, stream, head):
        entry = read_log_entry(one)
        log.append(_Logged(entry.at, len(one.content.encode()), not isinstance(entry, SessionEntry)))
    return stream.base + 1, log
