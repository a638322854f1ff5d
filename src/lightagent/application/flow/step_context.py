"""What a step may know of the flow around it: the input, and what came of the steps before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar, overload

from typing_extensions import TypeForm

from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_result import LightFlowStepResult
from lightagent.domain.json_types import JsonValue
from lightagent.domain.scopes import NO_SCOPE, Scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Where in a run of a flow something happens.

    Attributes:
        run_id, trace_id: of the flow's run.
        scope: whose run it is.
        path: of the step; its name, unless it is within another one.
        attempt: counted from 1.
        key: the idempotency key: the same for all attempts of a step, new after a rerun.
    """

    run_id: str = ""
    trace_id: str = ""
    scope: Scope = NO_SCOPE
    path: str = ""
    attempt: int = 1
    key: str = ""


NOWHERE: Final = StepPlace()
"""In no run."""


def _never() -> bool:
    return False


class _Outputs(Mapping[str, str]):
    """The contents of those steps that succeeded."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Mapping[str, LightFlowStepResult]) -> None:
        self._steps = steps

    def __getitem__(self, name: str, /) -> str:
        step = self._steps[name]
        if step.status != "success":
            raise KeyError(name)
        return step.content

    def __iter__(self) -> Iterator[str]:
        return (name for name, step in self._steps.items() if step.status == "success")

    def __len__(self) -> int:
        return sum(step.status == "success" for step in self._steps.values())


_KEYS: Final = ("input", "outputs", "steps")


class StepContext(Mapping[str, object]):
    """What callables of a step are given: ``context["outputs"]["research"]`` and ``context.outputs["research"]``.

    It knows the steps that come before this one, directly or by way of others, and no step that merely happens to be
    over: else what a step does would depend on which one is quicker.

    Args:
        input: what the run was asked.
        steps: what came of each step before, by name; looked up when it is asked for.
        place: where this is.
        is_cancelled: whether the attempt was given up; a long synchronous callable should ask it.

    Attributes:
        outputs: the content of each of those steps that succeeded, by name.
    """

    __slots__ = ("_place", "input", "is_cancelled", "outputs", "steps")

    def __init__(
        self,
        input: str,
        steps: Mapping[str, LightFlowStepResult],
        place: StepPlace = NOWHERE,
        is_cancelled: Callable[[], bool] = _never,
    ) -> None:
        self.input = input
        self.steps = steps
        self.outputs: Mapping[str, str] = _Outputs(steps)
        self.is_cancelled = is_cancelled
        self._place = place

    @property
    def run_id(self) -> str:
        """The id of the flow's run."""
        return self._place.run_id

    @property
    def user_id(self) -> str:
        """The user the run serves; empty if none was named."""
        return self._place.scope.user

    @property
    def tenant(self) -> str:
        """The tenant the run serves; empty if none was named."""
        return self._place.scope.tenant

    @property
    def attempt(self) -> int:
        """Which attempt at the step this is, counted from 1."""
        return self._place.attempt

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts at the step, also after a crash, and another one after a rerun.

        Hand it to what has the effect, so that it has it once.
        """
        return self._place.key

    @overload
    def output(self, step: str) -> JsonValue: ...

    @overload
    def output(self, step: str, form: TypeForm[T]) -> T: ...

    def output(self, step: str, form: TypeForm[T] | None = None) -> T | JsonValue:
        """What a step before gave: as plain JSON, or as a value of a type, such as the step's `output_type`.

        Raises:
            KeyError: no step before has this name.
            OutputError: it is not of the type.
        """
        kept = self.steps[step].output
        return kept if form is None else OutputForm(form).read(kept, step)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: Literal["input"], /) -> str: ...

        @overload
        def __getitem__(self, key: Literal["outputs"], /) -> Mapping[str, str]: ...

        @overload
        def __getitem__(self, key: Literal["steps"], /) -> Mapping[str, LightFlowStepResult]: ...

        @overload
        def __getitem__(self, key: str, /) -> object: ...

    def __getitem__(self, key: str, /) -> object:
        """The input, the outputs or the steps."""
        if key == "input":
            return self.input
        if key == "outputs":
            return self.outputs
        if key == "steps":
            return self.steps
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)
