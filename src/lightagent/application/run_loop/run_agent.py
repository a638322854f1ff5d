"""The one loop: asks the domain for the next move and carries it out, until the run ends.

It is one coroutine that reports each event to the run's record. A plain run only notes it; a streamed run hands
it to the consumer first. So if the consumer stores each event before it takes the next, the run survives its
process: an effect begins only after its intent was taken.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, assert_never

from lightagent.aiokits.abandon import to_the_end
from lightagent.aiokits.cancellation import CancellationScope, from_now_on
from lightagent.aiokits.deadline import Deadline
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.give_up import give_up
from lightagent.application.active_run.services import Keeper
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.reviews.decide_calls import decided_calls
from lightagent.application.run_loop.ask_model import ask_model
from lightagent.application.run_loop.call_tools import call_tools
from lightagent.application.run_loop.deliver_mail import restore_mail
from lightagent.application.run_loop.finish_answer import check_output, conclude, finish
from lightagent.application.run_loop.prepare_context import admit, gather_context
from lightagent.application.run_loop.resume_run import check_calls
from lightagent.application.run_loop.reviewing.run_reviews import REVIEW_PROBLEM, RunReviews
from lightagent.application.run_loop.think import think
from lightagent.application.run_loop.transfer_history import transfer_history
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.spending import RESUMED
from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import MOST_SECONDS
from lightagent.domain.origin import CALLED_IN
from lightagent.domain.outcomes import BudgetExhausted, Cancelled, Completed, Outcome, Suspended
from lightagent.domain.runs.events import Noted, RunFinished
from lightagent.domain.runs.folding import fold
from lightagent.domain.runs.moves import (
    Admit,
    AskModel,
    CallTools,
    CheckOutput,
    Conclude,
    Finish,
    Move,
    Prepare,
    Think,
    Transfer,
    next_move,
)
from lightagent.domain.runs.selection_folding import MISSING_TOOLS, lacking_tools
from lightagent.domain.runs.starts import HistoryReference

_NOT_ALL_ASKED: Final = (
    "The time of the run was over while its reviewers were asked. Those who were not are asked when it is resumed."
)


async def run_agent(live: ActiveRun[DepsT], outer: Deadline | None = None) -> None:
    """Go on with a run to its end or its suspension.

    Args:
        outer: a deadline around the run, such as that of the call it serves. What the consumer takes does not count.

    Raises:
        ConfigurationError: the run cannot be resumed with these means; nothing has happened then.
        BaseException: what ended the run from outside, such as the cancellation of its task, once that is on record.
    """
    with CancellationScope(await from_now_on()):
        await _run(live, outer)


async def _run(live: ActiveRun[DepsT], outer: Deadline | None) -> None:
    whole = Deadline(_seconds(live), outer)
    ended = False
    try:
        try:
            with whole, _token(live, whole):
                await _begin(live, whole)
                while live.run.outcome is None:
                    whole.check()  # If nothing ever waits, no timer would fire.
                    await _carry_out(_due_move(live), live, whole)
        except TimeoutError:
            if not whole.expired:
                raise
            live.deadline = None
            if live.run.outcome is None:
                await _cut_off(live)
        ended = True
    except BaseException as error:
        live.deadline = None
        give_up(live, asyncio.CancelledError() if outer is not None and outer.expired else error)
        raise
    finally:
        live.leave()
        try:
            if live.keeper is not None:
                # A run that did not begin is not kept, nor is the decision of a resumption.
                events = live.record.events if live.begun else live.record.events[: live.known]
                await to_the_end(live.keeper.close(events))
        finally:
            await _let_go(live, ended=ended)


async def _let_go(live: ActiveRun[DepsT], *, ended: bool) -> None:
    """Release what the run holds of its budgets and its reviews."""
    try:
        if live.spending is not None:
            await live.spending.close()
    finally:
        if live.reviews is not None:
            await to_the_end(live.reviews.close(ended=ended))


async def _begin(live: ActiveRun[DepsT], whole: Deadline) -> None:
    """Open the store and the reviews of the run, check that it can go on, and report what is on record."""
    is_read = live.keeper is not None and await _keep(live, live.keeper)
    if live.nesting is None and (live.answers is not None or any(decided_calls(live.run))):
        live.reviews = RunReviews(live, live.answers)
        await live.reviews.take_up()
    await _open(live, history_is_read=is_read)
    live.deadline = whole
    if live.reviews is not None:
        await live.reviews.commit()  # Only once it is known that the run can go on with the decisions.
    await live.begin()
    await restore_mail(live)
    live.enter()
    if live.known == 0 and live.watchers is not None and (trace := live.watchers.other_trace(live.run.started)):
        await live.tell(Noted(CALLED_IN, {"trace_id": trace}, live.clock.now()))
    spending = live.spending
    if spending is not None and spending.resumed and spending.is_timed and live.run.outcome is None:
        await live.tell(Noted(RESUMED, {}, live.clock.now()))


def _due_move(live: ActiveRun[DepsT]) -> Move:
    """The next move, preceded by a check of the answer if a gate that joined the run since it began requires one.

    The journal names the policies that a run was begun with, so the domain knows of no others.
    """
    move, run = next_move(live.run), live.run
    if run.accepted is not None or live.reviewer is None or not live.reviewer.reviews("output"):
        return move
    match move:
        case Conclude(answer=answer) | Finish(Completed(content=answer)) if run.outcome is None:
            return CheckOutput(answer)
        case _:
            return move


async def _carry_out(move: Move, live: ActiveRun[DepsT], whole: Deadline) -> None:
    match move:
        case AskModel():
            await ask_model(live, whole)
        case CallTools(calls):
            await call_tools(live, calls)
        case Finish(Suspended()) if live.nesting is None and await _consult(live):
            return  # A reviewer has decided at once.
        case Finish(outcome):
            await finish(live, outcome)
        case CheckOutput(content):
            await check_output(live, content)
        case Admit() | Prepare() | Transfer() | Think():
            await _prepare(move, live)
        case Conclude(name, answer):
            await conclude(live, name, answer)
        case _:
            assert_never(move)


async def _prepare(move: Admit | Prepare | Transfer | Think, live: ActiveRun[DepsT]) -> None:
    """Carry out the moves before a request to the model."""
    match move:
        case Admit():
            await admit(live)
        case Prepare(sources):
            await gather_context(live, sources)
        case Transfer(handed_over):
            await transfer_history(live, handed_over)
        case Think():
            await think(live)
        case _:
            assert_never(move)


async def _consult(live: ActiveRun[DepsT]) -> bool:
    """Ask people about the calls that wait; returns whether the run goes on at once."""
    if live.reviews is None:
        live.reviews = RunReviews(live)
    return await live.reviews.consult()


def _token(live: ActiveRun[DepsT], whole: Deadline) -> AbstractContextManager[None]:
    """A context in which the caller's token ends the time of the run."""
    return nullcontext() if live.record.cancel is None else live.record.cancel.ending(whole)


