"""The search for a plan as a pure state machine: a state, the next question to a model, and the state after its answer.

A thought is an unfinished plan: the steps so far. The search lets a model propose continuations of a thought and score
them, prunes those that are not worth more requests, expands the best, and finally lets the model review the plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from lightagent.domain.planning.plans import (
    MOST_ON_RECORD,
    MOST_PLAN,
    MOST_STEPS,
    MOST_TEXT,
    Fate,
    Plan,
    PlanStep,
    ThoughtFigures,
)
from lightagent.domain.planning.thoughts import (
    Proposal,
    Propose,
    Question,
    Reflect,
    Score,
    SearchLimits,
    Thought,
    is_usable,
    size_of,
)

MOST_SCORED: Final = 40
"""Thoughts that one question has scored."""


@dataclass(frozen=True, slots=True)
class Search:
    """The state of a search.

    Attributes:
        limits: how far it goes.
        tools: what the steps of a plan may need.
        calls: questions that were asked.
        open: thoughts that may be thought further, in the order in which that happens.
        fresh: thoughts that were proposed, and of which none was chosen yet.
        complete: whole plans.
        stuck: thoughts for which nothing was proposed.
        fates: every thought that was proposed, and what became of it.
        reflected: the plan as it was after the look back.
        looked_back: the look back was asked for.
    """

    limits: SearchLimits
    tools: frozenset[str]
    calls: int = 0
    open: tuple[Thought, ...] = (Thought(),)
    fresh: tuple[Thought, ...] = ()
    complete: tuple[Thought, ...] = ()
    stuck: tuple[Thought, ...] = ()
    fates: Mapping[tuple[int, ...], tuple[Thought, Fate]] = field(default_factory=lambda: MappingProxyType({}))
    reflected: Plan | None = None
    looked_back: bool = False

    @property
    def best(self) -> Thought | None:
        """The best complete plan or, without one, the best thought. None if nothing usable was proposed."""
        begun = tuple(thought for thought in (*self.open, *self.fresh) if thought.path)
        return min(self.complete or begun or self.stuck, key=_by_worth, default=None)

    @property
    def plan(self) -> Plan | None:
        """The result of the search; None if no plan was found that can be carried out with these tools."""
        if self.reflected is not None:
            return self.reflected
        best = self.best
        return None if best is None or self.unknown_tools(best.steps) else best.plan

    @property
    def calls_left(self) -> int:
        """Questions that may still be asked."""
        return self.limits.max_model_calls - self.calls

    def unknown_tools(self, steps: Iterable[PlanStep]) -> tuple[str, ...]:
        """The names of tools that the steps need and that there are not."""
        return tuple(dict.fromkeys(name for step in steps for name in step.tools if name not in self.tools))

    def figures(self) -> tuple[ThoughtFigures, ...]:
        """The tree as far as it was searched, in the order in which it was thought of."""
        best = None if self.plan is None else self.best
        chosen = None if best is None else best.path
        return tuple(
            ThoughtFigures(
                path,
                "; ".join(step.text for step in thought.added)[:MOST_TEXT],
                thought.score,
                "chosen" if path == chosen else fate,
            )
            for path, (thought, fate) in tuple(self.fates.items())[:MOST_ON_RECORD]
        )


def begin_search(limits: SearchLimits, tools: Iterable[str]) -> Search:
    """Return a search before its first question."""
    return Search(limits, frozenset(tools))


def next_question(search: Search) -> Question | None:
    """What to ask now; None once the search is over."""
    if search.looked_back or search.calls_left < 1:
        return None
    unscored = tuple(thought for thought in search.fresh if not thought.asked)
    going_on = bool(search.open) and not _is_over(search) and _has_room(search)
    if unscored and not (going_on and search.limits.strategy == "beam"):
        return Score(unscored[:MOST_SCORED])
    if going_on:
        return Propose(search.open[0], search.limits.branches)
    best = search.best
    if best is None or not search.limits.reflect:
        return None
    return Reflect(best.plan, search.unknown_tools(best.steps))


def proposed(search: Search, question: Propose, proposals: Sequence[Proposal]) -> Search:
    """Return the search after these proposals, which are empty if the answer is missing or could not be read.

    Proposals that need unknown tools are dropped unless all of them do: the reflection may correct that.
    """
    parent, limits = question.thought, search.limits
    room = MOST_PLAN - size_of(parent.steps)
    usable = [one for one in dict.fromkeys(proposals) if is_usable(one.steps) and size_of(one.steps) <= room]
    known = [one for one in usable if not search.unknown_tools(one.steps)]
    taken = (known or (usable if limits.reflect else []))[: question.count]
    added = tuple(_next_thought(parent, number, one, limits.depth) for number, one in enumerate(taken))
    if parent.path and added:
        search = _with_fate(search, (parent,), "expanded")
    elif parent.path:
        search = replace(search, stuck=(*search.stuck, parent))
    search = _with_fate(search, added, "open")
    search = replace(search, calls=search.calls + 1, open=search.open[1:], fresh=(*search.fresh, *added))
    return _settled(search)


def scored(search: Search, question: Score, scores: Sequence[float]) -> Search:
    """Return the search after these scores, in the order of the question.

    A thought without a valid score is worth as much as its parent.
    """
    given = dict(zip((thought.path for thought in question.thoughts), scores, strict=False))
    asked = {thought.path for thought in question.thoughts}
    fresh = tuple(_with_score(one, given.get(one.path)) if one.path in asked else one for one in search.fresh)
    return _settled(replace(search, calls=search.calls + 1, fresh=fresh))


def reflected(search: Search, plan: Plan | None) -> Search:
    """Return the search after the reflection; `plan` is None if the answer is missing or could not be read."""
    kept = None
    if plan is not None and is_usable(plan.steps) and not search.unknown_tools(plan.steps):
        kept = Plan(plan.goal.strip()[:MOST_TEXT], plan.steps)
    return replace(search, calls=search.calls + 1, reflected=kept, looked_back=True)


def _next_thought(parent: Thought, number: int, proposal: Proposal, depth: int) -> Thought:
    steps, path = (*parent.steps, *proposal.steps), (*parent.path, number)
    complete = proposal.complete or len(path) >= depth or len(steps) >= MOST_STEPS
    goal = parent.goal or proposal.goal.strip()[:MOST_TEXT]
    return Thought(path, goal, steps[:MOST_STEPS], proposal.steps, complete, worth=parent.worth)


def _with_score(thought: Thought, score: float | None) -> Thought:
    """The thought with the score that was given for it, if it is a number."""
    if score is None or math.isnan(score):
        return replace(thought, asked=True)
    worth = min(max(score, 0.0), 1.0)
    return replace(thought, score=worth, asked=True, worth=worth)


def _settled(search: Search) -> Search:
    """The search once the best of the fresh thoughts are chosen, if it is time for that."""
    if not search.fresh or _waits(search):
        return search
    limits = search.limits
    ranked = sorted(search.fresh, key=_by_worth)
    kept = tuple(thought for thought in ranked if thought.worth >= limits.min_score)[: limits.width]
    search = _with_fate(search, (thought for thought in ranked if thought not in kept), "pruned")
    search = _with_fate(search, (thought for thought in kept if thought.complete), "complete")
    search = _with_fate(search, (thought for thought in kept if not thought.complete), "open")
    done = tuple(thought for thought in kept if thought.complete)
    going_on = tuple(thought for thought in kept if not thought.complete)
    if limits.strategy == "best_first":
        going_on = tuple(sorted((*search.open, *going_on), key=_by_worth))
    elif not kept:  # The level ended early for want of room, and what came of it is of no use.
        going_on = search.open
    return replace(search, open=going_on, fresh=(), complete=(*search.complete, *done))


def _waits(search: Search) -> bool:
    """Whether the fresh thoughts have to wait for others of their level, or for scores."""
    if search.limits.strategy == "beam" and search.open and _has_room(search):
        return True
    unscored = any(not thought.asked for thought in search.fresh)
    return unscored and search.calls_left > 0 and _is_choice(search)


def _is_choice(search: Search) -> bool:
    """Whether there is more than one thought, so that scores say something."""
    return len(search.fresh) + len(search.open) + len(search.complete) > 1


def _is_over(search: Search) -> bool:
    """Whether a whole plan is as good as it has to be."""
    return any(one.score is not None and one.score >= search.limits.enough for one in search.complete)


def _has_room(search: Search) -> bool:
    """Whether one more proposal can be asked for, with the scores of all that is fresh then, and the look back.

    The first one is asked for in any case.
    """
    if search.calls == 0:
        return True
    fresh = len(search.fresh) + search.limits.branches
    scores = -(-fresh // MOST_SCORED) if search.limits.branches > 1 else 0
    return search.calls_left >= 1 + scores + search.limits.reflect


def _by_worth(thought: Thought) -> tuple[float, tuple[int, ...]]:
    return -thought.worth, thought.path


def _with_fate(search: Search, thoughts: Iterable[Thought], fate: Fate) -> Search:
    found = {thought.path: (thought, fate) for thought in thoughts}
    return replace(search, fates=MappingProxyType({**search.fates, **found})) if found else search
