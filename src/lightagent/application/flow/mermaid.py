"""A flow as a Mermaid flowchart, with how far its steps are where a run is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lightagent.domain.flow.definition import FlowDefinition, StepDefinition

_ARROWS: Final = "-->"
_CLASSES: Final = {
    "pending": "fill:#f6f8fa,stroke:#8c959f,color:#24292f",
    "running": "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
    "success": "fill:#dafbe1,stroke:#1a7f37,color:#0f5323",
    "failed": "fill:#ffebe9,stroke:#cf222e,color:#82071e",
    "skipped": "fill:#eaeef2,stroke:#8c959f,color:#57606a,stroke-dasharray:4 3",
    "waiting_approval": "fill:#fff8c5,stroke:#9a6700,color:#4d2d00",
}


def mermaid(definition: FlowDefinition, statuses: Mapping[str, str] | None = None) -> str:
    """The text of the chart, with a line break at its end.

    Args:
        statuses: of the steps of a run, by name.
    """
    told = statuses or {}
    lines = ["flowchart TD", *_scope(definition.steps, "s", told, "    ")]
    used = [status for status in _CLASSES if status in told.values()]
    lines += [f"    classDef {status} {_CLASSES[status]}" for status in used]
    return "\n".join(lines) + "\n"


def _scope(steps: Sequence[StepDefinition], prefix: str, told: Mapping[str, str], indent: str) -> Iterator[str]:
    ids = {step.name: f"{prefix}{number}" for number, step in enumerate(steps)}
    for step in steps:
        yield from _step(step, ids[step.name], told, indent)
    for step in steps:
        for name in step.depends_on:
            if name in ids:
                yield f"{indent}{ids[name]} {_ARROWS} {ids[step.name]}"


def _step(step: StepDefinition, node: str, told: Mapping[str, str], indent: str) -> Iterator[str]:
    status = told.get(step.name, "")
    label = _label(step, status)
    if step.body:
        yield f'{indent}subgraph {node}["{label}"]'
        yield from _scope(step.body, f"{node}_", {}, f"{indent}    ")
        yield f"{indent}end"
        if status:
            yield f"{indent}class {node} {status}"
        return
    start, end = ('{{"', '"}}') if step.approval else ('(["', '"])') if step.kind == "wait" else ('["', '"]')
    yield f"{indent}{node}{start}{label}{end}" + (f":::{status}" if status else "")


def _label(step: StepDefinition, status: str) -> str:
    kind = f" · {step.kind}" if step.kind != "task" else ""
    state = f"<br/>{status.replace('_', ' ')}" if status else ""
    return f"{_text(step.name)}{kind}{state}"


def _text(name: str) -> str:
    """A name as Mermaid shows it, whatever is in it: what means something in a label is written as an entity."""
    return "".join(one if one.isalnum() or one in " _-.,/" else f"#{ord(one)};" for one in name)
