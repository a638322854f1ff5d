"""Keeps the next request within the context budget of the agent: puts results aside, summarises, drops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.count_tokens import TokenLedger
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.run_loop.ask_aside import AsideReply
from lightagent.application.run_loop.spill_results import spill_results
from lightagent.application.run_loop.summarize_context import cut_to, summarize
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.token_costs import MESSAGE_TOKENS
from lightagent.domain.conversation.labels import TOOL_LABEL, labels_of, labels_within, trust_of
from lightagent.domain.conversation.messages import ContextMessage, Message
from lightagent.domain.conversation.trimming import Cut, plan_cut
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import BudgetError, ConfigurationError
from lightagent.domain.outcomes import BudgetExhausted, Failed, outcome_error
from lightagent.domain.policy.phases import Stopped
from lightagent.domain.runs.events import ContextReplaced, Noted, RunFinished

SOURCE: Final = "context_budget"
"""The source of the messages that stand for others, as their delimiters name it."""

_NOTE_TOKENS: Final = 120
"""What the note about rounds of a turn that were left out takes."""

_FRAME_TOKENS: Final = MESSAGE_TOKENS + 24
"""What the delimiters of a summary take."""

_MOST_NAMED: Final = 8
"""Tools that the note names."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What the conversation may take of a budget: all but `fixed`, which every request holds besides."""

    budget: ContextBudget
    fixed: int

    @property
    def most(self) -> int:
        return self.budget.max_tokens - self.fixed

    @property
    def target(self) -> int:
        return max(self.budget.target - self.fixed, 0)


async def keep_budget(live: ActiveRun[DepsT], budget: ContextBudget, offered: tuple[str, ...]) -> None:
    """Have the oldest part of the conversation give way where the next request would be above the budget.

    Each step is on record, so a run that is resumed repeats none. A request that cannot be brought within the budget
    ends the run: with the configuration at fault where its fixed part alone is too large, else with the budget spent.

    Args:
        offered: the names of the tools that the request offers.
    """
    ledger = _ledger(live, budget)
    room = _Room(budget, await _fixed(live, ledger, offered))
    await _count(live, ledger)
    if room.most <= 0:
        await _refuse(live, room)
        return
    if ledger.total <= room.most:
        return
    spilled: LightAgentErrorInfo | None = None
    if budget.spills:
        spilled = await spill_results(live, budget, ledger, most=room.most, target=room.target)
        await _count(live, ledger)
        if ledger.total <= room.most:
            return
    await _cut(live, room, ledger, spilled)


async def leaves_room(live: ActiveRun[DepsT], message: ContextMessage, offered: tuple[str, ...]) -> bool:
    """Whether a message that never gives way takes half of what the context budget leaves the conversation, at most.

    Args:
        offered: the names of the tools that the next request offers.
    """
    run, budget = live.run, live.acting.budget
    if budget is None:
        return True
    ledger = _ledger(live, budget)
    room = budget.max_tokens - await _fixed(live, ledger, offered)
    query = () if run.query is None else (run.query,)
    size, *others = await ledger.sizes_of((message, *query))
    return 2 * size <= room and size + sum(others) <= room


async def _cut(live: ActiveRun[DepsT], room: _Room, ledger: TokenLedger, error: LightAgentErrorInfo | None) -> None:
    """Have the oldest part give way; a model is asked for a summary of it once at most."""
    cut = _plan(live, room, ledger, reserve=room.budget.most_summary + _FRAME_TOKENS)
    if cut is None or not room.budget.summarizes:
        await _drop(live, room, ledger, error)
        return
    gone = live.run.messages[: cut.count]
    summary = await summarize(live, room.budget, gone)
    if summary.stopped is not None:
        await _stop(live, cut, summary, summary.stopped)
        return
    if summary.error is not None:
        await _drop(live, room, ledger, classify_exception(summary.error), cut, summary)
        return
    labels = labels_within(_really_gone(gone, cut), live.run.untrusted)
    text = cut_to(summary.text, room.budget.most_summary)
    # What the model has said tells all that it had read by then, also what had given way before.
    told = tuple(dict.fromkeys((*labels, *live.run.untrusted)))
    messages = (ContextMessage(SOURCE, text, trust_of(gone), told), *cut.again)
    count, now = live.run.missing + cut.count, live.clock.now()
    await live.tell(ContextReplaced("summarize", count, messages, labels, summary.usage, error, summary.decisions, now))
    await _count(live, ledger)
    if ledger.total > room.most:
        await _drop(live, room, ledger, None)


