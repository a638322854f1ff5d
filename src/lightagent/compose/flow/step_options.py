"""The options that steps of every kind have: names, conditions, retries, people who are asked, functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import Growth
from lightagent.domain.flow.retrying import Backoff, RetryPolicy, RetryRule
from lightagent.flow_options import StepOptions, WaitOptions

_WORK: Final = "the query and, where it takes a second argument, the context"
_GIVEN: Final = {
    "agent": _WORK,
    "fallback_agent": _WORK,
    "verify": "the result and, where it takes a second argument, the context",
    "accept_steps": "the proposed steps and, where it takes a second argument, the context",
    "approval_handler": "the step and the context",
}
"""The arguments of functions, by option."""

_OTHERS: Final = "the context, or, where it takes two arguments, the input of the flow and the context"


def compose_function(at: str, option: str, function: object) -> FlowFunction | None:
    """A function that a step was given; None without one.

    Raises:
        ConfigurationError: it is not a function, or cannot be called with the arguments that it would get.
    """
    if function is None:
        return None
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(f"{at}: {option} must be a callable, got {type(function).__name__}.")
    return wrap_function(at, option, function)


def wrap_function(at: str, option: str, function: Callable[..., object]) -> FlowFunction:
    """Wrap a callable as a flow calls it.

    Raises:
        ConfigurationError: it cannot be called with the arguments that it would get.
    """
    made = FlowFunction(function)
    unfit = made.unfit(2 if option == "approval_handler" else None)
    if unfit:
        raise ConfigurationError(
            f"{at}: {option} is given {_GIVEN.get(option, _OTHERS)}, and {made.name:.60} takes {unfit:.200}.",
            guidance="Bind what else it needs with functools.partial, or pass a function that calls it.",
        )
    return made


def compose_names(at: str, option: str, names: Sequence[str] | None) -> tuple[str, ...]:
    """Names, of steps or of people.

    Raises:
        ConfigurationError: a name is not text.
    """
    what = "steps" if option == "depends_on" else "people"
    for name in names or ():
        given: object = name
        if not isinstance(given, str):
            raise ConfigurationError(f"{at}: {option} must be names of {what}, got {type(given).__name__}.")
        if what == "people" and not given.strip():
            raise ConfigurationError(
                f"{at}: {option} has an empty name.",
                guidance="Without approvers, every person who may decide about the run may approve.",
            )
    return tuple(dict.fromkeys(names or ()))


def compose_condition(at: str, options: StepOptions | WaitOptions) -> tuple[FlowFunction | None, FlowFunction | None]:
    """Whether the step runs, and whether it is skipped; one of the two at most.

    Raises:
        ConfigurationError: both are given.
    """
    when = compose_function(at, "when", options.get("when"))
    cancel_if = compose_function(at, "cancel_if", options.get("cancel_if"))
    if when is not None and cancel_if is not None:
        raise ConfigurationError(f"{at}: when= and cancel_if= are one condition.", guidance="Keep one of them.")
    return when, cancel_if


def compose_retry(at: str, options: StepOptions) -> RetryPolicy:
    """How often the step is tried.

    Raises:
        ConfigurationError: it is given twice, or is not possible.
    """
    attempts, policy = options.get("max_retry"), options.get("retry")
    if attempts is not None and policy is not None:
        raise ConfigurationError(f"{at}: max_retry= and retry= say the same thing.", guidance="Keep one of them.")
    if attempts is not None and attempts < 1:
        raise ConfigurationError(f"{at}: max_retry must be at least 1, got {attempts}.", guidance="1 is one attempt.")
    if policy is None:
        return RetryPolicy() if attempts is None else RetryPolicy(attempts)
    _check_policy(at, policy)
    return policy


def _check_policy(at: str, policy: RetryPolicy) -> None:
    check_count(at, "retry.attempts", policy.attempts)
    _check_backoff(at, policy.backoff)
    rules: object = policy.rules
    if not isinstance(rules, (tuple, list)):
        raise ConfigurationError(
            f"{at}: retry.rules must be several RetryRules, got {type(rules).__name__}.",
            guidance="A pause is given by name: RetryPolicy(2, backoff=Backoff(...)).",
        )
    for rule in rules:
        if not isinstance(rule, RetryRule):
            raise ConfigurationError(f"{at}: retry.rules must be RetryRules, got {type(rule).__name__}.")
        errors: object = rule.errors
        if not isinstance(errors, (tuple, list)):
            raise ConfigurationError(f"{at}: the errors of a RetryRule must be several names.")
        if rule.attempts is not None:
            check_count(at, "attempts of a RetryRule", rule.attempts)
        _check_backoff(at, rule.backoff)


def check_count(at: str, what: str, count: object) -> None:
    """Raise unless `count` is a whole number of at least 1.

    Raises:
        ConfigurationError: it is not a whole number from 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigurationError(f"{at}: {what} must be a whole number from 1, got {count!r:.50}.")


