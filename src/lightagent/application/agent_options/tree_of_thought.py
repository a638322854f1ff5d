"""How an agent plans before it acts."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.planning.thoughts import SearchLimits, Strategy
from lightagent.ports.models import ChatModel


@dataclass(frozen=True, slots=True)
class TreeOfThought:
    """How an agent plans before it acts. As it stands, a model is asked for one plan, and once more to look back on it.

    With more `branches` several plans are proposed, scored, and the best is taken. With more `depth` they grow step by
    step: each thought goes on from one before it.

    Attributes:
        width: how many thoughts are kept: of each level, or with ``best_first`` of those that go on from the same one.
        branches: how many ways to go on the model is asked for at once.
        depth: how often a thought may be thought further; 1: whole plans at once.
        strategy: ``beam`` goes on with all that is kept of a level, ``best_first`` with the best thought there is.
        max_model_calls: requests to the model for one plan.
        reflect: have it look back on the plan, and mend it.
        min_score: thoughts of a lower score (0 to 1) are dropped.
        enough: the search ends with a plan of this score.
        filter_tools: offer only the tools that the plan names, besides those of the framework such as `search_tools`.
            What is missing then is offered by the next plan. A plan that names none leaves all of them.
        most_replans: how many times a new plan is made in a run because a step of the one before has failed.
        timeout: seconds for each answer.
        model: which model is asked; None: that of the agent.

    Raises:
        ConfigurationError: a number is out of its range.
    """

    width: int = 1
    branches: int = 1
    depth: int = 1
    strategy: Strategy = "beam"
    max_model_calls: int = 20
    reflect: bool = True
    min_score: float = 0.0
    enough: float = 1.0
    filter_tools: bool = True
    most_replans: int = 1
    timeout: float = 60.0
    model: ChatModel | None = None

    def __post_init__(self) -> None:
        _ = self.limits
        switch: object = self.filter_tools
        if not isinstance(switch, bool):
            raise ConfigurationError(f"TreeOfThought: filter_tools is True or False, not {switch!r:.50}.", guidance="")
        replans: object = self.most_replans
        if isinstance(replans, bool) or not isinstance(replans, int) or replans < 0:
            raise ConfigurationError(
                f"TreeOfThought: most_replans is a whole number from 0 on, not {replans!r:.50}.", guidance=""
            )
        seconds: object = self.timeout
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
            raise ConfigurationError(f"TreeOfThought: timeout is a number above 0, not {seconds!r:.50}.", guidance="")

    @property
    def limits(self) -> SearchLimits:
        """How far the search for a plan goes."""
        return SearchLimits(
            self.width,
            self.branches,
            self.depth,
            self.strategy,
            self.max_model_calls,
            self.reflect,
            self.min_score,
            self.enough,
        )
