"""Answers of a step's code without effects: whether it runs, its items, its moment, another round, its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, assert_never

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.output_form import as_json
from lightagent.application.flow.proposals import OFFERED, ProposedStep
from lightagent.application.flow.step_errors import after_verdict
from lightagent.application.flow.step_queries import seen_from
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.errors import ConfigurationError, OutputError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import Answered
from lightagent.domain.flow.growth import growth_fault
from lightagent.domain.flow.moves import Ask
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.json_types import JsonValue


async def answer(flow: ActiveFlow, move: Ask) -> Answered:
    """Call the code of a step and return its answer as an event; raises whatever goes wrong."""
    step, node = flow.step_at(move.path, move.step.work), flow.state.nodes[move.path]
    match move.question:
        case "when":
            return _answered(flow, move, await _runs(flow, move, step))
        case "items":
            return _answered(flow, move, await _items(flow, move, step))
        case "until":
            return _answered(flow, move, _moment(move, await _call(flow, move, step.until), flow.clock.now()))
        case "again":
            return await _again(flow, move, step, node)
        case "verify":
            return await _worth(flow, move, step, node)
        case "grow":
            return await _grows(flow, move, step, node)
        case _:
            assert_never(move.question)


def _answered(flow: ActiveFlow, move: Ask, said: JsonValue) -> Answered:
    return Answered(move.path, move.epoch, move.question, said, at=flow.clock.now())


async def _call(flow: ActiveFlow, move: Ask, function: FlowFunction | None) -> object:
    if function is None:
        raise _no_code(move)
    context = seen_from(flow, move)
    given = (context,) if function.wants < 2 else (context.input, context)
    return await function.call(*given[: max(function.wants, 0)])


def _no_code(move: Ask) -> ConfigurationError:
    return ConfigurationError(
        f"The step {move.path!r:.100} is to be asked {move.question!r}, and declares no code for that.",
        guidance="Go on with the flow that the run was begun with.",
    )


async def _runs(flow: ActiveFlow, move: Ask, step: LightFlowStep) -> bool:
    if step.when is None:
        return not _yes_or_no(move, "cancel_if", await _call(flow, move, step.cancel_if))
    return _yes_or_no(move, "when", await _call(flow, move, step.when))


def _yes_or_no(move: Ask, option: str, said: object) -> bool:
    """The answer of a condition. Only True and False are accepted, so a missing return is an error rather than a no."""
    if isinstance(said, bool):
        return said
    got = "None" if said is None else type(said).__name__
    raise OutputError(
        f"The step {move.path!r:.100} asks {option}= for True or False, and got {got}.",
        guidance="Return a bool, such as bool(...) of what is there.",
        details={"step": move.path},
    )


async def _items(flow: ActiveFlow, move: Ask, step: LightFlowStep) -> JsonValue:
    found = await _call(flow, move, step.over)
    if isinstance(found, (str, bytes, Mapping)) or not isinstance(found, Iterable):
        raise OutputError(
            f"The step {move.path!r:.100} maps over a list, and was given a {type(found).__name__}.",
            guidance="Give over= a list: the output of a step with output_type=list[...], or of a callable.",
            details={"step": move.path},
        )
    items = as_json(list(found), move.path)
    check_size(items, flow.state.started.limits.max_value, move.path, "list")
    return items


def _moment(move: Ask, said: object, now: float) -> float:
    """A moment in seconds since 1970, from any of the accepted forms."""
    if isinstance(said, timedelta):
        return now + said.total_seconds()
    if isinstance(said, datetime) and said.tzinfo is not None:
        return said.timestamp()
    if isinstance(said, (int, float)) and not isinstance(said, bool):
        return float(said)
    what = "a datetime without a time zone" if isinstance(said, datetime) else f"a {type(said).__name__}"
    raise OutputError(
        f"The step {move.path!r:.100} waits for a moment, and was given {what}.",
        guidance="Give until= a datetime with a time zone, a timedelta from now on, or seconds since 1970.",
    )


async def _again(flow: ActiveFlow, move: Ask, step: LightFlowStep, node: Node) -> Answered:
    """Another round, unless the loop's code ends it. Without code the loop makes all the rounds that it may."""
    has_more = len(node.scopes) < flow.state.most_rounds(node)
    if step.until is None:
        return _answered(flow, move, has_more)
    again = not _yes_or_no(move, "until", await _call(flow, move, step.until))
    then: Literal["fail"] | None = "fail" if again and not has_more else None
    return Answered(move.path, move.epoch, "again", again, then=then, at=flow.clock.now())


async def _worth(flow: ActiveFlow, move: Ask, step: LightFlowStep, node: Node) -> Answered:
    if step.verify is None:
        raise _no_code(move)
    query, output = StepOutput(node.query).text, node.output or StepOutput()
    verdict = await step.verify.verify(query, output, seen_from(flow, move))
    now = flow.clock.now()
    then, due = after_verdict(node, verdict, now=now, chance=flow.chance())
    return Answered(move.path, move.epoch, "verify", verdict.verdict, None, verdict.reason, then, due, at=now)


async def _grows(flow: ActiveFlow, move: Ask, step: LightFlowStep, node: Node) -> Answered:
    """Whether the proposed steps are added. Where a person decides, they are asked once the bounds are checked."""
    fault = growth_fault(flow.state, node)
    if fault is not None:
        raise fault
    growth, function = move.step.growth, step.accept_steps
    if function is None or (growth is not None and growth.accept == "person"):
        return _answered(flow, move, True)
    steps = proposed_steps(node.proposed)
    context = seen_from(flow, move)
    accepted = _yes_or_no(move, "accept_steps", await function.call(*(steps, context)[: function.wants]))
    return _answered(flow, move, accepted)


def proposed_steps(definitions: tuple[StepDefinition, ...]) -> tuple[ProposedStep, ...]:
    """The proposed steps, as a user sees them."""
    return tuple(
        ProposedStep(one.name, one.work.removeprefix(OFFERED), one.query or "", one.depends_on) for one in definitions
    )
