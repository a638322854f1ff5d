"""Accounts as values: no minute holds more than its rate, periods end, and corrections find their place."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent import (
    BudgetLimits,
    Budgets,
    ConfigurationError,
    JournalBudgetAccounts,
    LightAgent,
    RateLimit,
    TenantBudget,
)
from lightagent.domain.budgets.accounts import (
    EMPTY,
    MINUTE,
    Account,
    Period,
    Slot,
    Terms,
    Wait,
    correct,
    period_of,
    reserve,
)
from lightagent.domain.budgets.budget import Exceeded, Spent, no_room

ONE = Spent(model_calls=1, tokens=10)
NOW = 1_764_417_599.5
"""Half a second before midnight of 2025-11-29 in UTC."""


def terms(limits: BudgetLimits | None = None, period: Period = "ever", rate: RateLimit | None = None) -> Terms:
    return Terms("tenant 'acme'", limits or BudgetLimits(), period, rate)


@given(
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60),
    requests=st.integers(1, 6),
    tokens=st.integers(10, 60),
)
def test_no_minute_holds_more_than_its_rates(gaps: list[float], requests: int, tokens: int) -> None:
    held = terms(rate=RateLimit(requests, tokens))
    account, taken = EMPTY, list[float]()
    for now in itertools.accumulate(gaps, initial=NOW):
        found = reserve(account, ONE, held, now)
        if isinstance(found, Wait):
            later = reserve(account, ONE, held, now + found.seconds + 0.001)
            assert isinstance(later, Account), "There is room once the time that was told is over."
        else:
            assert isinstance(found, Account)
            account = found
            taken.append(now)
        assert len(account.slots) <= MINUTE + 1
    for begin in taken:
        within = sum(begin <= moment < begin + MINUTE for moment in taken)
        assert within <= min(requests, tokens // 10)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300)), max_size=40))
def test_an_account_never_goes_beyond_its_limits_by_reservations(steps: list[tuple[bool, int]]) -> None:
    limits = BudgetLimits(model_calls=5, tool_calls=4, tokens=1_000)
    account = EMPTY
    for is_model, tokens in steps:
        wanted = Spent(model_calls=1, tokens=tokens) if is_model else Spent(tool_calls=1)
        found = reserve(account, wanted, terms(limits), NOW)
        if isinstance(found, Account):
            account = found
        else:
            assert isinstance(found, Exceeded)
            assert no_room(limits, account.spent, wanted) == found.limit
        assert account.spent.model_calls <= 5
        assert account.spent.tool_calls <= 4
        assert account.spent.tokens <= 1_000


@pytest.mark.parametrize(
    ("period", "name", "next_name"),
    [
        ("hour", "2025-11-29T11", "2025-11-29T12"),
        ("day", "2025-11-29", "2025-11-30"),
        ("month", "2025-11", "2025-12"),
        ("ever", "", ""),
    ],
)
def test_periods_are_those_of_the_calendar_in_utc(period: Period, name: str, next_name: str) -> None:
    assert period_of(period, NOW) == name
    step = {"hour": 1, "day": 12 * 3600 + 1, "month": 40 * 3600, "ever": 10**8}[period]
    assert period_of(period, NOW + step) == next_name


def test_a_new_period_begins_with_nothing_and_a_clock_behind_opens_none() -> None:
    held = terms(BudgetLimits(model_calls=1), "hour")
    account = reserve(EMPTY, ONE, held, NOW)
    assert isinstance(account, Account)
    refused = reserve(account, ONE, held, NOW + 0.2)
    assert isinstance(refused, Exceeded)
    assert refused.retry_after == pytest.approx(0.3, abs=0.01)
    later = reserve(account, ONE, held, NOW + 1)
    assert isinstance(later, Account)
    assert isinstance(reserve(later, ONE, held, NOW), Exceeded)


@pytest.mark.parametrize("ahead", [3600.0, 90.0, 60.0])
def test_a_clock_that_was_put_back_delays_no_request(ahead: float) -> None:
    terms = Terms("tenant", BudgetLimits(), rate=RateLimit(requests=1))
    account = reserve(EMPTY, Spent(model_calls=1), terms, NOW + ahead)
    assert isinstance(account, Account)
    later = reserve(account, Spent(model_calls=1), terms, NOW)
    assert isinstance(later, Account)
    assert isinstance(reserve(later, Spent(model_calls=1), terms, NOW + 1), Wait)


def test_a_correction_of_a_period_that_is_over_changes_no_other() -> None:
    account = Account("2025-11-30", Spent(1, 0, 10), (Slot(NOW, 1, 10),))
    changed = correct(account, Spent(tokens=90), "2025-11-29", NOW)
    assert changed.spent == account.spent
    assert changed.slots == (Slot(NOW, 1, 100),)
    assert correct(account, Spent(tokens=-90), "2025-11-30", NOW - 30).slots == account.slots
    assert correct(account, Spent(tokens=-90), "2025-11-30", NOW).slots == (Slot(NOW, 1, 0),)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3", math.nan, math.inf, 10**19])
def test_limits_that_are_no_limits_are_refused(value: object) -> None:
    for name in ("model_calls", "tool_calls", "tokens", "depth"):
        with pytest.raises(ConfigurationError, match=name):
            BudgetLimits(**{name: value})  # type: ignore[arg-type]
    if value != 1.5:
        with pytest.raises(ConfigurationError, match="cost"):
            BudgetLimits(cost=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tree", "run", "tenant", "prices"])
def test_budgets_of_another_type_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Budgets(**{name: 5})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="limits must be BudgetLimits"):
        TenantBudget(5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="rate must be RateLimit"):
        TenantBudget(rate={"requests": 1})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="tenant must be str"):
        TenantBudget(BudgetLimits(tokens=1), tenant=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="store must be a JournalStore"):
        JournalBudgetAccounts("budgets.db")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="budgets must be"):
        LightAgent(provider="offline", budgets=5)  # type: ignore[call-overload]


def test_what_only_a_run_has_is_no_limit_of_a_tenant() -> None:
    for limits in (BudgetLimits(seconds=1), BudgetLimits(depth=1)):
        with pytest.raises(ConfigurationError, match="of a run"):
            TenantBudget(limits)
    with pytest.raises(ConfigurationError, match="neither limits nor a rate"):
        TenantBudget()
    with pytest.raises(ConfigurationError, match="not a period"):
        TenantBudget(BudgetLimits(tokens=1), "year")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rate", [{"requests": 0}, {"tokens": True}, {"tokens": 1, "max_wait": -1}, {"tokens": 1, "max_wait": math.inf}, {}]
)
def test_rates_that_are_no_rates_are_refused(rate: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="rate"):
        RateLimit(**rate)  # type: ignore[arg-type]