async def _cut_off(live: ActiveRun[DepsT]) -> None:
    """Report what is known of the work that did not end in time, and the end of the run."""
    late, error = _why_cut_off(live)
    if not live.begun:
        await live.begin()
    attempt = live.failed_attempt(error, late)
    if attempt is not None:
        await live.tell(attempt)
    for event in live.leftovers:
        await live.tell(event)
    move = next_move(live.run)
    gave_up = isinstance(late, Cancelled) or live.nesting is not None
    if not gave_up and isinstance(move, Finish) and isinstance(move.outcome, Suspended):
        # People were asked. Waiting for them does not count as time of the run.
        await live.tell(Noted(REVIEW_PROBLEM, {"text": _NOT_ALL_ASKED}, live.clock.now()))
        await live.tell(RunFinished(move.outcome, at=live.clock.now()))
        return
    await live.tell(RunFinished(late, at=live.clock.now()))


def _why_cut_off(live: ActiveRun[DepsT]) -> tuple[Outcome, LightAgentErrorInfo]:
    """The outcome of a run that was interrupted, and the error of the request that was under way."""
    token = live.record.cancel
    if token is not None and token.cancelled:
        return Cancelled(token.reason), LightAgentErrorInfo("LA-UNKNOWN", "The request was given up.")
    late = _out_of_time(live)
    return late, late.error


