"""Copies a session up to one of its places into a new one; both can go on independently."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.application.sessions.load import load_session, log_beginning, no_session, read_log
from lightagent.application.sessions.write import SessionWriter
from lightagent.domain.errors import ConfigurationError, LeaseHeld
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.sessions.entries import LogEntry, SessionBase, SessionEntry, SessionForked
from lightagent.domain.sessions.session import Session, base_of
from lightagent.ports.journals import JournalStore


async def fork_session(
    store: JournalStore,
    source: StreamKey,
    target: StreamKey,
    now: Callable[[], float],
    *,
    checkpoint: str | None = None,
    turn: str | None = None,
) -> None:
    """Copy the log, all or nothing, up to a checkpoint, the end of a turn or, without either, of the last ended turn.

    Raises:
        ConfigurationError: the session or place does not exist, or there is a session where it is to be copied to.
        StoreError: the source cannot be read, or the target not written.
    """
    session = (await load_session(store, source)).session
    if not session.head:
        raise no_session(source)
    until = session.head if session.run is None else session.first - 1
    if checkpoint is not None:
        until = _place_of(session, checkpoint)
    copied, place = await _copied(store, source, until, turn)
    copied.append(SessionForked(source.id, place, now()))
    async with SessionWriter(store, target, "fork", now) as writer:
        try:
            there = await writer.open(0.0)
        except LeaseHeld:
            raise _taken(target) from None
        if there.head:
            raise _taken(target)
        await writer.append(copied)


def _place_of(session: Session, checkpoint: str) -> int:
    for one in session.checkpoints:
        if one.name == checkpoint:
            return one.sequence
    names = ", ".join(one.name for one in session.checkpoints)
    raise ConfigurationError(
        f"The session has no checkpoint {checkpoint!r:.100}.", guidance=f"It has: {names[:1000] or 'none'}."
    )


async def _copied(store: JournalStore, key: StreamKey, until: int, turn: str | None) -> tuple[list[LogEntry], int]:
    """The entries to copy, and the sequence of the last of them in the source."""
    stream, session = await log_beginning(store, key)
    transcript = session.transcript
    copied: list[LogEntry] = [base_of(transcript, 0)] if stream.base else []
    async for before, entry, after in read_log(store, stream, session, until):
        session = after
        if not isinstance(entry, SessionBase) or not before.head:
            copied.append(entry)
        ended = before.run is not None and after.run is None and not isinstance(entry, SessionEntry)
        if turn is not None and ended and after.turns[-1].run_id == turn:
            return copied, after.head
    if turn is not None:
        raise ConfigurationError(
            f"The session has no turn {turn!r:.100} that has ended.",
            guidance="Sessions(store).replay and `lightagent sessions replay` tell its turns; trimmed ones are gone.",
        )
    return copied, session.head


def _taken(target: StreamKey) -> ConfigurationError:
    return ConfigurationError(
        f"There is a session {target.id!r:.100} already.", guidance="Choose another name, or forget that one."
    )
