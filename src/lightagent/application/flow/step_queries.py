"""The query of a step, and what its code may know of the flow around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.errors import OutputError
from lightagent.domain.flow.context import context_of
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import Artifact, text_of
from lightagent.domain.flow.paths import added_depth
from lightagent.domain.flow.state import FlowState

_BEFORE: Final = "Previous step outputs:"


def place_of(flow: ActiveFlow, move: Do | Ask | AskHuman) -> StepPlace:
    """Where a move belongs."""
    state, started = flow.state, flow.state.started
    attempt = move.attempt if isinstance(move, Do) else 0
    return StepPlace(state.run_id, started.trace_id, started.scope, move.path, attempt, state.key_of(move))


def seen_from(
    flow: ActiveFlow,
    move: Do | Ask | AskHuman,
    is_cancelled: Callable[[], bool] | None = None,
    made: list[Artifact] | None = None,
) -> StepContext:
    """The context for callables of a step.

    Args:
        made: takes the files that an attempt makes.
    """
    seen, place = context_of(flow.state, move.path), place_of(flow, move)
    return StepContext(seen, place) if is_cancelled is None else StepContext(seen, place, is_cancelled, made)


def plain_query(flow: ActiveFlow, move: Do | AskHuman, step: LightFlowStep) -> str | None:
    """The query of a step that needs no code; None if code makes it."""
    return query_without_code(flow.state, move, coded=step.query is not None)


def query_without_code(state: FlowState, move: Do | AskHuman, *, coded: bool) -> str | None:
    """The same from the run's state only.

    Args:
        coded: code makes the query, unless the definition has a text for it.
    """
    if move.step.query is not None:
        if not added_depth(move.path):
            return move.step.query
        # A step that was proposed during the run cannot know the results of the steps before it.
        return _followed_by(move.step.query, _BEFORE, state.nodes[move.path].needed())
    if coded:
        return None
    return _default_query(state, state.nodes[move.path])


def _default_query(state: FlowState, node: Node) -> str:
    """The default query of a step: the input of the run or of the step around it, and the results of earlier steps."""
    around, scope = node.scope.parent, node.scope
    if around is None:
        asked = text_of(state.input)
    elif around.step.kind == "map":
        item, given = text_of(scope.item), around.step.query
        asked = item if given is None else f"{given}\n\n{item}"
    else:
        said = around.query if around.query is not None else around.step.query
        asked = _default_query(state, around) if said is None else text_of(said)
        if scope.number > 1:
            asked = _followed_by(asked, "The last round gave:", around.scopes[scope.number - 2].nodes)
    return _followed_by(asked, _BEFORE, node.needed()) if node.scope.body.needs[node.place] else asked


def _followed_by(asked: str, title: str, nodes: Sequence[Node]) -> str:
    over = [one for one in nodes if one.status == "success" and (one.step.wait is None or one.step.wait.event)]
    # Most outputs are texts, and each is asked for by every step that depends on it.
    given = [
        f"{one.step.name}: {value if type(value) is str else text_of(value)}"
        for one in over
        for value in (None if one.output is None else one.output.value,)
    ]
    return "\n".join((f"{asked}\n\n{title}", *given)) if given else asked


async def made_query(flow: ActiveFlow, move: Do | AskHuman, function: FlowFunction) -> str:
    """The query that a step's code makes of the context.

    Raises:
        OutputError: the code gave None, or the query is too large.
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
    asked = str(made)
    check_size(asked, flow.state.started.limits.max_value, move.path, "query")
    return asked
