"""Plans: what an agent means to do before it acts, and the event that puts them on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.policy.phases import Decision
from lightagent.domain.usage import Usage

PLAN_SOURCE: Final = "plan"
"""The source of the message that tells a model its plan."""

MOST_STEPS: Final = 50
"""The most steps of a plan; an answer with more is rejected."""

MOST_TEXT: Final = 2_000
"""Characters of a goal or of a step."""

MOST_PLAN: Final = 20_000
"""Characters of all steps of a plan, with the names of their tools; the agent is told them with each request."""

MOST_ON_RECORD: Final = 200
"""Thoughts of a tree that its event holds; of a larger one the first."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One thing to do.

    Attributes:
        text: what, in a sentence.
        tools: the names of the tools that it needs.
    """

    text: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        goal: what it is for, in a sentence.
        steps: in their order.
    """

    goal: str
    steps: tuple[PlanStep, ...]

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that its steps need, each once."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.tools))


Fate: TypeAlias = Literal["chosen", "complete", "open", "expanded", "pruned"]
"""The final state of a thought.

* chosen: it became the plan.
* complete: it is a complete plan, but another one was better.
* open: it could have been expanded.
* expanded: it has children.
* pruned: it was not worth expanding.
"""


@dataclass(frozen=True, slots=True)
class ThoughtFigures:
    """A thought of a tree, for the record.

    Attributes:
        path: the numbers of its ancestors, and at last its own number among the children of the same parent.
        text: the steps that it adds.
        score: from 0 to 1; None if it was not compared with others.
    """

    path: tuple[int, ...]
    text: str
    score: float | None
    fate: Fate


@dataclass(frozen=True, slots=True)
class Planned:
    """A model was asked for a plan.

    Attributes:
        plan: the result; None without one, in which case an earlier plan stays.
        message: tells the plan to the model that acts, before the query, in the place of the former plan.
        offered: the names of the tools that are offered from here on, of those that the agent has; None: all of them.
        error: why planning failed, or what the plan lacks, such as the reflection on it.
        thoughts: the tree that was searched.
        model: that was asked.
        model_calls: requests to it.
        usage: the tokens of all of them.
        decisions: of the policies that reviewed what was asked, and the answers.
    """

    plan: Plan | None
    message: ContextMessage | None = None
    offered: tuple[str, ...] | None = None
    error: LightAgentErrorInfo | None = None
    thoughts: tuple[ThoughtFigures, ...] = ()
    model: str = ""
    model_calls: int = 0
    usage: Usage | None = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["planned"] = "planned"
