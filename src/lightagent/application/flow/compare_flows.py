"""Two runs beside each other, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lightagent.domain.flow.record import FlowRecord, FlowStatus, StepRecord, StepStatus
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class StepSide:
    """A step in one of the two runs.

    Attributes:
        content: its output as text.
        duration_ms: from its first attempt to its end, in milliseconds; None: it has not ended.
        error: the code and the text of its error; empty where it has none.
    """

    status: StepStatus
    content: str = ""
    output: JsonValue = None
    attempts: int = 0
    used_fallback: bool = False
    duration_ms: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class StepComparison:
    """A step in both runs.

    Attributes:
        path: of the step; a step of the flow itself has its name as its path.
        left, right: None where the run has no such step.
        differs: which of status, output, attempts, fallback and error differ; the times always may, and are not named.
    """

    path: str
    left: StepSide | None
    right: StepSide | None
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowComparison:
    """Two runs of a flow beside each other.

    Attributes:
        left, right: their ids.
        left_status, right_status: of the runs.
        steps: in the order of the left one's, each with those inside it; then what only the right one has.
    """

    left: str
    right: str
    left_status: FlowStatus
    right_status: FlowStatus
    steps: tuple[StepComparison, ...]

    @property
    def differing(self) -> tuple[StepComparison, ...]:
        """The steps in which they differ in more than time."""
        return tuple(step for step in self.steps if step.differs)

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        steps: list[JsonValue] = [
            {
                "path": step.path,
                "differs": [*step.differs],
                "left": _side_dict(step.left),
                "right": _side_dict(step.right),
            }
            for step in self.steps
        ]
        return {
            "left": {"run_id": self.left, "status": self.left_status},
            "right": {"run_id": self.right, "status": self.right_status},
            "steps": steps,
        }


def compare_flows(left: FlowRecord, right: FlowRecord) -> FlowComparison:
    """What differs between two runs, which may be of different flows: steps are compared by their paths."""
    lefts, rights = _sides(left.steps), _sides(right.steps)
    paths = dict.fromkeys((*lefts, *rights))
    steps = tuple(
        StepComparison(path, lefts.get(path), rights.get(path), _differs(lefts.get(path), rights.get(path)))
        for path in paths
    )
    return FlowComparison(left.run_id, right.run_id, left.status, right.status, steps)


def all_steps(steps: Sequence[StepRecord]) -> Iterator[StepRecord]:
    """These steps, each followed by those inside it."""
    for step in steps:
        yield step
        for inner in (*step.items, *step.rounds, step.added):
            yield from all_steps(inner)


def _sides(steps: Sequence[StepRecord]) -> Mapping[str, StepSide]:
    return {step.path: _side(step) for step in all_steps(steps)}


def _side(step: StepRecord) -> StepSide:
    error = "" if step.error is None else f"{step.error.code}: {step.error.message}"
    spent = None if step.duration_ms is None else round(step.duration_ms, 3)
    return StepSide(step.status, step.content, step.output, step.attempts, step.used_fallback, spent, error)


def _differs(left: StepSide | None, right: StepSide | None) -> tuple[str, ...]:
    if left is None or right is None:
        return ("status",)
    pairs = {
        "status": left.status != right.status,
        "output": left.output != right.output,
        "attempts": left.attempts != right.attempts,
        "fallback": left.used_fallback != right.used_fallback,
        "error": left.error != right.error,
    }
    return tuple(name for name, differs in pairs.items() if differs)


def _side_dict(side: StepSide | None) -> JsonValue:
    if side is None:
        return None
    return {
        "status": side.status,
        "content": side.content,
        "output": copy_json(side.output),
        "attempts": side.attempts,
        "used_fallback": side.used_fallback,
        "duration_ms": side.duration_ms,
        "error": side.error,
    }