def _seconds(live: ActiveRun[DepsT]) -> float:
    """The seconds that the run may still take; limited if it can be cancelled."""
    timeout = live.run.limits.timeout
    left = math.inf if live.record.cancel is None else float(MOST_SECONDS)
    left = left if live.spending is None else min(left, live.spending.seconds_left())
    return left if timeout is None else min(timeout, left)


def _out_of_time(live: ActiveRun[DepsT]) -> BudgetExhausted:
    """The outcome of a run that exceeded its timeout, or its budget of seconds."""
    seconds = live.run.limits.timeout
    if live.spending is not None and (seconds is None or live.spending.seconds_left() < seconds):
        late = live.spending.out_of_time()
        if late is not None:
            return late
    text = f"The run did not end within its {seconds or 0:g} s."
    return BudgetExhausted(LightAgentErrorInfo("LA-BUDGET", text, "Raise timeout=.", {"seconds": seconds}))


async def _keep(live: ActiveRun[DepsT], keeper: Keeper) -> bool:
    """Open the run in its store. Returns whether the store gave the conversation that the run begins from."""
    beginning = await keeper.open(live.record.events, live.known)
    if beginning is not None:
        live.run = fold(live.record.events, beginning.messages, beginning.untrusted)
        live.tools.before = beginning.tools
    return beginning is not None


async def _open(live: ActiveRun[DepsT], *, history_is_read: bool) -> None:
    """Read what the run refers to, and check that a resumed run has the parts that it was begun with.

    Raises:
        ConfigurationError: one is missing.
        ToolError: a decision edits arguments in a way that the tool refuses.
    """
    run = live.run
    reference = run.started.history
    if reference is not None and not history_is_read:
        live.run = fold(live.record.events, await _read_history(live, reference))
        run = live.run
    if not run.admitted and live.query is None:
        raise ConfigurationError(
            "The run was interrupted before its query was admitted: nothing has happened.",
            guidance="Begin it anew; the query is not on record.",
        )
    if run.offered is None:
        return
    toolset = await live.toolset()
    missing = lacking_tools(run, toolset.tools)
    if missing:
        raise ConfigurationError(
            f"The run was begun with tools that this agent lacks: {', '.join(missing[:20])}.",
            guidance="Resume it with the agent it was begun with, or pass tools=.",
            details={MISSING_TOOLS: missing[:20]},
        )
    policies = () if live.reviewer is None else live.reviewer.policies
    await check_calls(run, toolset.tools, policies, live.flows)


async def _read_history(live: ActiveRun[DepsT], reference: HistoryReference) -> tuple[Message, ...]:
    source = live.means.history
    if source is None:
        raise ConfigurationError(
            f"The run begins from the stored history {reference.stream!r}, but the agent has no history source."
        )
    try:
        read: object = await await_foreign(source.read(reference), in_time=live.in_time)
    except FAILURES as raised:
        if isinstance(raised, Exception):
            raise
        raise failure(raised) from raised
    messages = _as_messages(reference, read)
    if len(messages) != reference.count:
        raise ConfigurationError(
            f"The stored history {reference.stream!r} has {len(messages)} messages as of entry "
            f"{reference.sequence}, not {reference.count}.",
            guidance="It was changed after the run had begun.",
        )
    check_conversation(messages, "history")
    return messages


def _as_messages(reference: HistoryReference, read: object) -> tuple[Message, ...]:
    messages = tuple(one for one in read if isinstance(one, _MESSAGES)) if isinstance(read, Sequence) else ()
    if not isinstance(read, Sequence) or len(messages) != len(read):
        raise ConfigurationError(
            f"The history source must give a list of messages for {reference.stream!r}, got {type(read).__name__}.",
            guidance="Each is a UserMessage, AssistantMessage, ToolMessage, ContextMessage or SystemMessage.",
        )
    return messages


_MESSAGES: Final = (SystemMessage, ContextMessage, UserMessage, AssistantMessage, ToolMessage)
