"""The one loop: asks the domain for the next move and carries it out, until the run ends.

It is a generator of steps. Whoever folds it has a result, whoever passes it on has a stream, and whoever stores each
event before taking the next has a run that survives the process: an effect begins only after its intent was taken.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, assert_never

from lightagent.application.ask_model import Exchange, ask_model
from lightagent.application.call_tools import call_tools
from lightagent.application.deadline import Deadline, until
from lightagent.application.plan import RunPlan
from lightagent.application.steps import Step, is_event
from lightagent.application.tools.toolbox import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import OutputError
from lightagent.domain.events import OUTPUT_CHECK, ContextAdded, Event, Limits, OutputAccepted, RunFinished
from lightagent.domain.messages import UserMessage
from lightagent.domain.moves import AskModel, CallTools, CheckOutput, Finish, Move, next_move
from lightagent.domain.outcomes import BudgetExhausted, Failed
from lightagent.domain.runs import Run, apply, fold


async def run_agent(events: Sequence[Event], plan: RunPlan[DepsT]) -> AsyncGenerator[Step, None]:
    """Goes on with the run that `events` tell, to its end or its suspension.

    Yields only what is new. Time that the caller spends with a step counts for no deadline. Closing the generator
    early cancels what is under way and waits for its end.
    """
    run = fold(events)
    seconds = run.started.limits.timeout
    whole = Deadline(math.inf if seconds is None else seconds)
    while run.outcome is None:
        begun = _begin(next_move(run), run, plan, whole)
        if isinstance(begun, RunFinished):
            yield begun
            return
        if not isinstance(begun, _Work):
            run = apply(run, begun)
            whole.pause()
            yield begun
            whole.go_on()
            continue
        try:
            async with aclosing(until(begun.steps, begun.deadline)) as steps:
                async for step in steps:
                    if is_event(step):
                        run = apply(run, step)
                    yield step
        except TimeoutError:
            for event in _cut_off(begun, plan):
                run = apply(run, event)
                yield event
        whole.put_off(begun.deadline.held)


@dataclass(frozen=True, slots=True)
class _Work(Generic[DepsT]):
    """A move that takes time: its steps, when they must be over, and how the run ends if they are not.

    `exchange` is what the steps are about where they ask the model; it outlives them.
    """

    steps: AsyncGenerator[Step, None]
    deadline: Deadline
    late: BudgetExhausted | Failed
    exchange: Exchange[DepsT] | None = None


def _begin(move: Move, run: Run, plan: RunPlan[DepsT], whole: Deadline) -> _Work[DepsT] | Event:
    """The work that a move asks for, or the event that it comes to at once."""
    match move:
        case AskModel():
            return _asking(run, plan, whole.left())
        case CallTools(calls):
            return _Work(call_tools(run, calls, plan), Deadline(whole.left()), _out_of_time(run.started.limits))
        case CheckOutput(content):
            return _checked(content, plan)
        case Finish(outcome):
            return RunFinished(outcome, plan.clock.now())
        case _:
            assert_never(move)


def _asking(run: Run, plan: RunPlan[DepsT], left: float) -> _Work[DepsT]:
    limits = run.started.limits
    late = _out_of_time(limits) if left < limits.model_timeout else _silent(limits)
    deadline = Deadline(min(left, limits.model_timeout))
    exchange = Exchange(run, plan, deadline)
    return _Work(ask_model(exchange), deadline, late, exchange)


def _cut_off(work: _Work[DepsT], plan: RunPlan[DepsT]) -> Iterator[Event]:
    """What is told of work that was not over in time. Its steps cannot tell it: they were closed."""
    failed = None if work.exchange is None else work.exchange.cut_off(work.late.error)
    if failed is not None:
        yield failed
    yield RunFinished(work.late, plan.clock.now())


def _checked(content: str, plan: RunPlan[DepsT]) -> Event:
    try:
        accepted = content if plan.check_output is None else plan.check_output(content)
    except OutputError as error:
        text = plan.prompts.output_rejected.format(errors=error.message)
        return ContextAdded(OUTPUT_CHECK, (UserMessage(text),), plan.clock.now())
    return OutputAccepted(accepted, plan.clock.now())


def _silent(limits: Limits) -> Failed:
    seconds = limits.model_timeout
    return Failed(
        LightAgentErrorInfo(
            "LA-408",
            f"No answer from the model within {seconds:g} s, all attempts counted.",
            "Raise model_timeout, or check the endpoint.",
            {"seconds": seconds},
            True,
        )
    )


def _out_of_time(limits: Limits) -> BudgetExhausted:
    seconds = limits.timeout
    return BudgetExhausted(
        LightAgentErrorInfo(
            "LA-BUDGET", f"The run did not end within its {seconds or 0:g} s.", "Raise timeout=.", {"seconds": seconds}
        )
    )
