"""The search for a plan, without any model: questions are answered by a tree that is known."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import ConfigurationError
from lightagent.domain.planning.plans import MOST_ON_RECORD, MOST_STEPS, MOST_TEXT, Plan, PlanStep
from lightagent.domain.planning.search import (
    MOST_SCORED,
    Search,
    begin_search,
    next_question,
    proposed,
    reflected,
    scored,
)
from lightagent.domain.planning.thoughts import Proposal, Propose, Question, Reflect, Score, SearchLimits, Thought

TREE = SearchLimits(width=2, branches=3, depth=2)


@dataclass(frozen=True)
class Oracle:
    """Answers by a tree that its seed gives: how thoughts go on, and how good each is; better ones not always."""

    seed: int
    fails: float = 0.0

    def proposals(self, thought: Thought, count: int) -> list[Proposal]:
        chance = self._chance(thought.path, "proposals")
        if chance.random() < self.fails:
            return []
        return [
            Proposal((PlanStep(f"{thought.path}.{number}"),), complete=chance.random() < 0.3)
            for number in range(chance.randint(1, count + 1))
        ]

    def score(self, path: tuple[int, ...]) -> float:
        return self._chance(path, "score").random() * 0.99

    def scores(self, thoughts: Sequence[Thought]) -> list[float]:
        found = [self.score(thought.path) for thought in thoughts]
        return found if self._chance(thoughts[0].path, "scores").random() >= self.fails else found[:1]

    def _chance(self, path: tuple[int, ...], what: str) -> random.Random:
        return random.Random(f"{self.seed}{path}{what}")


def searched(limits: SearchLimits, oracle: Oracle) -> tuple[Search, list[Question]]:
    """The whole search, with all its questions."""
    search, questions = begin_search(limits, ()), list[Question]()
    while (question := next_question(search)) is not None:
        questions.append(question)
        match question:
            case Propose(thought=thought, count=count):
                search = proposed(search, question, oracle.proposals(thought, count))
            case Score(thoughts=thoughts):
                search = scored(search, question, oracle.scores(thoughts))
            case Reflect(plan=plan):
                search = reflected(search, Plan(plan.goal, (*plan.steps, PlanStep("Look again."))))
        assert search.calls == len(questions)
    return search, questions


LIMITS = st.builds(
    SearchLimits,
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["beam", "best_first"]),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from([0.0, 0.0, 0.3, 0.9]),
    st.sampled_from([1.0, 0.8, 0.0]),
)
ORACLES = st.builds(Oracle, st.integers(0, 10**6), st.sampled_from([0.0, 0.0, 0.4]))


@given(LIMITS, ORACLES)
@settings(max_examples=600, deadline=None)
def test_no_search_goes_beyond_its_limits(limits: SearchLimits, oracle: Oracle) -> None:
    search, questions = searched(limits, oracle)
    assert 1 <= len(questions) <= limits.max_model_calls
    assert not any(isinstance(question, Reflect) for question in questions[:-1]), "the look back comes last"
    expanded = [question.thought for question in questions if isinstance(question, Propose)]
    assert len({thought.path for thought in expanded}) == len(expanded), "no thought is thought further twice"
    assert all(len(question.thoughts) <= MOST_SCORED for question in questions if isinstance(question, Score))
    paths = list(search.fates)
    assert all(1 <= len(path) <= limits.depth and max(path) < limits.branches for path in paths)
    kept = [path for path, (_, fate) in search.fates.items() if fate != "pruned"]
    groups = Counter(len(path) if limits.strategy == "beam" else path[:-1] for path in kept)
    assert max(groups.values(), default=0) <= limits.width


@given(LIMITS, ORACLES)
@settings(max_examples=400, deadline=None)
def test_what_is_dropped_is_worth_no_more_than_what_is_kept(limits: SearchLimits, oracle: Oracle) -> None:
    search, _ = searched(limits, oracle)
    for path, (thought, fate) in search.fates.items():
        if fate != "pruned" or thought.worth < limits.min_score:
            continue
        same = [
            other
            for where, (other, its) in search.fates.items()
            if its != "pruned" and (len(where) == len(path) if limits.strategy == "beam" else where[:-1] == path[:-1])
        ]
        assert len(same) == limits.width
        assert all(other.worth >= thought.worth for other in same)


def best_of_all(limits: SearchLimits, oracle: Oracle) -> tuple[float, tuple[int, ...]]:
    """The best whole plan, when every thought is thought to its end."""
    found: list[tuple[float, tuple[int, ...]]] = []

    def walk(thought: Thought) -> None:
        for number, one in enumerate(oracle.proposals(thought, limits.branches)[: limits.branches]):
            path = (*thought.path, number)
            if one.complete or len(path) == limits.depth:
                found.append((-oracle.score(path), path))
            else:
                walk(replace(thought, path=path))

    walk(Thought())
    return min(found)


@given(st.integers(2, 3), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_with_room_for_all_both_strategies_find_the_best_plan_there_is(branches: int, depth: int, seed: int) -> None:
    wide = SearchLimits(branches**depth, branches, depth, "beam", 1000)
    oracle = Oracle(seed)
    beam, _ = searched(wide, oracle)
    best_first, _ = searched(replace(wide, strategy="best_first"), oracle)
    assert beam.best is not None
    assert best_first.best is not None
    _, path = best_of_all(wide, oracle)
    assert beam.best.path == path == best_first.best.path
    assert beam.plan == best_first.plan


def test_the_cheap_mode_asks_for_one_plan_and_looks_back_on_it() -> None:
    search, questions = searched(SearchLimits(), Oracle(1))
    assert [type(question) for question in questions] == [Propose, Reflect]
    assert search.plan is not None
    assert search.plan.steps[-1].text == "Look again."
    assert [(one.path, one.score, one.fate) for one in search.figures()] == [((0,), None, "chosen")]


def test_one_call_is_a_plan_without_a_look_back() -> None:
    for branches in (1, 4):
        search, questions = searched(SearchLimits(branches=branches, max_model_calls=1), Oracle(1))
        assert [type(question) for question in questions] == [Propose]
        assert search.plan is not None


def first(search: Search, *proposals: Proposal) -> Search:
    question = next_question(search)
    assert isinstance(question, Propose)
    return proposed(search, question, proposals)


def test_a_plan_that_needs_unknown_tools_gives_way_to_one_that_does_not() -> None:
    bad, good = Proposal((PlanStep("a", ("no",)),)), Proposal((PlanStep("b", ("yes",)),))
    search = first(begin_search(TREE, ["yes"]), bad, good)
    assert search.best is not None
    assert search.best.steps == good.steps


def test_the_look_back_may_mend_the_tools_of_the_only_plan() -> None:
    search = first(begin_search(SearchLimits(), ["yes"]), Proposal((PlanStep("a", ("no", "yes")),)))
    assert search.plan is None
    question = next_question(search)
    assert question == Reflect(Plan("", (PlanStep("a", ("no", "yes")),)), ("no",))
    mended = Plan("g", (PlanStep("a", ("yes",)),))
    assert reflected(search, mended).plan == mended
    assert reflected(search, Plan("g", (PlanStep("a", ("other",)),))).plan is None
    assert reflected(search, None).plan is None


def test_a_look_back_that_is_of_no_use_leaves_the_plan() -> None:
    search = first(begin_search(SearchLimits(), ["yes"]), Proposal((PlanStep("a", ("yes",)),), "g"))
    plan = Plan("g", (PlanStep("a", ("yes",)),))
    for answer in (None, Plan("", ()), Plan("", (PlanStep("x", ("no",)),)), Plan("", (PlanStep("x"),) * 51)):
        assert reflected(search, answer).plan == plan


@pytest.mark.parametrize(
    "steps",
    [(), (PlanStep(""),), (PlanStep(" \n"),), (PlanStep("x" * (MOST_TEXT + 1)),), (PlanStep("x"),) * (MOST_STEPS + 1)],
)
def test_what_is_no_plan_is_not_taken(steps: tuple[PlanStep, ...]) -> None:
    search = first(begin_search(SearchLimits(), ()), Proposal(steps))
    assert search.plan is None
    assert next_question(search) is None


def test_where_a_thought_leads_nowhere_it_is_taken_as_far_as_it_goes() -> None:
    search = first(begin_search(SearchLimits(depth=3), ()), Proposal((PlanStep("a"),), complete=False))
    search = first(search)
    assert search.plan == Plan("", (PlanStep("a"),))
    assert isinstance(next_question(search), Reflect)


def test_scores_that_are_missing_or_no_numbers_count_as_the_thought_before() -> None:
    search = first(begin_search(TREE, ()), *(Proposal((PlanStep(name),), complete=False) for name in "abc"))
    question = next_question(search)
    assert isinstance(question, Score)
    worths = [thought.worth for thought in scored(search, question, [math.nan, 7.0]).open]
    assert worths == [1.0, 0.5]
    assert [thought.path for thought in scored(search, question, []).open] == [(0,), (1,)]
    assert [thought.path for thought in scored(search, question, [-1.0, 0.2, 0.3, 0.9]).open] == [(2,), (1,)]


def test_thoughts_that_are_the_same_are_one() -> None:
    same = Proposal((PlanStep("a"),))
    assert len(first(begin_search(TREE, ()), same, same).fates) == 1


def test_what_is_on_record_of_a_large_tree_is_bounded() -> None:
    search, _ = searched(SearchLimits(40, 40, 2, max_model_calls=100), Oracle(3))
    assert len(search.fates) > MOST_ON_RECORD >= len(search.figures())


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"branches": -1},
        {"depth": True},
        {"max_model_calls": 1.5},
        {"min_score": 2},
        {"enough": "x"},
        {"strategy": "deep"},
        {"reflect": 1},
    ],
)
def test_wrong_limits_are_refused(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"TreeOfThought: {name}"):
        replace(TREE, **wrong)  # type: ignore[arg-type]
