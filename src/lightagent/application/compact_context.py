"""Makes a long conversation shorter before it is sent again."""

from __future__ import annotations

from lightagent.application.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import ContextReplaced, RunFinished
from lightagent.domain.message_copies import copy_messages
from lightagent.domain.outcomes import Failed
from lightagent.ports.context import Compactor, Replacement


async def compact_context(live: ActiveRun[DepsT]) -> None:
    """Put on record what the compactor replaces; without one, or where nothing is due, nothing happens."""
    compactor = live.acting.compactor
    if compactor is None:
        return
    run = live.run
    try:
        messages = copy_messages(run.messages)
        if not compactor.is_due(messages):
            return
        compacted = compactor.compact(live.subject(compactor.name), messages)
        replacement = await await_foreign(compacted, in_time=live.in_time)
        if replacement is None:
            return
        _check(compactor, replacement)
        count = run.missing + replacement.count
        await live.tell(ContextReplaced(compactor.name, count, replacement.messages, live.clock.now()))
    except FAILURES as raised:  # A compactor of anybody's: without it the request would be refused, or cut anywhere.
        live.record.cause = error = failure(raised)
        await live.tell(RunFinished(Failed(classify_exception(error)), at=live.clock.now()))


def _check(compactor: Compactor, replacement: object) -> None:
    if not isinstance(replacement, Replacement):
        raise ConfigurationError(
            f"The compactor {compactor.name!r} must give a Replacement or None, got {type(replacement).__name__}.",
            guidance="",
        )
