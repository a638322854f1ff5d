"""What a search for a plan deals with: its limits, thoughts, proposals, and the questions that a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.plans import MOST_PLAN, MOST_STEPS, MOST_TEXT, Plan, PlanStep

Strategy: TypeAlias = Literal["beam", "best_first"]

_MIDDLE: Final = 0.5
"""The score of a thought that nobody has scored, nor the one that it goes on from."""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How far the search goes.

    Attributes:
        width: thoughts that are kept: with ``beam`` of each level, with ``best_first`` of those that go on from one.
        branches: proposals that are asked for at once.
        depth: how often a thought may be thought further.
        strategy: ``beam`` goes on with all that is kept of a level, ``best_first`` with the best thought there is.
        max_model_calls: questions, the look back included.
        reflect: have the model look back on the plan.
        min_score: thoughts of a lower score are dropped.
        enough: the search ends with a whole plan of this score.
    """

    width: int = 1
    branches: int = 1
    depth: int = 1
    strategy: Strategy = "beam"
    max_model_calls: int = 20
    reflect: bool = True
    min_score: float = 0.0
    enough: float = 1.0

    def __post_init__(self) -> None:
        for name in ("width", "branches", "depth", "max_model_calls"):
            count: object = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise _refused(name, "a whole number above 0", count)
        for name in ("min_score", "enough"):
            score: object = getattr(self, name)
            if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
                raise _refused(name, "a number from 0 to 1", score)
        if self.strategy not in ("beam", "best_first"):
            raise _refused("strategy", "'beam' or 'best_first'", self.strategy)
        reflect: object = self.reflect
        if not isinstance(reflect, bool):
            raise _refused("reflect", "True or False", reflect)


def _refused(name: str, wanted: str, given: object) -> ConfigurationError:
    return ConfigurationError(f"TreeOfThought: {name} is {wanted}, not {given!r:.50}.", guidance="")


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a model says that a thought may go on.

    Attributes:
        steps: that come next.
        goal: what the plan is for; the first one that is given holds.
        complete: nothing is left to do after them.
    """

    steps: tuple[PlanStep, ...]
    goal: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Thought:
    """A plan in the making.

    Attributes:
        path: its place in the tree, see `ThoughtFigures`.
        steps: all until now; `added` are those that it has and the thought before it has not.
        complete: it is a whole plan, or may not be thought further.
        score: that a model gave it; asked: a model was asked for it.
        worth: the same; where there is none, that of the thought before it.
    """

    path: tuple[int, ...] = ()
    goal: str = ""
    steps: tuple[PlanStep, ...] = ()
    added: tuple[PlanStep, ...] = ()
    complete: bool = False
    score: float | None = None
    asked: bool = False
    worth: float = _MIDDLE

    @property
    def plan(self) -> Plan:
        """The thought as a plan."""
        return Plan(self.goal, self.steps)


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask for at most `count` ways in which this thought may go on."""

    thought: Thought
    count: int


@dataclass(frozen=True, slots=True)
class Score:
    """Ask how promising each of these is, from 0 to 1."""

    thoughts: tuple[Thought, ...]


@dataclass(frozen=True, slots=True)
class Reflect:
    """Ask for the plan once more, with what is wrong with it mended; `unknown` are tools in it that nobody has."""

    plan: Plan
    unknown: tuple[str, ...] = ()


Question: TypeAlias = Propose | Score | Reflect


def is_usable(steps: Sequence[PlanStep]) -> bool:
    """Whether these steps are something that can be done, and not too much to be told."""
    said = all(0 < len(step.text.strip()) <= MOST_TEXT for step in steps)
    return said and 0 < len(steps) <= MOST_STEPS and size_of(steps) <= MOST_PLAN


def size_of(steps: Sequence[PlanStep]) -> int:
    """The characters of steps, with those of the names of their tools."""
    return sum(len(step.text) + sum(map(len, step.tools)) for step in steps)
