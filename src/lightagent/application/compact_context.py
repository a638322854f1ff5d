"""Makes a long conversation shorter before it is sent again."""

from __future__ import annotations

from lightagent.application.active_run import ActiveRun
from lightagent.application.check_payload import check_message
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import ContextReplaced, RunFinished
from lightagent.domain.message_copies import copy_messages
from lightagent.domain.outcomes import Failed
from lightagent.ports.context import Replacement


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
        name: object = compactor.name
        if not isinstance(name, str):
            raise ConfigurationError("The name of the compactor must be text.", guidance="")
        replacement = await await_foreign(compactor.compact(live.subject(name), messages), in_time=live.in_time)
        if replacement is None:
            return
        _check(name, replacement)
        messages = copy_messages(replacement.messages)
        await live.tell(ContextReplaced(name, run.missing + replacement.count, messages, live.clock.now()))
    except FAILURES as raised:  # A compactor of anybody's: without it the request would be refused, or cut anywhere.
        live.record.cause = error = failure(raised)
        await live.tell(RunFinished(Failed(classify_exception(error)), at=live.clock.now()))


def _check(name: str, replacement: object) -> None:
    if not isinstance(replacement, Replacement):
        raise ConfigurationError(
            f"The compactor {name!r} must give a Replacement or None, got {type(replacement).__name__}.", guidance=""
        )
    count: object = replacement.count
    messages: object = replacement.messages
    if not isinstance(count, int) or isinstance(count, bool) or not isinstance(messages, tuple):
        raise ConfigurationError(
            f"The compactor {name!r} must give a Replacement of a number and a tuple of messages.", guidance=""
        )
    for message in messages:
        check_message(message)
