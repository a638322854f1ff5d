"""What a step may know of the flow around it: the input, and the results of the steps before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar, overload

from typing_extensions import TypeForm

from lightagent.application.flow.artifacts import refer_to
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_result import LightFlowStepResult, step_result
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.context import SeenSteps
from lightagent.domain.flow.context import StepContext as Seen
from lightagent.domain.flow.outputs import Artifact, StepOutput
from lightagent.domain.json_types import JsonValue
from lightagent.domain.scopes import NO_SCOPE, Scope

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StepPlace:
    """A place in a run of a flow.

    Attributes:
        run_id, trace_id: of the flow's run.
        scope: whose run it is.
        path: of the step; its name, unless it is within another one.
        attempt: counted from 1; 0 before the first.
        key: the idempotency key: the same for all attempts of a step, new after a rerun.
    """

    run_id: str = ""
    trace_id: str = ""
    scope: Scope = NO_SCOPE
    path: str = ""
    attempt: int = 0
    key: str = ""


def _never() -> bool:
    return False


class _Steps(Mapping[str, LightFlowStepResult]):
    """The results of earlier steps, looked up on access: there may be thousands of them."""

    __slots__ = ("_seen",)

    def __init__(self, seen: SeenSteps) -> None:
        self._seen = seen

    def __getitem__(self, name: str, /) -> LightFlowStepResult:
        node = self._seen.node(name)
        if node is None:
            raise KeyError(name)
        return step_result(node)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)


_KEYS: Final = ("input", "outputs", "steps")


class StepContext(Mapping[str, object]):
    """The context for callables of a step: ``context["outputs"]["research"]`` and ``context.outputs["research"]``.

    It knows the steps that come before this one, directly or by way of others, but not other steps that happen to be
    over: otherwise the outcome would depend on which step is quicker.

    Args:
        seen: what the step sees of the run.
        place: where this is.
        is_cancelled: whether the attempt was given up; a long synchronous callable should check it.
        made: takes the files that the attempt makes.

    Attributes:
        input: the input of the run.
        outputs: of the steps before, as texts, by name.
        steps: their results, by name.
        previous: within a loop the results of the round before, by name.
    """

    __slots__ = ("_made", "_place", "_seen", "input", "is_cancelled", "outputs", "previous", "steps")

    def __init__(
        self,
        seen: Seen,
        place: StepPlace,
        is_cancelled: Callable[[], bool] = _never,
        made: list[Artifact] | None = None,
    ) -> None:
        self._seen = seen
        self._place = place
        self._made = made
        self.input: str = StepOutput(seen.input).text
        self.steps: Mapping[str, LightFlowStepResult] = _Steps(seen.steps)
        self.outputs: Mapping[str, str] = seen.outputs
        self.previous: Mapping[str, LightFlowStepResult] = _Steps(seen.previous)
        self.is_cancelled: Callable[[], bool] = is_cancelled

    @property
    def run_id(self) -> str:
        """The id of the flow's run."""
        return self._place.run_id

    @property
    def trace_id(self) -> str:
        """The id of the run's trace."""
        return self._place.trace_id

    @property
    def path(self) -> str:
        """Names the step in its run, such as `each[2]/look`."""
        return self._place.path

    @property
    def item(self) -> JsonValue:
        """Within a map the item of its list; None elsewhere."""
        return self._seen.item

    @property
    def index(self) -> int | None:
        """Within a map the place of the item, counted from 0; None elsewhere."""
        return self._seen.index

    @property
    def round(self) -> int:
        """Within a loop the number of the round, counted from 1; 0 elsewhere."""
        return self._seen.round

    def artifact(self, path: str | Path, *, name: str = "", media_type: str = "") -> Artifact:
        """Put a file that the step has written on record, by reference and with its digest; the file is read now.

        Steps that come later find it in ``context.steps["…"].artifacts``, and read it with `read_artifact`.

        Args:
            name: what it is called, for people; by default the file's name.

        Raises:
            ConfigurationError: the file does not exist, or this is not an attempt at a step.
        """
        if self._made is None:
            raise ConfigurationError("artifact: only what does the work of a step makes files.", guidance="")
        made = refer_to(path, name, media_type)
        self._made.append(made)
        return made

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

        Pass it to the service that has the effect, so that the effect happens once.
        """
        return self._place.key

    @overload
    def output(self, step: str) -> JsonValue: ...

    @overload
    def output(self, step: str, form: TypeForm[T]) -> T: ...

    def output(self, step: str, form: TypeForm[T] | None = None) -> T | JsonValue:
        """The output of an earlier step: as plain JSON, or as a value of a type, such as the step's `output_type`.

        Raises:
            KeyError: no earlier step has this name.
            OutputError: it is not of the type.
        """
        kept = self._seen.steps[step].output
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
