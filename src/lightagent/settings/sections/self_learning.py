"""The section ``[default.self_learning]``: whether and how agents learn from their runs."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from lightagent.application.agent_options.self_learning import SelfLearning
from lightagent.ports.models import ChatModel
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section

_DEFAULT: Final = SelfLearning()

_RULES: Final = frozenset({"expires_after", "max_age", "useless_after", "unused_after"})
"""The keys that say when a lesson is stale."""


class SelfLearningSettings(Section):
    """How agents learn from their runs; see `SelfLearning`. In the rules for stale lessons, 0 means never."""

    enabled: Annotated[bool, NEEDS_TRUST] = Field(
        default=False, description="After each run a model is asked what would help in later ones."
    )
    model: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, min_length=1, description="Another model of the same backend that looks back."
    )
    most_lessons: Annotated[int, SAFE] = Field(
        default=_DEFAULT.most_lessons, ge=1, description="Lessons that a run may teach."
    )
    timeout: Annotated[float, SAFE] = Field(
        default=_DEFAULT.timeout, gt=0, description="Seconds for the answer of the model that looks back."
    )
    expires_after: Annotated[float, NEEDS_TRUST] = Field(
        default=_DEFAULT.expires_after or 0, ge=0, description="Seconds without use that end a lesson; 0 for never."
    )
    max_age: Annotated[float, NEEDS_TRUST] = Field(
        default=_DEFAULT.max_age or 0, ge=0, description="Seconds after its promotion that end a lesson; 0 for never."
    )
    useless_after: Annotated[int, NEEDS_TRUST] = Field(
        default=_DEFAULT.useless_after or 0,
        ge=0,
        description="Rated runs, none of them rated well, that end a lesson; 0 for never.",
    )
    unused_after: Annotated[int, NEEDS_TRUST] = Field(
        default=_DEFAULT.unused_after or 0,
        ge=0,
        description="Runs, none of which used it, that end a lesson; 0 for never.",
    )

    def learning(self, model: ChatModel | None = None) -> SelfLearning | None:
        """The settings as an option of an agent; None if agents do not learn.

        Args:
            model: the model that reviews runs; None for the agent's own.
        """
        return self.options(model) if self.enabled else None

    @property
    def says_rules(self) -> bool:
        """Whether rules for stale lessons apply: one is set, or learning is enabled with its default rules."""
        return self.enabled or bool(self.model_fields_set & _RULES)

    def options(self, model: ChatModel | None = None) -> SelfLearning:
        """The settings as an option of an agent, even if they do not enable learning: a program may do so itself."""
        return SelfLearning(
            model,
            self.most_lessons,
            self.timeout,
            self.expires_after or None,
            self.max_age or None,
            self.useless_after or None,
            self.unused_after or None,
        )
