"""What names the work of a flow, and what may be tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.error_codes import ErrorCode, LightAgentErrorInfo
from lightagent.domain.flow.paths import (
    added_depth,
    added_prefix,
    declared_path,
    effect_key,
    escape,
    item_prefix,
    parent_path,
    round_prefix,
    step_name,
    unescape,
)
from lightagent.domain.flow.retrying import Backoff, RetryPolicy, RetryRule, after_failure
from lightagent.domain.scopes import Scope


@pytest.mark.parametrize(
    ("run_id", "path", "epoch", "fallback", "key"),
    [
        ("report-001", "plan", 1, False, "report-001/plan@1"),
        ("report-001", "plan", 2, True, "report-001/plan@2/fallback"),
        ("a/b@1", "m[3]/l#2/x+/y", 7, False, "a%2fb%401/m[3]/l#2/x+/y@7"),
        ("r", escape("fetch [new] #1 100% a/b+c"), 1, False, "r/fetch %5bnew%5d %231 100%25 a%2fb%2bc@1"),
        ("r", "prüfen", 1, False, "r/prüfen@1"),
    ],
)
def test_the_text_of_an_effect_key_never_changes(run_id: str, path: str, epoch: int, fallback: bool, key: str) -> None:
    """Users store it elsewhere. With another text, effects would be repeated after an update."""
    assert effect_key(run_id, path, epoch, fallback=fallback) == key


@pytest.mark.parametrize(
    ("owner", "key"),
    [
        (Scope(), "report-001/plan@1"),
        (Scope("", "", "session"), "report-001/plan@1"),
        (Scope("acme", "ann"), "161759ec153ea6b4@report-001/plan@1"),
        (Scope("", "ann"), "75ce4ab1b83e9685@report-001/plan@1"),
        (Scope("ann", ""), "c60eaec7f623b9fb@report-001/plan@1"),
    ],
)
def test_an_effect_key_tells_owners_apart_in_a_text_that_never_changes(owner: Scope, key: str) -> None:
    assert effect_key("report-001", "plan", 1, owner=owner) == key


TEXTS = st.text(st.sampled_from("ab0:@/.%"), max_size=4)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS.filter(bool)), min_size=2, max_size=2, unique=True))
def test_no_two_owners_or_runs_have_one_effect_key(runs: list[tuple[str, str, str]]) -> None:
    (tenant, user, run), (other_tenant, other_user, other_run) = runs
    key = effect_key(run, "plan", 1, owner=Scope(tenant, user))
    assert key != effect_key(other_run, "plan", 1, owner=Scope(other_tenant, other_user))
    prefix = key.partition("/")[0]
    assert effect_key(prefix, "plan", 1) != key or (tenant, user) == ("", "")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8) | st.text("a%/[]#+@12", min_size=1)
PREFIXES = st.sampled_from((lambda path: item_prefix(path, 3), lambda path: round_prefix(path, 2), added_prefix))


@given(st.lists(st.tuples(NAMES, PREFIXES), max_size=3), NAMES)
def test_a_path_tells_where_a_step_is(above: list[tuple[str, object]], name: str) -> None:
    path, parent = escape(name), None
    for around, prefix in reversed(above):
        assert callable(prefix)
        path = prefix(escape(around)) + path
    assert step_name(path) == name
    assert unescape(escape(name)) == name
    parent = parent_path(path)
    assert (parent is None) == (not above)
    for around, _ in reversed(above):
        assert parent is not None
        assert step_name(parent) == around
        parent = parent_path(parent)
    assert added_depth(path) == sum(prefix is added_prefix for _, prefix in above)


@pytest.mark.parametrize(
    ("path", "declared"),
    [("a", "a"), ("m[3]/x", "m/x"), ("l#2/x", "l/x"), ("m[0]/l#12/x", "m/l/x"), ("m[1]/p+/x", "m/p+/x")],
)
def test_where_a_piece_of_work_is_declared(path: str, declared: str) -> None:
    assert declared_path(path) == declared


def failure(code: ErrorCode) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(code, "It failed.")


POLICY = RetryPolicy(
    attempts=4,
    rules=(
        RetryRule(("LA-401",), attempts=1),
        RetryRule(("ConnectionError", "LA-429"), backoff=Backoff(first=1.0, longest=3.0, jitter=0.5)),
    ),
    backoff=Backoff(first=0.25, factor=4.0),
)


def test_pauses_grow_by_the_class_of_the_error() -> None:
    def due(code: ErrorCode, tried: int, *classes: str) -> tuple[str, float]:
        return after_failure(
            POLICY, failure(code), tried=tried, fallback_left=False, now=100.0, chance=0.5, classes=classes
        )

    assert [due("LA-TOOL", tried) for tried in (1, 2, 3, 4)] == [
        ("retry", 100.25),
        ("retry", 101.0),
        ("retry", 104.0),
        ("fail", 0.0),
    ]
    assert [due("LA-429", tried) for tried in (1, 2, 3)] == [("retry", 101.25), ("retry", 102.25), ("retry", 103.25)]
    assert due("LA-TOOL", 1, "ConnectionResetError", "ConnectionError") == ("retry", 101.25)
    assert due("LA-401", 1) == ("fail", 0.0)


def test_a_fallback_comes_after_the_attempts_of_the_step() -> None:
    def then(tried: int, *, left: bool) -> str:
        return after_failure(POLICY, failure("LA-TOOL"), tried=tried, fallback_left=left, now=0.0).then

    assert [then(3, left=True), then(4, left=True), then(4, left=False)] == ["retry", "fallback", "fail"]


def test_a_pause_that_a_provider_asks_for_is_kept() -> None:
    decided = after_failure(POLICY, failure("LA-429"), tried=1, fallback_left=False, now=10.0, asked=90.0)
    assert decided == ("retry", 100.0)


def test_a_very_long_row_of_failures_has_the_longest_pause() -> None:
    policy = RetryPolicy(attempts=10**6, rules=(), backoff=Backoff(first=1.0))
    decided = after_failure(policy, failure("LA-TOOL"), tried=10**5, fallback_left=False, now=0.0)
    assert decided == ("retry", 30.0)
