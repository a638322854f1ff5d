"""The one loop: asks the domain for the next move and carries it out, until the run ends.

It is a generator of steps. Whoever folds it has a result, whoever passes it on has a stream, and whoever stores each
event before taking the next has a run that survives the process: an effect begins only after its intent was taken.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import assert_never

from lightagent.application.ask_model import ask_model
from lightagent.application.call_tools import call_tools
from lightagent.application.deadline import until
from lightagent.application.plan import RunPlan
from lightagent.application.steps import Step, is_event
from lightagent.application.tools.toolbox import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import OutputError
from lightagent.domain.events import OUTPUT_CHECK, ContextAdded, Event, OutputAccepted, RunFinished
from lightagent.domain.messages import UserMessage
from lightagent.domain.moves import AskModel, CallTools, CheckOutput, Finish, Move, next_move
from lightagent.domain.outcomes import BudgetExhausted, Failed, Outcome
from lightagent.domain.runs import Run, apply, fold


async def run_agent(events: Sequence[Event], plan: RunPlan[DepsT]) -> AsyncGenerator[Step, None]:
    """Goes on with the run that `events` tell, to its end or its suspension.

    Yields only what is new. Closing the generator early cancels what is under way and waits for its end.
    """
    run = fold(events)
    seconds = run.started.limits.timeout
    deadline = None if seconds is None else plan.clock.monotonic() + seconds
    while run.outcome is None:
        begun = _begin(next_move(run), run, plan, deadline)
        if not isinstance(begun, _Work):
            yield begun
            if isinstance(begun, RunFinished):
                return
            run = apply(run, begun)
            continue
        try:
            async with aclosing(until(begun.steps, begun.seconds)) as steps:
                async for step in steps:
                    if is_event(step):
                        run = apply(run, step)
                    yield step
        except TimeoutError:
            late = RunFinished(begun.late, plan.clock.now())
            run = apply(run, late)
            yield late


@dataclass(frozen=True, slots=True)
class _Work:
    """A move that takes time: its steps, how long they may take, and how the run ends if they take longer."""

    steps: AsyncGenerator[Step, None]
    seconds: float | None
    late: Outcome


def _begin(move: Move, run: Run, plan: RunPlan[DepsT], deadline: float | None) -> _Work | Event:
    """The work that a move asks for, or the event that it comes to at once."""
    limits = run.started.limits
    left = None if deadline is None else deadline - plan.clock.monotonic()
    match move:
        case AskModel() if left is not None and left < limits.model_timeout:
            return _Work(ask_model(run, plan), left, BudgetExhausted(_out_of_time(limits.timeout)))
        case AskModel():
            return _Work(ask_model(run, plan), limits.model_timeout, Failed(_silent(limits.model_timeout)))
        case CallTools(calls):
            return _Work(call_tools(run, calls, plan), left, BudgetExhausted(_out_of_time(limits.timeout)))
        case CheckOutput(content):
            return _checked(content, plan)
        case Finish(outcome):
            return RunFinished(outcome, plan.clock.now())
        case _:
            assert_never(move)


def _checked(content: str, plan: RunPlan[DepsT]) -> Event:
    try:
        accepted = content if plan.check_output is None else plan.check_output(content)
    except OutputError as error:
        text = plan.prompts.output_rejected.format(errors=error.message)
        return ContextAdded(OUTPUT_CHECK, (UserMessage(text),), plan.clock.now())
    return OutputAccepted(accepted, plan.clock.now())


def _silent(seconds: float) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(
        "LA-408",
        f"No answer from the model within {seconds:g} s, all attempts counted.",
        "Raise model_timeout, or check the endpoint.",
        {"seconds": seconds},
        True,
    )


def _out_of_time(seconds: float | None) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(
        "LA-BUDGET", f"The run did not end within its {seconds or 0:g} s.", "Raise timeout=.", {"seconds": seconds}
    )
