"""What a search for a plan deals with: its limits, thoughts, proposals, and the questions that a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.planning.plans import MOST_PLAN, MOST_STEPS, MOST_TEXT, Plan, PlanStep

Strategy: TypeAlias = Literal["beam", "best_first"]

_MIDDLE: Final = 0.5
"""The score of a thought if neither it nor its parent was scored."""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How far the search goes.

    Attributes:
        width: thoughts that are kept: with ``beam`` of each level, with ``best_first`` of the children of one thought.
        branches: proposals requested at once.
        depth: the depth of the tree: how often a thought may be expanded.
        strategy: ``beam`` expands all thoughts kept of a level, ``best_first`` always the best open thought.
        max_model_calls: the most requests to the model, including the reflection.
        reflect: let the model review the plan at the end.
        min_score: thoughts with a lower score are dropped.
        enough: the search ends with a complete plan of at least this score.
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
    """A continuation of a thought that a model proposes.

    Attributes:
        steps: the next steps.
        goal: what the plan is for; the first goal that is given is kept.
        complete: whether nothing is left to do after these steps.
    """

    steps: tuple[PlanStep, ...]
    goal: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Thought:
    """A plan in the making.

    Attributes:
        path: its place in the tree, see `ThoughtFigures`.
        steps: all steps so far; `added` are those that its parent does not have.
        complete: it is a complete plan, or must not be expanded further.
        score: the score that a model gave it; `asked` tells whether a model was asked for one.
        worth: the score or, without one, the worth of its parent.
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
    """Ask for a corrected plan; `unknown` are the tools in it that do not exist."""

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
