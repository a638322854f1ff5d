"""How an agent learns from its runs."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.learning.lesson_ratings import LessonRules
from lightagent.ports.models import ChatModel


@dataclass(frozen=True, slots=True)
class SelfLearning:
    """How an agent learns from its runs: after each, a model is asked what would help in later ones.

    Attributes:
        model: the model that draws the lessons; None for the model of the agent.
        most_lessons: the most lessons of one run.
        timeout: seconds for its answer; without an answer in time, the run yields no lessons.
        expires_after: a lesson that was of no use for so many seconds is recalled no more: no answer used it, and no
            run that was told of it was rated well. None: never.
        max_age: so many seconds after it was promoted a lesson is recalled no more, however useful. None: never.
        useless_after: a lesson is recalled no more after so many runs that were told of it and rated, none of them
            well. None: never.
        unused_after: a lesson is recalled no more after so many runs that were told of it, none of which used it or was
            rated well. None: never, since a lesson about style is followed without its words.

    Raises:
        ConfigurationError: a number is not above 0, or a count is not an integer.
    """

    model: ChatModel | None = None
    most_lessons: int = 3
    timeout: float = 30.0
    expires_after: float | None = 90 * 86_400.0
    max_age: float | None = None
    useless_after: int | None = 10
    unused_after: int | None = None

    def __post_init__(self) -> None:
        for name in ("timeout", "expires_after", "max_age"):
            self._check(name, "a number", whole=False, optional=name != "timeout")
        for name in ("most_lessons", "useless_after", "unused_after"):
            self._check(name, "a whole number", whole=True, optional=name != "most_lessons")

    def _check(self, name: str, wanted: str, *, whole: bool, optional: bool) -> None:
        value: object = getattr(self, name)
        if optional and value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value > 0:
            raise ConfigurationError(f"SelfLearning: {name} is {wanted} above 0, not {value!r:.50}.", guidance="")

    @property
    def rules(self) -> LessonRules:
        """When a lesson is stale."""
        return LessonRules(self.max_age, self.expires_after, self.useless_after, self.unused_after)
