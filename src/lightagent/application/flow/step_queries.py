"""What a step is asked, and what it may know of the flow around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.show_flow import step_result
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.application.flow.step_result import LightFlowStepResult
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.state import FlowState


class StepsBefore(Mapping[str, LightFlowStepResult]):
    """What came of the steps before one, looked up when it is asked for: there may be thousands of them."""

    __slots__ = ("_names", "_path", "_state")

    def __init__(self, state: FlowState, path: str) -> None:
        self._state = state
        self._path = path
        self._names: tuple[str, ...] | None = None
