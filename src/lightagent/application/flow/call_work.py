"""A step that is a callable."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.step_work import Noted, StepTask, StepWork
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.review.decisions import ApprovalDecision


class CallWork(StepWork):
    """A callable of the step's query and, where it takes a second argument, of the context."""

    __slots__ = ("_digests", "_function")

    def __init__(self, function: FlowFunction) -> None:
        self._function = function
        self._digests: tuple[CodeDigest, ...] = ()

    @property
    def name(self) -> str:
        return self._function.name

    @property
    def captures_content(self) -> bool:
        return False

    def declared(self, levels: int) -> None:
        self._function.digest()

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        if not self._digests:  # A function stays what it was when it was declared.
            self._digests = (CodeDigest("agent", self._function.digest()),)
        return self._digests

    def do(self, task: StepTask) -> Coroutine[object, object, object]:
        wants = self._function.wants
        given = (task.query, task.context()) if wants > 1 else (task.query,)[:wants]
        return self._function.call(*given, is_cancelled=task.is_cancelled)

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        raise ConfigurationError(f"{self.name} is a callable, and nothing waits within it.", guidance="")
