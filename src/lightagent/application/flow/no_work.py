"""Steps without work of their own: a map and a loop, whose work is inside them, and a wait."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.flow.step_work import Noted, StepTask, StepWork
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.review.decisions import ApprovalDecision


class NoWork(StepWork):
    """Work that the engine never calls.

    Args:
        kind: of the step, such as `map`.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @property
    def name(self) -> str:
        return self._kind

    @property
    def captures_content(self) -> bool:
        return False

    def declared(self, levels: int) -> None:
        """It has no source."""

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        return ()

    async def do(self, task: StepTask) -> object:
        raise ConfigurationError(
            f"The step {task.place.path!r:.100} is a {self._kind} here, and was something else when its run was begun.",
            guidance="Go on with the flow that the run was begun with.",
        )

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        raise ConfigurationError(
            f"Nothing waits in the {self._kind} itself.",
            guidance="Name the step inside it by its path; get_run shows the paths.",
        )
