"""Runs that wait for their client, kept until it comes back: its tools' results, or decisions of people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lightagent.application.journal import Journal
from lightagent.application.keep_run import RunKeeper
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.stored_runs import Runs
from lightagent.domain.errors import StoreError
from lightagent.domain.events import ApprovalDecided, RunFinished
from lightagent.domain.outcomes import Cancelled, Suspended
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

MOST_KEPT: Final = 1000
"""Runs that wait in memory; the oldest give way."""

_APART: Final = "--"
"""Stands between the id of a run and that of a call: ids of clients may hold nothing but letters, digits, - and _."""

_RUN_ID: Final = re.compile(r"[!-~]{1,200}")
"""What the id of a run may be; no store is asked for what clients make up that it could not even hold."""


def outer_call_id(run_id: str, call_id: str) -> str:
    """A call's id as clients see it, by which its run is found again."""
    return f"{run_id}{_APART}{call_id}"


def run_and_call(outer: str) -> tuple[str, str]:
    """The ids of the run and the call; of no run where a client made the id up."""
    run_id, _, call_id = outer.partition(_APART)
    return (run_id, call_id) if _RUN_ID.fullmatch(run_id) else ("", call_id)


class KeptRuns:
    """Where runs wait.

    Args:
        store: of all runs.
        clock: tells when.
        lasts: the store outlives the process, so that every run is kept in it from its beginning. Otherwise only runs
            that wait are kept, and only so many.
    """

    def __init__(self, store: JournalStore, clock: Clock, *, lasts: bool) -> None:
        self.store = store
        self.lasts = lasts
        self._clock = clock
        self._waiting: dict[str, Scope] = {}

    async def left(self, journal: Journal) -> None:
        """A run was left: it waits, or has ended."""
        started, last = journal.started, journal.events[-1]
        if self.lasts or started.scope.session:  # A session keeps its turns itself.
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
        """Have a run that waits end as cancelled: no model is asked for that, and no tool called.

        Args:
            call_ids: the calls that it waits for; they are decided against.
            reason: goes on its record.

        Raises:
            ConfigurationError, StoreError: it waits so no more, or the store cannot be written.
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
        """Put the first event of a run on record before it begins, so that it is gone on with whatever happens.

        Returns:
            What is to be resumed in the place of the run; None where policies have to admit the query first: until they
            have, it is on no record.

        Raises:
            StoreError: the store cannot be written.
        """
        if journal.started.awaits_admission:
            return None
        await self._keep(journal)
        return Journal(journal.events, self.store)

    async def keep_end(self, journal: Journal) -> None:
        """Put the end of a run on record whose beginning is there, where it was cancelled before it could go on.

        Raises:
            StoreError: the store cannot be written, or another process goes on with the run.
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
        """The journal of a run of this owner that waits.

        Raises:
            RequestRefused: there is none, or it waits no more.
        """
        found = await Runs(self.store, tenant=owner.tenant).find(run_id, owner.user) if run_id else None
        if found is None:
            raise RequestRefused(
                400, "No run waits for this.", "Ask again: the server was restarted, or has forgotten it."
            )
        if found.info.status != "suspended":
            raise RequestRefused(409, "The run waits for this no more: it was told before.", "Ask something new.")
        return found.journal

    async def all_waiting(self, owner: Scope) -> list[Journal]:
        """The runs of this owner that wait, the newest first."""
        runs, found = Runs(self.store, tenant=owner.tenant), list[Journal]()
        async for info in runs.list(owner.user, status="suspended"):
            journal = await runs.journal(info.run_id, owner.user)
            if journal is not None:
                found.append(journal)
            if len(found) >= MOST_KEPT:
                break
        return found

    def __iter__(self) -> Iterator[str]:
        """The ids of the runs that wait in memory."""
        return iter(self._waiting)

    async def _forget(self, run_id: str) -> None:
        scope = self._waiting.pop(run_id)
        try:
            await Runs(self.store, tenant=scope.tenant).forget(run_id, scope.user)
        except StoreError:
            self._waiting[run_id] = scope
            raise
