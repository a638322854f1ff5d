"""Sessions for their owner: a listing, the conversation, its turns, and operations on them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from lightagent.application.check_options import check_text
from lightagent.application.journals.journal import Journal, require_owner
from lightagent.application.journals.spilled_results import forget_spilled
from lightagent.application.reviews.streams import TAKEN_BACK, ReviewStreams, forget_reviews, withdraw_reviews
from lightagent.application.sessions.export import export_session
from lightagent.application.sessions.fork import fork_session
from lightagent.application.sessions.info import SessionInfo, list_sessions, session_info
from lightagent.application.sessions.load import load_session, no_session, require_session, session_key
from lightagent.application.sessions.prune import PrunedSessions, prune_sessions
from lightagent.application.sessions.trim import TrimmedSession, trim_session
from lightagent.application.sessions.turns import SessionTurn, read_last_turn, replay_turns
from lightagent.application.sessions.write import SESSION_WAIT, SessionWriter
from lightagent.domain.conversation.history import history_entry
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.entries import CheckpointSet, TurnUndone
from lightagent.domain.sessions.retention import Retention
from lightagent.domain.sessions.session import Checkpoint, Session
from lightagent.ports.journals import JournalStore


class Sessions:
    """The sessions of one tenant in a store. Every method is about one user's; another user's session of the same id is
    another.

    Ids are text; anything else raises a `ConfigurationError`.

    Every change of a session is appended to its log. Only `forget`, `prune` and `trim` remove entries. While a turn is
    under way, `undo`, `checkpoint` and `trim` wait up to 10 seconds for its end.

    Args:
        tenant: whose sessions these are: what runs were given as `tenant=`; empty for those without one.
        clock: tells the time, in seconds since 1970.

    Raises:
        ConfigurationError: the tenant is not text.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        check_text(tenant, "tenant")
        self._store = store
        self._clock = clock
        self._tenant = tenant

    async def list(self, user_id: str = "") -> AsyncIterator[SessionInfo]:
        """A user's sessions, the newest first.

        Raises:
            ConfigurationError: the user id is not text.
            IncompleteListing: after all that can be read, if something cannot; the listing up to there is right.
            StoreError: the store cannot be read.
        """
        check_text(user_id, "user_id")
        async for stream in list_sessions(self._store, self._tenant, user_id):
            yield session_info(stream)

    async def messages(
        self, session_id: str, user_id: str = "", *, include_incomplete_turns: bool = False
    ) -> tuple[JsonObject, ...]:
        """The conversation in OpenAI form, without a turn that has not ended; empty for a session that is not there.

        Args:
            include_incomplete_turns: with the turns that failed, were blocked or cancelled, or ran out of a budget.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        transcript = (await self._session(session_id, user_id)).transcript
        messages = transcript.everything if include_incomplete_turns else transcript.messages
        return tuple(history_entry(message) for message in messages)

    async def journal(self, session_id: str, user_id: str = "") -> Journal | None:
        """The turn that waits for a human or was interrupted, for `agent.resume`; None if every turn has ended.

        Raises:
            ConfigurationError: the turn is that of another owner or session.
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        session = await self._session(session_id, user_id)
        if session.run is None:
            return None
        journal = Journal(session.events)
        require_owner(journal, Scope(self._tenant, user_id, session_id))
        return journal

    async def replay(self, session_id: str, user_id: str = "") -> AsyncIterator[SessionTurn]:
        """The turns as the log has them, in order, without asking a model or calling a tool.

        Turns that did not complete or were undone are included; the open one comes last. A session that does not
        exist has none.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        async for turn in replay_turns(self._store, self._key(session_id, user_id)):
            yield turn

    async def last_turn(self, session_id: str, user_id: str = "") -> SessionTurn | None:
        """The last turn that was not undone, however it ended, or the open one; None if there is none.

        To ask it again: ``agent.arun(turn.query, session_id=…, replace_turn=turn.run_id)``.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        session = await self._session(session_id, user_id)
        return await read_last_turn(self._store, self._key(session_id, user_id), session)

    async def undo(self, session_id: str, user_id: str = "") -> SessionTurn:
        """Undo the last turn, however it ended; an open one is given up. The effects of its tools remain.

        Its calls that wait for a decision in the same store are withdrawn.

        Returns:
            The turn, with the conversation as it was after it.

        Raises:
            ConfigurationError: the session has no turn to undo.
            LeaseHeld: a turn is under way.
            StoreError: the store cannot be read or written.
        """
        key = self._key(session_id, user_id)
        async with SessionWriter(self._store, key, "undo", self._clock) as writer:
            session = await writer.open(SESSION_WAIT)
            turn = await read_last_turn(self._store, key, session)
            if turn is None:
                if not session.head:
                    raise no_session(key)
                raise ConfigurationError(
                    f"The session {session_id!r:.100} of this user has no turn that could be taken back.",
                    guidance="Turns that were trimmed away are gone for good.",
                )
            await writer.append([TurnUndone(turn.run_id, self._clock())])
        await withdraw_reviews(ReviewStreams(self._store, self._clock), key.owner, turn.run_id, TAKEN_BACK)
        return replace(turn, undone=True)

    async def checkpoint(self, session_id: str, name: str, user_id: str = "") -> None:
        """Give the place after the last turn a name, at which `fork` finds it.

        Raises:
            ConfigurationError: the session does not exist, the name is empty or there is a checkpoint of that name.
            PolicyError: a turn has not ended.
            LeaseHeld: a turn is under way.
            StoreError: the store cannot be read or written.
        """
        key = self._key(session_id, user_id)
        async with SessionWriter(self._store, key, "checkpoint", self._clock) as writer:
            session = await writer.open(SESSION_WAIT)
            _check_checkpoint(session, key, name)
            await writer.append([CheckpointSet(name, self._clock())])

    async def checkpoints(self, session_id: str, user_id: str = "") -> tuple[Checkpoint, ...]:
        """The checkpoints of a session, in the order in which they were set.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        return (await self._session(session_id, user_id)).checkpoints

    async def fork(
        self,
        session_id: str,
        new_session_id: str,
        user_id: str = "",
        *,
        checkpoint: str | None = None,
        turn: str | None = None,
    ) -> None:
        """Copy a session of the user into a new one; both can go on independently.

        Args:
            checkpoint: copy the entries before this checkpoint.
            turn: copy up to the end of the turn with this run id. Without either, to the end of the last ended turn.

        Raises:
            ConfigurationError: the session or place does not exist, the session `new_session_id` exists, or both
                places are given.
            StoreError: the store cannot be read or written.
        """
        if checkpoint is not None and turn is not None:
            raise ConfigurationError("fork: checkpoint= and turn= are two places.", guidance="Give one of them.")
        if not new_session_id:
            raise ConfigurationError("fork: the new session needs a name.", guidance="")
        source, target = self._key(session_id, user_id), self._key(new_session_id, user_id)
        await fork_session(self._store, source, target, self._clock, checkpoint=checkpoint, turn=turn)

    async def export(self, session_id: str, user_id: str = "") -> AsyncIterator[str]:
        """All that is kept of a session as lines of JSON, each without its line break: see docs/sessions.md.

        Raises:
            ConfigurationError: the session does not exist.
            StoreError: the store cannot be read, or the session was forgotten or trimmed meanwhile.
        """
        async for line in export_session(self._store, self._key(session_id, user_id)):
            yield line

    async def forget(self, session_id: str, user_id: str = "") -> bool:
        """Remove a session, its whole conversation, results of tools that were put aside in it, and its reviews.

        Returns whether there was one.

        Raises:
            StoreError: the store cannot be written.
        """
        key = self._key(session_id, user_id)
        scope = Scope(self._tenant, user_id, session_id)
        await forget_spilled(self._store, scope)
        await forget_reviews(self._store, scope)
        return await self._store.forget(key) > 0

    async def prune(
        self,
        user_id: str | None = "",
        *,
        older_than: float | None = None,
        keep: int | None = None,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> PrunedSessions:
        """Remove whole sessions, the least recently used first. One that is in use right now stays.

        Args:
            user_id: whose; None for those of all users of the tenant. The limits hold for each user alone.
            older_than: seconds; sessions that were last used longer ago are removed.
            keep: how many sessions stay.
            max_bytes: the bytes that the sessions that stay may take together.
            dry_run: remove nothing, and return what would be removed.

        Raises:
            ConfigurationError: no limit is given, or one is not a number or below 0.
            StoreError: the store cannot be read or written. What was removed before stays removed.
        """
        if user_id is not None:
            check_text(user_id, "user_id")
        retention = Retention(older_than, keep, max_bytes)
        return await prune_sessions(self._store, self._tenant, user_id, retention, self._clock, dry_run=dry_run)

    async def trim(
        self,
        session_id: str,
        user_id: str = "",
        *,
        older_than: float | None = None,
        keep: int | None = None,
        max_bytes: int | None = None,
        dry_run: bool = False,
    ) -> TrimmedSession:
        """Remove the oldest turns from the log of one session, which goes on as if they were there.

        The conversation itself stays: an entry holds what the next turn begins from. The turns that are gone can be
        neither replayed nor undone, and their checkpoints are gone with them.

        Args:
            older_than: seconds; turns that ended longer ago are removed.
            keep: how many turns stay.
            max_bytes: the bytes that the log of the turns that stay may take, without the entry for the others.
            dry_run: remove nothing, and return what would be removed.

        Raises:
            ConfigurationError: no limit is given, or one is not a number or below 0; the session does not exist.
            LeaseHeld: a turn is under way.
            StoreError: the store cannot be read or written.
        """
        retention = Retention(older_than, keep, max_bytes)
        key = self._key(session_id, user_id)
        await require_session(self._store, key)
        return await trim_session(self._store, key, retention, self._clock, dry_run=dry_run)

    async def _session(self, session_id: str, user_id: str) -> Session:
        return (await load_session(self._store, self._key(session_id, user_id))).session

    def _key(self, session_id: str, user_id: str) -> StreamKey:
        check_text(session_id, "session_id")
        check_text(user_id, "user_id")
        return session_key(Scope(self._tenant, user_id, session_id))


def _check_checkpoint(session: Session, key: StreamKey, name: str) -> None:
    if not session.head:
        raise no_session(key)
    if not name or any(one.name == name for one in session.checkpoints):
        raise ConfigurationError(
            f"The session has a checkpoint {name!r:.100} already." if name else "A checkpoint needs a name.",
            guidance="Choose another name.",
        )
    if session.run is not None:
        raise PolicyError(
            f"The last turn of the session {key.id!r:.100} has not ended.",
            guidance="Resume it or take it back before a checkpoint is set.",
        )
