"""How an agent learns from its runs."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.models import ChatModel


@dataclass(frozen=True, slots=True)
class SelfLearning:
    """How an agent learns from its runs: after each, a model is asked what would help in later ones.

    Attributes:
        model: the model that looks back; None: that of the agent.
        most_lessons: how many a run may teach at most.
        timeout: seconds for its answer; a run that it does not come in time for teaches nothing.
        expires_after: seconds after which a lesson that was of no use is not recalled any more; None: never.

    Raises:
        ConfigurationError: a number is not above 0.
    """

    model: ChatModel | None = None
    most_lessons: int = 3
    timeout: float = 30.0
    expires_after: float | None = 90 * 86_400.0

    def __post_init__(self) -> None:
        for name in ("most_lessons", "timeout", "expires_after"):
            value: object = getattr(self, name)
            if name == "expires_after" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ConfigurationError(f"SelfLearning: {name} is a number above 0, not {value!r:.50}.", guidance="")