def _check_backoff(at: str, backoff: object) -> None:
    if not isinstance(backoff, Backoff):
        raise ConfigurationError(f"{at}: backoff must be a Backoff, got {type(backoff).__name__}.")
    values: tuple[object, ...] = (backoff.first, backoff.factor, backoff.longest, backoff.jitter)
    for value in values:
        if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise ConfigurationError(
                f"{at}: the numbers of a Backoff must be finite and at least 0, got {value!r:.50}."
            )


def compose_doubt(at: str, options: StepOptions) -> Literal["accept", "person", "fail"]:
    """What follows if a verification cannot decide.

    Raises:
        ConfigurationError: it is not one of the possible consequences.
    """
    doubt = options.get("on_doubt") or "accept"
    if doubt not in ("accept", "person", "fail"):
        raise ConfigurationError(f"{at}: on_doubt must be accept, person or fail, got {doubt!r:.50}.")
    return doubt


def compose_growth(at: str, options: StepOptions) -> Growth | None:
    """Whether the step may add steps below itself.

    Raises:
        ConfigurationError: a bound without anything to bound, or below 1.
    """
    accept, most = options.get("accept_steps"), options.get("max_added")
    if accept is None or accept is False:
        if most is not None:
            raise ConfigurationError(
                f"{at}: max_added= bounds what accept_steps= lets it add.",
                guidance='Give accept_steps=True, "person" or a callable.',
            )
        return None
    if isinstance(accept, str) and accept != "person":
        raise ConfigurationError(f'{at}: accept_steps must be True, "person" or a callable, got {accept!r:.50}.')
    if most is not None and most < 1:
        raise ConfigurationError(f"{at}: max_added must be at least 1, got {most}.")
    return Growth("person" if accept == "person" else "code", Growth().most if most is None else most)


def compose_acceptance(at: str, options: StepOptions) -> FlowFunction | None:
    """The callable that decides whether proposed steps are added; None if they always are, or a person decides."""
    accept = options.get("accept_steps")
    return None if accept is None or isinstance(accept, (bool, str)) else compose_function(at, "accept_steps", accept)


def compose_timeout(at: str, seconds: float | None, option: str = "timeout") -> float | None:
    """A time limit in seconds; None without one.

    Raises:
        ConfigurationError: it is not a positive number.
    """
    if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
        raise ConfigurationError(
            f"{at}: {option} must be a positive number of seconds, got {seconds}.", guidance="None means without limit."
        )
    return seconds


class StepPeople(NamedTuple):
    """Who is asked about a step, and for how long; see `StepOptions`."""

    approval: bool
    handler: FlowFunction | None
    approvers: tuple[str, ...]
    timeout: float | None
    escalate_to: tuple[str, ...]


def compose_people(at: str, options: StepOptions | WaitOptions, *, asks: bool = False) -> StepPeople:
    """The people of a step, from its options.

    Args:
        asks: a person may be asked about it, even if it does not require approval.

    Raises:
        ConfigurationError: an option is wrong, or is about approvals although the step never asks for one.
    """
    approval = options.get("requires_approval") or False
    people = StepPeople(
        approval,
        compose_function(at, "approval_handler", options.get("approval_handler")),
        compose_names(at, "approvers", options.get("approvers")),
        compose_timeout(at, options.get("approval_timeout"), "approval_timeout"),
        compose_names(at, "escalate_to", options.get("escalate_to")),
    )
    if people.handler is not None and not approval:
        raise ConfigurationError(
            f"{at}: approval_handler= decides whether the step runs, but this step needs no approval.",
            guidance="Give it requires_approval=True.",
        )
    given = {
        "approvers": people.approvers,
        "approval_timeout": people.timeout,
        "escalate_to": people.escalate_to,
    }
    idle = [f"{name}=" for name, value in given.items() if value]
    if idle and not approval and not asks:
        raise ConfigurationError(
            f"{at}: {', '.join(idle)} is about people who decide, but this step needs no approval.",
            guidance="Give it requires_approval=True.",
        )
    return people


def may_ask(options: StepOptions) -> bool:
    """Whether a person may be asked about the result or the proposed steps."""
    return options.get("on_doubt") == "person" or options.get("accept_steps") == "person"
