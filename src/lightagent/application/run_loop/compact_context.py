"""Makes a long conversation shorter before it is sent again."""

from __future__ import annotations

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.policies.check_payload import check_message
from lightagent.application.run_loop.keep_budget import keep_budget
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.labels import labels_within
from lightagent.domain.conversation.messages import copy_messages
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.outcomes import Failed
from lightagent.domain.runs.events import ContextReplaced, RunFinished
from lightagent.ports.context import Compactor, Replacement


async def compact_context(live: ActiveRun[DepsT], offered: tuple[str, ...]) -> None:
    """Put on record what the context budget or the compactor replaces, if anything.

    Args:
        offered: the names of the tools that the next request offers.
    """
    acting = live.acting
    try:
        if acting.budget is not None:
            await keep_budget(live, acting.budget, offered)
        elif acting.compactor is not None:
            await _compact(live, acting.compactor)
    except FAILURES as raised:  # Foreign code: without the compactor the request would be refused or cut at random.
        live.record.cause = error = failure(raised)
        await live.tell(RunFinished(Failed(classify_exception(error)), at=live.clock.now()))


async def _compact(live: ActiveRun[DepsT], compactor: Compactor) -> None:
    run = live.run
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
    given = copy_messages(replacement.messages)
    labels = labels_within(messages[: max(replacement.count, 0)], run.untrusted)
    await live.tell(ContextReplaced(name, run.missing + replacement.count, given, labels, at=live.clock.now()))


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
