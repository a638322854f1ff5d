"""Decisions that are remembered: for a session or a user, listed and revoked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import all_entries, read_each
from lightagent.domain.errors import ConfigurationError, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.remembered_decisions import (
    DecisionRemembered,
    RememberedEntry,
    RememberedRevoked,
    advance_remembered,
    holds_for,
    remembered_id,
)
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "remembered_decision"
"""The kind of the streams that hold decisions which are remembered."""

RememberFor: TypeAlias = Literal["session", "user"]


@dataclass(frozen=True, slots=True)
class RememberedDecision:
    """A decision that holds for later calls.

    Attributes:
        remembered_id: names it among those of its user and session.
        user_id, session_id: whose calls it holds for; all sessions of the user where `session_id` is empty.
        decision: what was decided, of which tool, by whom and when.
    """

    remembered_id: str
    user_id: str
    session_id: str
    decision: DecisionRemembered


class RememberedDecisions:
    """The decisions of one tenant in a store that hold for later calls."""

    def __init__(self, store: JournalStore, clock: Callable[[], float], *, tenant: str) -> None:
        self._tenant = tenant
        self._store = store
        self._clock = clock

    def check(self, request: ApprovalRequest, decision: ApprovalDecision, scope: RememberFor) -> None:
        """Raise unless a decision can be remembered.

        Raises:
            ConfigurationError: it cannot: only approve and reject can, for a session or a user that has a name.
        """
        if request.phase == "flow_step":
            raise ConfigurationError(
                "A decision about a step of a flow holds for this step of this run alone.",
                guidance="Leave remember= out.",
            )
        if decision.action not in ("approve", "reject"):
            raise ConfigurationError("Only approve and reject can be remembered.", guidance="Leave remember= out.")
        if scope not in ("session", "user"):
            raise ConfigurationError("remember must be 'session' or 'user'.", guidance="")
        named = request.user_id if scope == "user" else request.session_id
        if not named:
            raise ConfigurationError(
                f"The run has no {scope}_id=, so the decision cannot be remembered for a {scope}.",
                guidance="Leave remember= out, or begin runs with one.",
            )

    async def add(self, request: ApprovalRequest, decision: ApprovalDecision, scope: RememberFor) -> None:
        """Remember a decision about calls such as this one; a later one takes its place.

        Raises:
            StoreError: the store cannot be written.
        """
        entry = DecisionRemembered(
            "approve" if decision.action == "approve" else "reject",
            decision.actor,
            decision.reason,
            request.phase,
            request.tool_name,
            request.arguments_hash,
            request.agents,
            request.request_id,
            self._clock(),
        )
        owner = _owners(request)[0 if scope == "session" else 1]
        await self._append(StreamKey(owner, KIND, remembered_id(request)), entry)

    async def find(self, request: ApprovalRequest) -> DecisionRemembered | None:
        """The decision that holds for a request; one that rejects goes before one that approves.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read.
        """
        found = list[DecisionRemembered]()
        for owner in _owners(request):
            if owner.user or owner.session:
                known, _ = await self._read(StreamKey(owner, KIND, remembered_id(request)))
                if known is not None and holds_for(known, request):
                    found.append(known)
        return next((one for one in found if one.action == "reject"), found[0] if found else None)

    async def list(self, user_id: str | None = None) -> AsyncIterator[RememberedDecision]:
        """The decisions that hold, the newest first.

        Args:
            user_id: whose; None for those of all users of the tenant.

        Raises:
            IncompleteListing: after all that can be read, if something cannot.
            StoreError: the store cannot be read.
        """

        async def read(key: StreamKey) -> RememberedDecision | None:
            known, _ = await self._read(key)
            return None if known is None else RememberedDecision(key.id, key.owner.user, key.owner.session, known)

        query = StreamQuery(kind=KIND, tenant=self._tenant, user=user_id, labels={"status": "holds"})
        async for one in read_each(self._store, query, read, "Remembered decision"):
            yield one

    async def revoke(self, remembered_id: str, user_id: str = "", session_id: str = "", *, actor: str = "") -> bool:
        """Let a decision hold no longer. Returns whether there was one.

        Raises:
            StoreError: the store cannot be written.
        """
        key = StreamKey(Scope(self._tenant, user_id, session_id), KIND, remembered_id)
        known, _ = await self._read(key)
        if known is None:
            return False
        await self._append(key, RememberedRevoked(actor, self._clock()))
        return True

    async def _append(self, key: StreamKey, entry: RememberedEntry) -> None:
        labels = {"status": "holds" if isinstance(entry, DecisionRemembered) else "revoked"}
        draft = _CODEC.draft(entry)
        while True:
            _, head = await self._read(key)
            try:
                await self._store.append(key, [draft], expected=head, at=entry.at, labels=labels)
                return
            except StreamConflict:
                continue  # Another process has decided at the same time; the last decision holds.

    async def _read(self, key: StreamKey) -> tuple[DecisionRemembered | None, int]:
        """The decision that holds, and the sequence of the last entry."""
        known: DecisionRemembered | None = None
        head = 0
        async for entry in all_entries(self._store, key):
            known, head = advance_remembered(known, _CODEC.read(entry)), entry.sequence
        return known, head


def _owners(request: ApprovalRequest) -> tuple[Scope, Scope]:
    """Whose a decision about a request may be: the session's, or the user's."""
    user = Scope(request.tenant, request.user_id)
    return replace(user, session=request.session_id) if request.session_id else Scope(), user


@cache
def _adapter() -> TypeAdapter[RememberedEntry]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[RememberedEntry, Field(discriminator="type")])


_CODEC: Final = EntryCodec("Remembered decision", _adapter)
