"""Steps other than a single piece of work: maps, loops, waits, and work that a flow offers for steps to add."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from lightagent.application.check_options import check_options
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_step import LightFlowStep, offered_name
from lightagent.application.flow.no_work import NoWork
from lightagent.application.flow.step_context import StepContext
from lightagent.compose.flow.step_options import (
    check_count,
    compose_condition,
    compose_function,
    compose_names,
    compose_people,
    may_ask,
)
from lightagent.compose.flow.steps import check_name, compose_step
from lightagent.domain.absent_names import STEP_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition, WaitFor
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import is_sequence
from lightagent.flow_options import FlowList, FlowMoment, StepCondition, StepOptions, WaitOptions

_AROUND: Final = (
    "depends_on",
    "when",
    "cancel_if",
    "requires_approval",
    "approval_handler",
    "approvers",
    "approval_timeout",
    "escalate_to",
)
"""Options of a map or a loop that are about itself; the others are about the one step inside it."""


def compose_map(name: object, over: FlowList, options: StepOptions) -> LightFlowStep:
    """A step that runs once for each item of a list.

    Raises:
        ConfigurationError: an option is wrong, or what the map goes through is not a list.
    """
    at, given = f"step {name!r:.60}", options.copy()
    items: FlowFunction | None
    if isinstance(over, str):
        if over not in (names := compose_names(at, "depends_on", options.get("depends_on"))):
            given["depends_on"] = [*names, over]
        items = FlowFunction(_output_of(over))
    elif callable(over):
        items = compose_function(at, "over", over)
    elif is_sequence(over):
        items = FlowFunction(_always(list(over)))
    else:
        raise ConfigurationError(
            f"{at}: over must be a list, the name of a step or a callable, got {type(over).__name__}.",
            guidance="Wrap what is iterable in list(...), or have a step give the list.",
        )
    return replace(_around(name, "map", given), over=items)


def compose_loop(name: object, until: StepCondition | None, rounds: int | None, options: StepOptions) -> LightFlowStep:
    """A step that runs repeatedly.

    Raises:
        ConfigurationError: an option is wrong, or nothing would end it.
    """
    at = f"step {name!r:.60}"
    if until is None and rounds is None:
        raise ConfigurationError(f"{at}: nothing ends this loop.", guidance="Give until=, rounds= or both.")
    if rounds is not None:
        check_count(at, "rounds", rounds)
    made = _around(name, "loop", options)
    return replace(
        made,
        definition=replace(made.definition, rounds=rounds),
        until=compose_function(at, "until", until),
    )


def compose_wait_for(name: object, event: object, timeout: float | None, options: WaitOptions) -> LightFlowStep:
    """A step that waits for an event from outside.

    Raises:
        ConfigurationError: an option is wrong.
    """
    at = f"step {name!r:.60}"
    if not isinstance(event, str) or not event.strip():
        raise ConfigurationError(
            f"{at}: event must be the name of an event, got {event!r:.50}.",
            guidance='Such as "paid": signal(run_id, "paid") tells of it.',
        )
    return _wait(name, WaitFor(None if timeout is None else _seconds(at, "timeout", timeout), event), None, options)


def compose_sleep(
    name: object, seconds: float | timedelta | None, until: FlowMoment | None, options: WaitOptions
) -> LightFlowStep:
    """A step that waits for a time.

    Raises:
        ConfigurationError: an option is wrong, or not exactly one of the two is given.
    """
    at = f"step {name!r:.60}"
    if (seconds is None) == (until is None):
        raise ConfigurationError(
            f"{at}: sleep() takes either seconds= or until=.", guidance="Pass exactly one of them."
        )
    if until is None:
        return _wait(name, WaitFor(_seconds(at, "seconds", seconds)), None, options)
    if isinstance(until, datetime):
        if until.tzinfo is None:
            raise ConfigurationError(
                f"{at}: until must have a time zone.", guidance="Such as datetime(2027, 1, 1, tzinfo=UTC)."
            )
        return _wait(name, WaitFor(asks=True), FlowFunction(_always(until)), options)
    return _wait(name, WaitFor(asks=True), compose_function(at, "until", until), options)


def compose_offer(name: object, options: StepOptions) -> LightFlowStep:
    """Work that steps may add below themselves.

    Raises:
        ConfigurationError: an option is wrong, or is only for steps of the flow itself.
    """
    at = f"offer {name!r:.60}"
    for option in ("depends_on", "query"):
        if options.get(option) is not None:
            raise ConfigurationError(f"{at}: {option}= is up to the step that adds it.", guidance="Leave it out.")
    made = compose_step(name, options)
    return replace(made, definition=replace(made.definition, work=offered_name(made.name)), offered=True)


def _around(name: object, kind: str, options: StepOptions) -> LightFlowStep:
    """A map or a loop with what is inside it: the steps of a flow, or one step of its own name."""
    at = f"step {check_name(name)!r:.60}"
    agent: object = options.get("agent")
    inner: object = None if isinstance(agent, type) else getattr(agent, "declared", None)
    if isinstance(inner, tuple) and all(isinstance(one, LightFlowStep) for one in inner):
        body = _steps_of(at, kind, inner, options)
        metadata = to_json_object(options.get("metadata") or {}, f"{at}: metadata")
    else:
        body, metadata = (compose_step(name, _inside(options)),), {}
    when, cancel_if = compose_condition(at, options)
    people = compose_people(at, options, asks=may_ask(options))
    query = options.get("query")
    return LightFlowStep(
        definition=StepDefinition(
            str(name),
            "map" if kind == "map" else "loop",
            compose_names(at, "depends_on", options.get("depends_on")),
            body=tuple(step.definition for step in body),
            condition=when is not None or cancel_if is not None,
            approval=people.approval,
            approvers=people.approvers,
            query=query if isinstance(query, str) else None,
            metadata=metadata,
        ),
        work=NoWork(kind),
        cancel_if=cancel_if,
        when=when,
        approval_handler=people.handler,
        approval_timeout=people.timeout,
        escalate_to=people.escalate_to,
        body=body,
    )


def _inside(options: StepOptions) -> StepOptions:
    """The options of the one step inside a map or a loop."""
    inside = options.copy()
    inside["depends_on"] = inside["when"] = inside["cancel_if"] = None
    inside["requires_approval"] = inside["approval_handler"] = None
    if not may_ask(options):  # Otherwise the same people are asked about the result of an item or a round.
        inside["approvers"] = inside["escalate_to"] = inside["approval_timeout"] = None
    if isinstance(options.get("query"), str):
        inside["query"] = None
    return inside


def _steps_of(at: str, kind: str, steps: tuple[object, ...], options: StepOptions) -> tuple[LightFlowStep, ...]:
    """The steps of a flow as the body of a map or of a loop."""
    check_options(options, StepOptions, at, absent=STEP_OPTIONS)
    found = tuple(step for step in steps if isinstance(step, LightFlowStep))
    if not found:
        raise ConfigurationError(f"{at}: the flow inside this {kind} has no steps.", guidance="Declare them first.")
    for step in found:
        if step.offered:
            raise ConfigurationError(
                f"{at}: the flow inside this {kind} offers {step.name!r:.50}.",
                guidance="Have the flow around it offer it.",
            )
    for option, given in options.items():
        if given is not None and option not in (*_AROUND, "agent", "query", "metadata"):
            raise ConfigurationError(
                f"{at}: {option}= is for one step, and inside this {kind} is a flow.",
                guidance="Give it to the flow's own steps.",
            )
    if not isinstance(options.get("query"), (str, type(None))):
        raise ConfigurationError(f"{at}: query must be a text here.", guidance="Give the flow's own steps a query=.")
    return found


def _wait(name: object, wait: WaitFor, until: FlowFunction | None, options: WaitOptions) -> LightFlowStep:
    named = check_name(name)
    at = f"step {named!r:.60}"
    check_options(options, WaitOptions, at)
    when, cancel_if = compose_condition(at, options)
    people = compose_people(at, options)
    return LightFlowStep(
        definition=StepDefinition(
            named,
            "wait",
            compose_names(at, "depends_on", options.get("depends_on")),
            condition=when is not None or cancel_if is not None,
            approval=people.approval,
            approvers=people.approvers,
            wait=wait,
            metadata=to_json_object(options.get("metadata") or {}, f"{at}: metadata"),
        ),
        work=NoWork("wait"),
        cancel_if=cancel_if,
        when=when,
        approval_handler=people.handler,
        approval_timeout=people.timeout,
        escalate_to=people.escalate_to,
        until=until,
    )


def _seconds(at: str, option: str, seconds: object) -> float:
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigurationError(
            f"{at}: {option} must be a number of seconds from 0, got {seconds!r:.50}.", guidance="Or a timedelta."
        )
    return float(value)


def _output_of(step: str) -> Callable[[StepContext], object]:
    async def over(context: StepContext) -> object:
        return context.output(step)

    return over


def _always(value: object) -> Callable[[], object]:
    async def said() -> object:
        return value

    return said