async def _stop(live: ActiveRun[DepsT], cut: Cut, summary: AsideReply, stopped: Stopped) -> None:
    """End the run as a policy says. What the summary has cost is on record, with the messages that it was made of."""
    if summary.usage is not None:
        labels = labels_within(_really_gone(live.run.messages, cut), live.run.untrusted)
        count, error, now = live.run.missing + cut.count, outcome_error(stopped.outcome), live.clock.now()
        await live.tell(ContextReplaced("drop", count, cut.again, labels, summary.usage, error, summary.decisions, now))
        await live.tell(RunFinished(stopped.outcome, stopped.decisions, now))
    else:
        decisions = (*summary.decisions, *stopped.decisions)
        await live.tell(RunFinished(stopped.outcome, decisions, live.clock.now()))


async def _drop(
    live: ActiveRun[DepsT],
    room: _Room,
    ledger: TokenLedger,
    error: LightAgentErrorInfo | None,
    planned: Cut | None = None,
    summary: AsideReply | None = None,
) -> None:
    """Leave the oldest part out, or what was `planned` if that does it only with a summary in its place."""
    cut = _plan(live, room, ledger, note=_NOTE_TOKENS) or planned
    if cut is None:
        await _give_up(live, room, ledger)
        return
    gone = _really_gone(live.run.messages, cut)
    labels = labels_within(gone, live.run.untrusted)
    messages = (_note(live, gone, labels), *cut.again) if cut.in_turn else ()
    event = ContextReplaced("drop", live.run.missing + cut.count, messages, labels, error=error, at=live.clock.now())
    if summary is not None:
        event = replace(event, usage=summary.usage, decisions=summary.decisions)
    await live.tell(event)
    await _count(live, ledger)
    if ledger.total > room.most:
        await _give_up(live, room, ledger)


def _plan(live: ActiveRun[DepsT], room: _Room, ledger: TokenLedger, *, reserve: int = 0, note: int = 0) -> Cut | None:
    run = live.run
    return plan_cut(
        run.messages,
        ledger.sizes,
        run.query_at,
        most=room.most,
        target=room.target,
        reserve=reserve,
        note=note,
    )


def _really_gone(messages: Sequence[Message], cut: Cut) -> list[Message]:
    """Those of the messages that give way which are not told again."""
    stays = {id(message) for message in cut.again}
    return [message for message in messages[: cut.count] if id(message) not in stays]


def _note(live: ActiveRun[DepsT], gone: Sequence[Message], labels: tuple[str, ...]) -> ContextMessage:
    """Tells the model that it has called tools before, so that it does not have their effects again."""
    tools = [label.removeprefix(TOOL_LABEL)[:64] for label in labels_of(gone) if label.startswith(TOOL_LABEL)]
    more = f" and {len(tools) - _MOST_NAMED} more" if len(tools) > _MOST_NAMED else ""
    named = ", ".join(tools[:_MOST_NAMED]) + more
    text = live.acting.prompts.steps_dropped.format(tools=named or "none")
    return ContextMessage(SOURCE, text, "untrusted", labels)


def _ledger(live: ActiveRun[DepsT], budget: ContextBudget) -> TokenLedger:
    """What the run's conversation costs, counted by the agent that acts now."""
    counter = budget.counter
    if counter is None:
        raise ConfigurationError("The context budget has no token counter.")
    if live.ledger is None or live.ledger.counter is not counter:
        live.ledger = TokenLedger(counter, in_time=live.in_time)
    return live.ledger


async def _count(live: ActiveRun[DepsT], ledger: TokenLedger) -> None:
    await ledger.update(live.run.messages)
    if ledger.failure is not None and not ledger.is_failure_noted:
        ledger.is_failure_noted = True
        info = classify_exception(ledger.failure)
        await live.tell(Noted("token_counter_failed", {"code": info.code, "message": info.message}, live.clock.now()))


async def _fixed(live: ActiveRun[DepsT], ledger: TokenLedger, offered: tuple[str, ...]) -> int:
    """What every request holds besides the conversation: instructions, declarations of tools, the answer's schema."""
    return await ledger.fixed(live.run.head, await live.specs(offered))


async def _refuse(live: ActiveRun[DepsT], room: _Room) -> None:
    error = ConfigurationError(
        f"The context budget is {room.budget.max_tokens} tokens, but the instructions and the declarations of the "
        f"tools take {room.fixed}.",
        guidance="Raise max_tokens of context_budget=, or give the agent shorter instructions or fewer tools.",
    )
    live.record.cause = error
    await live.tell(RunFinished(Failed(classify_exception(error)), at=live.clock.now()))


async def _give_up(live: ActiveRun[DepsT], room: _Room, ledger: TokenLedger) -> None:
    needed = room.fixed + ledger.total
    error = BudgetError(
        f"The request takes {needed} tokens, its context budget is {room.budget.max_tokens}, and nothing more of the "
        "conversation can give way.",
        guidance="Raise max_tokens of context_budget=, ask less at once, or have tools answer with less.",
        details={"max_tokens": room.budget.max_tokens, "tokens": needed},
    )
    live.record.cause = error
    await live.tell(RunFinished(BudgetExhausted(classify_exception(error)), at=live.clock.now()))
