"""Whether a failed attempt is made again, when, and by which work: decisions recorded in the event of the failure.

The fold of a run knows no policy. So a policy that has changed since does not decide anything of the past again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo

Then: TypeAlias = Literal["retry", "fallback", "fail", "person"]
"""What follows an attempt that failed, or whose result was not accepted.

* retry: another attempt.
* fallback: the step's fallback does it.
* fail: the step has failed.
* person: a person decides about its result. Only a verification that cannot decide leads there.
"""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pauses between attempts, in seconds: they grow, plus jitter that spreads out steps that failed together.

    Attributes:
        first: before the second attempt.
        factor: how many times longer each pause is than the one before it.
        longest: the maximum of a pause.
        jitter: the maximum of a random addition.
    """

    first: float = 0.0
    factor: float = 2.0
    longest: float = 30.0
    jitter: float = 0.0


NO_PAUSE: Final = Backoff()
PROVIDER_PAUSE: Final = Backoff(first=0.5, jitter=0.5)


@dataclass(frozen=True, slots=True)
class RetryRule:
    """The rule for some classes of errors.

    Attributes:
        errors: codes such as `LA-429`, or names of exception classes such as `ConnectionError`.
        attempts: the maximum if the last failed so; None: that of the policy. 1: no retry.
        backoff: the pauses between them.
    """

    errors: tuple[str, ...]
    attempts: int | None = None
    backoff: Backoff = NO_PAUSE


HOPELESS: Final = RetryRule(("LA-401", "LA-403", "LA-404", "LA-CONFIG", "LA-POLICY", "LA-HOOK", "LA-GUARDRAIL"), 1)
"""Errors that another attempt would repeat."""

DEFAULT_RULES: Final = (HOPELESS, RetryRule(("LA-408", "LA-429", "LA-500", "LA-503"), None, PROVIDER_PAUSE))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a step is tried.

    Attributes:
        attempts: the maximum in a row: of the step, and again of its fallback. 1: no retry.
        rules: the first that names the error's code or class applies.
        backoff: for errors that no rule names.
    """

    attempts: int = 1
    rules: tuple[RetryRule, ...] = DEFAULT_RULES
    backoff: Backoff = NO_PAUSE


NO_RETRY: Final = RetryPolicy()


class Decided(NamedTuple):
    """What follows a failure; `due` is the moment before which nothing is done, in seconds of the clock; 0: at once."""

    then: Then
    due: float = 0.0


def after_failure(
    policy: RetryPolicy,
    error: LightAgentErrorInfo,
    *,
    tried: int,
    fallback_left: bool,
    now: float,
    chance: float = 0.0,
    asked: float | None = None,
    classes: tuple[str, ...] = (),
) -> Decided:
    """What follows a failed attempt.

    Args:
        tried: attempts in a row so far, this one included: of the step, or of its fallback if that made it.
        fallback_left: there is a fallback, and it has not been tried yet.
        now: the moment of the failure, in seconds of the clock.
        chance: a number from 0 to 1, drawn for this pause.
        asked: seconds that a provider asks to wait (Retry-After); kept as they are.
        classes: the names of the exception's classes, the most specific first; rules may name them.
    """
    rule = _rule_for(policy, error, classes)
    most = policy.attempts if rule is None or rule.attempts is None else min(rule.attempts, policy.attempts)
    if tried >= most:
        return Decided("fallback" if fallback_left else "fail")
    backoff = policy.backoff if rule is None else rule.backoff
    pause = _pause(backoff, tried, chance) if asked is None else max(asked, 0.0)
    return Decided("retry", now + pause if pause else 0.0)


def _rule_for(policy: RetryPolicy, error: LightAgentErrorInfo, classes: tuple[str, ...]) -> RetryRule | None:
    names = {error.code, *classes}
    return next((rule for rule in policy.rules if not names.isdisjoint(rule.errors)), None)


def _pause(backoff: Backoff, tried: int, chance: float) -> float:
    # The exponent is bounded, since 2.0 ** 1100 overflows.
    grown = backoff.first * backoff.factor ** min(tried - 1, 64)
    return min(backoff.longest, grown) + backoff.jitter * chance
