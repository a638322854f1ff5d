"""What a step is asked, and what it may know of the flow around it."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.domain.errors import OutputError
from lightagent.domain.flow.context import context_of, outputs_before
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key


def place_of(flow: ActiveFlow, move: Do | Ask | AskHuman) -> StepPlace:
    """Where a move belongs."""
    state, started = flow.state, flow.state.started
    attempt, fallback = (move.attempt, move.fallback) if isinstance(move, Do) else (0, False)
    key = effect_key(state.run_id, move.path, move.epoch, fallback=fallback)
    return StepPlace(state.run_id, started.trace_id, started.scope, move.path, attempt, key)


def seen_from(
    flow: ActiveFlow, move: Do | Ask | AskHuman, is_cancelled: Callable[[], bool] | None = None
) -> StepContext:
    """What callables of a step are given."""
    seen, place = context_of(flow.state, move.path), place_of(flow, move)
    return StepContext(seen, place) if is_cancelled is None else StepContext(seen, place, is_cancelled)


def plain_query(flow: ActiveFlow, move: Do | AskHuman, step: LightFlowStep) -> str | None:
    """What a step is asked where no code has to be called for it; None where it has."""
    if step.definition.query is not None:
        return step.definition.query
    if step.query is not None:
        return None
    asked = StepOutput(flow.state.input).text
    given = [f"{name}: {output.text}" for name, output in outputs_before(flow.state, move.path)]
    return "\n".join((f"{asked}\n\nPrevious step outputs:", *given)) if given else asked


async def made_query(flow: ActiveFlow, move: Do | AskHuman, function: FlowFunction) -> str:
    """What code makes of the context as the query of a step.

    Raises:
        OutputError: it is nothing.
        Exception: what the code raises.
    """
    context = seen_from(flow, move)
    given = (context,) if function.wants < 2 else (context.input, context)
    made = await function.call(*given[: max(function.wants, 0)])
    if made is None:
        raise OutputError(
            f"The query of the step {move.step.name!r:.100} must be text, and {function.name} gave None.",
            guidance="Return text from query=.",
        )
    return str(made)
