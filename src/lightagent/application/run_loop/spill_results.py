"""Moves large results of tools into a store, and leaves a note on how to read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.count_tokens import TokenLedger
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.journals.read_spilled import READ_TOOL
from lightagent.application.journals.spilled_results import SpilledResult, put_aside
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.labels import TOOL_LABEL, tool_names
from lightagent.domain.conversation.messages import Message, ToolMessage
from lightagent.domain.conversation.trimming import plan_spill
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.runs.events import ContextReplaced

_PREVIEW: Final = 160
"""Characters of a result that stay in the conversation."""


async def spill_results(
    live: ActiveRun[DepsT], budget: ContextBudget, ledger: TokenLedger, *, most: int, target: int
) -> LightAgentErrorInfo | None:
    """Move the results that the plan names; returns the error if the store cannot keep one.

    A result is in the store before the event is on record. One that a crash left without an event is put aside again,
    under the same id.
    """
    run, store = live.run, budget.store
    names = tool_names(run.messages)
    pages = frozenset(place for place, name in names.items() if name == READ_TOOL)
    chosen = plan_spill(run.messages, ledger.sizes, above=budget.spill_threshold, most=most, target=target, keep=pages)
    if not chosen or store is None:
        return None
    messages: list[Message] = list(run.messages[: _whole_round(run.messages, chosen[-1] + 1)])
    outermost = live.outermost_run
    error: LightAgentErrorInfo | None = None
    labels: list[str] = []
    for place in chosen:
        message = messages[place]
        if not isinstance(message, ToolMessage):
            continue
        result = SpilledResult(run.started.run_id, message.tool_call_id, names[place], message.content)
        try:
            await put_aside(store, run.started.scope, result, run_id=outermost, at=live.clock.now())
        except FAILURES as raised:  # Foreign code: a result that the store cannot keep is dropped.
            error = classify_exception(failure(raised))
            break
        messages[place] = replace(message, content=_reference(live, budget, result))
        labels.append(f"{TOOL_LABEL}{names[place]}")
    if labels:
        count, replaced = run.missing + len(messages), tuple(dict.fromkeys(labels))
        await live.tell(ContextReplaced("spill", count, tuple(messages), replaced, error=error, at=live.clock.now()))
    return error


def _whole_round(messages: tuple[Message, ...], place: int) -> int:
    """The end of the round that contains `place`: a call is never separated from its result."""
    while place < len(messages) and isinstance(messages[place], ToolMessage):
        place += 1
    return place


def _reference(live: ActiveRun[DepsT], budget: ContextBudget, result: SpilledResult) -> str:
    pages = result.pages(budget.page_chars)
    return live.acting.prompts.result_spilled.format(
        id=result.id, chars=len(result.content), pages=pages, preview=result.content[:_PREVIEW]
    )
