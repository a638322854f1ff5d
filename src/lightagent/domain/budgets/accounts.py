"""The account of a tenant or user: what runs of any number of processes have spent together, and in the last minute."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from lightagent.domain.budgets.budget import NOTHING_SPENT, BudgetLimits, Exceeded, Spent, no_room
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import MOST_COUNT
from lightagent.domain.scopes import Scope

Period: TypeAlias = Literal["hour", "day", "month", "ever"]
"""The time for which a budget holds: of the calendar in UTC, or without end."""

MINUTE: Final = 60
"""The seconds over which rates are counted, in slots of one second."""


@dataclass(frozen=True, slots=True)
class AccountKey:
    """Names an account.

    Attributes:
        owner: whose it is; the session is always empty.
        name: tells several accounts of one owner apart.
    """

    owner: Scope
    name: str = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The most that may be used in any minute, counted in a sliding window of seconds.

    Attributes:
        requests: requests to models; each attempt counts.
        tokens: tokens of requests and answers; an answer longer than estimated counts once it has arrived.
        max_wait: the most seconds for which a request waits for room before it is refused. 0: it never waits.

    Raises:
        ConfigurationError: a value is not a number, or is out of range.
    """

    requests: int | None = None
    tokens: int | None = None
    max_wait: float = 60.0

    def __post_init__(self) -> None:
        for name in ("requests", "tokens"):
            count: object = getattr(self, name)
            if count is None:
                continue
            if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_COUNT:
                raise ConfigurationError(f"rate: {name} must be a whole number of at least 1, got {count!r:.80}.")
        if self.requests is None and self.tokens is None:
            raise ConfigurationError("rate: neither requests nor tokens are limited.")
        wait: object = self.max_wait
        if not isinstance(wait, int | float) or isinstance(wait, bool) or not 0 <= wait < math.inf:
            raise ConfigurationError(f"rate: max_wait must be a number of seconds of at least 0, got {wait!r:.80}.")


@dataclass(frozen=True, slots=True)
class Slot:
    """What was reserved within one second.

    Attributes:
        at: when the last of it was, in seconds since 1970.
    """

    at: float
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of an account.

    Attributes:
        period: the one that `spent` is of, such as ``2026-11-29``.
        spent: in that period; what is under way counts as it was reserved.
        slots: the last minute, by seconds, the oldest first.
    """

    period: str = ""
    spent: Spent = NOTHING_SPENT
    slots: tuple[Slot, ...] = ()


EMPTY: Final = Account()


@dataclass(frozen=True, slots=True)
class Wait:
    """The last minute has no room; there may be some in so many seconds.

    Attributes:
        spent: in the period of the account, by then.
    """

    seconds: float
    limit: str
    allowed: int
    spent: Spent


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account is held to.

    Attributes:
        name: of the budget, for errors.
    """

    name: str
    limits: BudgetLimits
    period: Period = "ever"
    rate: RateLimit | None = None


def reserve(account: Account, wanted: Spent, terms: Terms, now: float) -> Account | Exceeded | Wait:
    """Return the account with `wanted` added, or the limit that it exceeds, or how long it must wait."""
    account = _as_of(account, terms.period, now)
    limit = no_room(terms.limits, account.spent, wanted)
    if limit is not None:
        allowed = getattr(terms.limits, limit)
        return Exceeded(terms.name, limit, allowed, account.spent, _left_of(terms.period, now))
    if terms.rate is not None and wanted.model_calls:
        waiting = _waiting(account, wanted, terms.rate, now)
        if waiting is not None:
            return waiting
    return _with(account, wanted, now)


def correct(account: Account, change: Spent, period: str, at: float) -> Account:
    """Return the account with the actual usage of a reservation, which may be more or less than estimated.

    Args:
        period, at: of the reservation.
    """
    spent = account.spent + change if account.period == period else account.spent
    slots = tuple(_corrected(slot, change) if _same_second(slot.at, at) else slot for slot in account.slots)
    return replace(account, spent=spent, slots=slots)


def _corrected(slot: Slot, change: Spent) -> Slot:
    return Slot(slot.at, max(slot.requests + change.model_calls, 0), max(slot.tokens + change.tokens, 0))


def _same_second(one: float, other: float) -> bool:
    return math.floor(one) == math.floor(other)


def period_of(period: Period, now: float) -> str:
    """The name of the period that a moment is in; the empty one has no end.

    Raises:
        ConfigurationError: the clock tells no moment that a calendar has.
    """
    if period == "ever":
        return ""
    try:
        moment = datetime.fromtimestamp(now, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigurationError(f"clock: {now!r:.80} is outside the calendar.", guidance="") from error
    return moment.strftime({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[period])


def _as_of(account: Account, period: Period, now: float) -> Account:
    """The account at a moment: a new period begins with nothing, and what is more than a minute away is gone.

    What seems to lie ahead was counted by a clock that is wrong, or that was put back since; requests must not have to
    wait until then.
    """
    name, spent = period_of(period, now), NOTHING_SPENT
    if name <= account.period:  # A clock that is behind another's must not open a period anew that is over.
        name, spent = account.period, account.spent
    return Account(name, spent, tuple(slot for slot in account.slots if abs(slot.at - now) < MINUTE))


def _with(account: Account, wanted: Spent, now: float) -> Account:
    """Return the account with `wanted` added; usage is kept in one slot per second, so that there are never many."""
    spent, slots = account.spent + wanted, account.slots
    if not wanted.model_calls:
        return replace(account, spent=spent)
    last = slots[-1] if slots else None
    if last is not None and math.floor(last.at) >= math.floor(now):
        new = Slot(max(last.at, now), last.requests + wanted.model_calls, last.tokens + wanted.tokens)
        return replace(account, spent=spent, slots=(*slots[:-1], new))
    return replace(account, spent=spent, slots=(*slots, Slot(now, wanted.model_calls, wanted.tokens)))


def _waiting(account: Account, wanted: Spent, rate: RateLimit, now: float) -> Wait | None:
    """How long to wait until the rates of the last minute have room for `wanted`: the longer of the two waits."""
    waits: list[Wait] = []
    if rate.requests is not None:
        counts = [(slot.at, slot.requests) for slot in account.slots]
        seconds = _until_free(counts, wanted.model_calls, rate.requests, now)
        waits.append(Wait(seconds, "requests a minute", rate.requests, account.spent))
    if rate.tokens is not None:
        counts = [(slot.at, slot.tokens) for slot in account.slots]
        # A request that is larger than the rate by itself goes once nothing else is in the last minute.
        seconds = _until_free(counts, min(wanted.tokens, rate.tokens), rate.tokens, now)
        waits.append(Wait(seconds, "tokens a minute", rate.tokens, account.spent))
    longest = max(waits, key=lambda wait: wait.seconds, default=None)
    return None if longest is None or longest.seconds <= 0 else longest


def _until_free(counts: list[tuple[float, int]], wanted: int, most: int, now: float) -> float:
    """The seconds until so much of the last minute is over that `wanted` has room; 0 where it has."""
    beyond = sum(count for _, count in counts) + wanted - most
    for at, count in counts:
        if beyond <= 0:
            return 0.0
        beyond -= count
        if beyond <= 0:
            return at + MINUTE - now
    return 0.0


def _left_of(period: Period, now: float) -> float | None:
    """Seconds until the next hour or day begins; months are too uneven to be worth a figure."""
    lengths = {"hour": 3600, "day": 86400}
    return lengths[period] - now % lengths[period] if period in lengths else None
