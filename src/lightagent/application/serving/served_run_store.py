"""Runs that wait for their client, kept until it sends its tools' results or people's decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lightagent.application.journals.journal import Journal
from lightagent.application.journals.keep_run import RunKeeper
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.stored_runs import Runs
from lightagent.domain.errors import StoreError
from lightagent.domain.outcomes import Cancelled, Suspended
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import ApprovalDecided, RunFinished
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

MOST_KEPT: Final = 1000
"""The maximum number of waiting runs in memory; the oldest are dropped."""

_APART: Final = "--"
"""The separator of run id and call id. Clients accept only letters, digits, - and _ in ids."""

_RUN_ID: Final = re.compile(r"[!-~]{1,200}")
"""What a run id may look like. Ids that the store could not hold are not looked up in it."""


def outer_call_id(run_id: str, call_id: str) -> str:
    """Return the call id that clients see, from which the run can be found again."""
    return f"{run_id}{_APART}{call_id}"


def run_and_call(outer: str) -> tuple[str, str]:
    """Return the run id and call id in a client's call id; the run id is empty if the client made the id up."""
    run_id, _, call_id = outer.partition(_APART)
    return (run_id, call_id) if _RUN_ID.fullmatch(run_id) else ("", call_id)


class ServedRunStore:
    """Where runs wait for their clients.

    Args:
        store: the store of all runs.
        clock: supplies the time of records.
        lasts: whether the store outlives the process. If so, every run is stored from its start; otherwise only waiting
            runs are kept, at most `MOST_KEPT` of them.
    """

    def __init__(self, store: JournalStore, clock: Clock, *, lasts: bool) -> None:
        self.store = store
        self.lasts = lasts
        self._clock = clock
        self._waiting: dict[str, Scope] = {}

    async def keep_or_drop(self, journal: Journal) -> None:
        """Keep or drop a run that has suspended or ended."""
        started, last = journal.started, journal.events[-1]
        if self.lasts or started.scope.session:  # A session stores its turns itself.
            return
        if not (isinstance(last, RunFinished) and isinstance(last.outcome, Suspended)):
            if started.run_id in self._waiting:
                await self._forget(started.run_id)
            return
        if started.run_id not in self._waiting:
            await self._keep(journal)
            self._waiting[started.run_id] = started.scope
        for oldest in [*self._waiting][:-MOST_KEPT]:
            await self._forget(oldest)

    async def end(self, journal: Journal, call_ids: Iterable[str], reason: str) -> None:
        """End a waiting run as cancelled, without a request to a model or a call of a tool.

        Args:
            call_ids: the calls that the run waits for; each is rejected.
            reason: the reason to record.

        Raises:
            ConfigurationError, StoreError: the run no longer waits, or the store cannot be written.
        """
        started, now = journal.started, self._clock.now()
        no = ApprovalDecision.reject(reason, actor="client")
        events = [*journal.events, *(ApprovalDecided(call_id, no, now) for call_id in call_ids)]
        if self.lasts:
            keeper = RunKeeper(self.store, started.run_id, started.scope, self._clock, started.head.name)
            await keeper.open([*journal.events], len(journal.events))
            await keeper.close([*events, RunFinished(Cancelled(reason), at=now)])
        elif started.run_id in self._waiting:
            await self._forget(started.run_id)

    async def keep_beginning(self, journal: Journal) -> Journal | None:
        """Store the first event of a run before it starts, so that it can be continued after a crash.

        Returns:
            The journal to resume instead of starting the run; None if policies have to admit the query first: until
            then nothing of it may be stored.

        Raises:
            StoreError: the store cannot be written.
        """
        if journal.started.awaits_admission:
            return None
        await self._keep(journal)
        return Journal(journal.events, self.store)

    async def keep_end(self, journal: Journal) -> None:
        """Store the end of a run whose beginning is stored, if it was cancelled before it could continue.

        Raises:
            StoreError: the store cannot be written, or another process continues the run.
        """
        scope = journal.started.scope
        found = await Runs(self.store, tenant=scope.tenant).status(journal.started.run_id, scope.user)
        if found is not None and found.events < len(journal.events):
            await self._keep(journal, found.events)

    async def _keep(self, journal: Journal, known: int = 0) -> None:
        started = journal.started
        keeper = RunKeeper(self.store, started.run_id, started.scope, self._clock, started.head.name)
        await keeper.open([*journal.events], known)
        await keeper.close(journal.events)

    async def waiting(self, run_id: str, owner: Scope) -> Journal:
        """Return the journal of this owner's waiting run.

        Raises:
            RequestRefused: the run does not exist, or does not wait any more.
        """
        found = await Runs(self.store, tenant=owner.tenant).find(run_id, owner.user) if run_id else None
        if found is None:
            raise RequestRefused(
                400,
                "No run waits for this answer.",
                "Ask the question again: the server was restarted, or dropped the oldest waiting runs.",
            )
        if found.info.status != "suspended":
            raise RequestRefused(409, "The run is not waiting any more: it was answered before.", "Send a new message.")
        return found.journal

    async def all_waiting(self, owner: Scope) -> list[Journal]:
        """Return this owner's waiting runs, newest first."""
        runs, found = Runs(self.store, tenant=owner.tenant), list[Journal]()
        async for info in runs.list(owner.user, status="suspended"):
            journal = await runs.journal(info.run_id, owner.user)
            if journal is not None:
                found.append(journal)
            if len(found) >= MOST_KEPT:
                break
        return found

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids of the runs that wait in memory."""
        return iter(self._waiting)

    async def _forget(self, run_id: str) -> None:
        scope = self._waiting.pop(run_id)
        try:
            await Runs(self.store, tenant=scope.tenant).forget(run_id, scope.user)
        except StoreError:
            self._waiting[run_id] = scope
            raise
