"""Carries out `Transfer`: the conversation becomes what goes along with a handoff, before the next agent reads it."""

from __future__ import annotations

from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.run_loop.ask_aside import AsideReply
from lightagent.application.run_loop.finish_answer import finish
from lightagent.application.run_loop.summarize_context import cut_to, summarize
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.labels import labels_within, trust_of
from lightagent.domain.conversation.messages import ContextMessage, Message
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import Failed, outcome_error
from lightagent.domain.policy.phases import Stopped
from lightagent.domain.runs.events import ContextReplaced, RunFinished
from lightagent.domain.runs.state import HandedOver
from lightagent.domain.swarm.handoff_history import (
    Transfer,
    call_in_words,
    holds_more,
    last_messages,
    query_alone,
    without_foreign_calls,
)
from lightagent.domain.swarm.handoff_limits import HANDOFF_SOURCE

_SUMMARIES: Final = ContextBudget(32_000, "summarize", summary_tokens=1_000)
"""For summaries of an agent that has no context budget of its own."""


async def transfer_history(live: ActiveRun[DepsT], handed_over: HandedOver) -> None:
    """Ends with `ContextReplaced`, or with an event that ends the run.

    A summary that cannot be made leaves the query and what was handed over: what was not to be told as it is stays
    untold.
    """
    run, keep = live.run, handed_over.history.keep
    reply = AsideReply()
    if keep == "all":
        transfer = Transfer(0, (), ())
    elif isinstance(keep, int):
        transfer = last_messages(run.messages, run.query_at, keep)
    else:
        transfer = query_alone(run.messages, run.query_at)
        if keep == "summary" and holds_more(run.messages, run.query_at):
            reply = await summarize(live, live.acting.budget or _SUMMARIES, run.messages)
        transfer = _with_handover(live, handed_over, transfer, reply.text)
    if handed_over.history.foreign_calls == "text":
        try:
            own = (await live.toolset()).tools
        except FAILURES as raised:  # A source of anybody's: without its tools the model cannot be asked.
            live.record.cause = error = failure(raised)
            await finish(live, Failed(classify_exception(error)))
            return
        transfer = _in_words(live, transfer, frozenset(own))
    await _tell(live, transfer, reply)


def _with_handover(live: ActiveRun[DepsT], handed_over: HandedOver, transfer: Transfer, summary: str) -> Transfer:
    """The query, behind a summary where there is one, and before what the agent before it has handed over."""
    run = live.run
    # What a model has said may tell all that it had read by then.
    labels = tuple(dict.fromkeys((*labels_within(run.messages, run.untrusted), *run.untrusted)))
    messages = transfer.messages
    if summary:
        budget = live.acting.budget or _SUMMARIES
        told = ContextMessage(HANDOFF_SOURCE, cut_to(summary, budget.most_summary), trust_of(transfer.gone), labels)
        messages = (told, *messages)
    call = call_in_words(handed_over.call, handed_over.output)
    text = live.acting.prompts.handed_to.format(agent=handed_over.by, call=call)
    return Transfer(
        transfer.count, (*messages, ContextMessage(HANDOFF_SOURCE, text, "untrusted", labels)), transfer.gone
    )


def _in_words(live: ActiveRun[DepsT], transfer: Transfer, own: frozenset[str]) -> Transfer:
    messages = (*transfer.messages, *live.run.messages[transfer.count :])
    told = without_foreign_calls(messages, own, live.acting.prompts.foreign_calls, live.run.untrusted)
    return Transfer(len(live.run.messages), told, transfer.gone)


async def _tell(live: ActiveRun[DepsT], transfer: Transfer, reply: AsideReply) -> None:
    run, now, stopped = live.run, live.clock.now(), reply.stopped
    transfer = transfer if transfer.count else _unchanged(run.messages)
    error = None if reply.error is None else classify_exception(reply.error)
    if stopped is not None:
        error = outcome_error(stopped.outcome)
    if stopped is None or reply.usage is not None:
        count, labels = run.missing + transfer.count, labels_within(transfer.gone, run.untrusted)
        await live.tell(
            ContextReplaced(
                HANDOFF_SOURCE, count, transfer.messages, labels, reply.usage, error, reply.decisions, at=now
            )
        )
    if stopped is not None:
        await _stop(live, stopped, reply)


async def _stop(live: ActiveRun[DepsT], stopped: Stopped, reply: AsideReply) -> None:
    """End the run as a policy says; what the summary has cost is on record already."""
    decisions = stopped.decisions if reply.usage is not None else (*reply.decisions, *stopped.decisions)
    await live.tell(RunFinished(stopped.outcome, decisions, live.clock.now()))


def _unchanged(messages: tuple[Message, ...]) -> Transfer:
    """All of it goes along; that this is settled has to be on record."""
    return Transfer(len(messages), messages, ())
