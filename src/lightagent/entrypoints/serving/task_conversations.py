"""Conversations of tasks: a new task continues the history of the earlier ones with the same context id."""

from __future__ import annotations

from typing import Final

from lightagent.application.journals.event_codec import event_from_dict
from lightagent.application.journals.keep_run import run_key
from lightagent.application.journals.read_streams import read_entry
from lightagent.application.projections.result import history
from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.stored_runs import Runs
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import RunStarted
from lightagent.domain.runs.folding import fold
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.catalogue import Served
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.run_views import answer_seconds, view_of
from lightagent.ports.journals import JournalStore

MOST_LOOKED_AT: Final = 100
"""Runs of an owner that are searched for the last one of a conversation, newest first."""


def new_task(request: ServedRequest, served: Served, task_id: str, context_id: str) -> A2aTask:
    """Return a new task of this model, without any events."""
    return A2aTask(task_id, context_id, view_of(request.serving.settings), answer_seconds(served.agent))


async def conversation(request: ServedRequest, served: Served, context_id: str) -> list[JsonObject]:
    """Return the messages of this conversation, from the record of its last completed run; empty if none is found."""
    owner, store = request.caller.owner, request.serving.kept.store
    for found in request.serving.tasks.of_context(context_id, owner, served.name):
        if found.journal is not None and found.task.state == "TASK_STATE_COMPLETED":
            return history(fold(found.journal.events))
    runs, looked_at = Runs(store, tenant=owner.tenant), 0
    async for info in runs.list(owner.user, status="completed"):
        if info.agent != served.agent.name:
            continue
        if await _context_of(store, info.run_id, owner) == context_id:
            journal = await runs.journal(info.run_id, owner.user)
            return [] if journal is None else history(journal.run)
        looked_at += 1
        if looked_at >= MOST_LOOKED_AT:
            break
    return []


async def _context_of(store: JournalStore, run_id: str, owner: Scope) -> str:
    """Return the id of the conversation that a run belongs to; reads only its first event."""
    found = await store.read(run_key(run_id, owner), 0, limit=1)
    first = event_from_dict(read_entry(found.entries[0], "Run: entry 1"), "entry 1") if found.entries else None
    return first.run_group_id if isinstance(first, RunStarted) else ""
