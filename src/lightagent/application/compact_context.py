"""Makes a long conversation shorter before it is sent again."""

from __future__ import annotations

from lightagent.application.active_run import ActiveRun
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.events import ContextReplaced, RunFinished
from lightagent.domain.outcomes import Failed


async def compact_context(live: ActiveRun[DepsT]) -> None:
    """Put on record what the compactor replaces; without one, or where nothing is due, nothing happens."""
    compactor = live.acting.compactor
    if compactor is None:
        return
    run = live.run
    try:
        if not compactor.is_due(run.messages):
            return
        replacement = await compactor.compact(live.subject(compactor.name), run.messages)
        if replacement is None:
            return
        count = run.missing + replacement.count
        await live.tell(ContextReplaced(compactor.name, count, replacement.messages, live.clock.now()))
    except Exception as exc:  # A compactor of anybody's: without it the request would be refused, or cut anywhere.
        live.record.cause = exc
        await live.tell(RunFinished(Failed(classify_exception(exc)), at=live.clock.now()))
