"""Format runs of flows, their steps and events. Control characters are escaped, to protect the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from lightagent.application.flow.compare_flows import FlowComparison, StepComparison, StepSide
from lightagent.domain.flow.record import StepRecord
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.text.characters import written_out
from lightagent.entrypoints.cli.console import out
from lightagent.entrypoints.cli.stores import to_minute
from lightagent.settings.origins import printable

MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "waiting_approval": ("?", "yellow"),
}
"""The symbol and colour of each status of a step."""

_MOST: Final = 120
"""Characters of a text that are shown on a line."""


def run_line(record: JsonObject) -> str:
    """Format a run as one line of a listing; of one that cannot be read, with the reason."""
    if isinstance(error := record.get("error"), dict) and not record["steps"]:
        return f"{record['run_id']} · {record['status']} · {short(error['message'])}"
    steps = record["steps"] if isinstance(record["steps"], list) else []
    over = sum(isinstance(step, dict) and step.get("status") in ("success", "skipped") for step in steps)
    changed = record.get("updated_at")
    at = f" · {to_minute(changed)}" if isinstance(changed, (int, float)) else ""
    source = f" · forked from {record['forked_from']}" if record.get("forked_from") else ""
    return f"{record['run_id']} · {record['status']} · {over} of {len(steps)} steps{source}{at}"


def record_lines(record: JsonObject) -> Iterator[str]:
    """Format a run with its steps: the input, output and error of each."""
    yield run_line(record)
    yield f"flow       {record['flow']}" + (f", user {record['user_id']}" if record["user_id"] else "")
    yield f"input      {short(record['query'])}"
    steps = record["steps"] if isinstance(record["steps"], list) else []
    for step in steps:
        if isinstance(step, dict):
            yield from _step_lines(step)


def _step_lines(step: JsonObject) -> Iterator[str]:
    status = str(step["status"])
    spent, attempts = step["duration_ms"], step["attempts"]
    amount = _amount(
        attempts if isinstance(attempts, int) else 0, float(spent) if isinstance(spent, (int, float)) else None
    )
    yield f"{MARKS[status][0]} {step['name']} · {status}{amount}"
    if step["input_summary"]:
        yield f"    asked  {short(step['input_summary'])}"
    if step["output_summary"]:
        yield f"    gave   {short(step['output_summary'])}"
    error = step["error"]
    if isinstance(error, dict):
        yield f"    error  {short(error['message'])}"


def _amount(attempts: int, milliseconds: float | None) -> str:
    tries = f" · {attempts} attempts" if attempts > 1 else ""
    return tries + ("" if milliseconds is None else f" · {seconds(milliseconds)}")


def seconds(milliseconds: float) -> str:
    """Format a duration."""
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 100 else f"{milliseconds:.1f} ms"


def plain_step(step: StepRecord) -> str:
    """Format the status of a step as one line."""
    line = f"{MARKS[step.status][0]} {step.path} · {step.status}"
    if step.error is not None:
        return f"{line} · {short(step.error.message)}"
    return line + (_amount(step.attempts, step.duration_ms) if step.status in ("success", "failed") else "")


def event_line(event: JsonObject) -> str:
    """Format an event as one line, with its number."""
    at = event.get("at")
    when = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if isinstance(at, (int, float)) else "        "
    told = [str(event["type"])]
    told += [str(event[name]) for name in ("path", "question", "name", "status", "then") if name in event]
    if isinstance(inner := event.get("event"), dict):
        told.append(str(inner.get("type", "")))
    if isinstance(attempt := event.get("attempt"), int) and attempt > 1:
        told.append(f"attempt {attempt}")
    if isinstance(epoch := event.get("epoch"), int) and epoch > 1:
        told.append(f"epoch {epoch}")
    return f"{event['number']!s:>5}  {when}  {' · '.join(told)}"


def waiting_lines(waiting: JsonObject) -> Iterator[str]:
    """Format what waits for a person, with everything that the decision is about."""
    yield f"step       {waiting['step']}"
    yield f"asks       {waiting['asker']}, {waiting['asks']}"
    yield from _whole("query", waiting["query"])
    if waiting["tool"]:
        yield f"tool       {waiting['tool']}"
        yield from _whole("arguments", waiting["arguments"])


def _whole(name: str, value: JsonValue) -> Iterator[str]:
    if value is None:
        return
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    first, *more = map(written_out, text.split("\n"))
    yield f"{name:<10} {first}"
    for line in more:
        yield f"{'':<10} {line}"


def held_lines(held: JsonObject) -> Iterator[str]:
    """Format a run that a change of the flow holds back, with the steps and fields that changed."""
    yield f"{held['run_id']} · {held['status']}"
    for fault in faults_of(held):
        yield f"    {fault['step']} ({fault['field']}): {fault['problem']}"


def faults_of(held: JsonObject) -> list[JsonObject]:
    """Return the changes that hold a run back."""
    faults = held["held_by"]
    return [fault for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []


def comparison_lines(found: FlowComparison) -> Iterator[str]:
    """Format two runs side by side: a line for each step, followed by its differences."""
    yield f"{found.left} · {found.left_status}  |  {found.right} · {found.right_status}"
    for step in found.steps:
        yield f"{'≠' if step.differs else '='} {step.path}{_times(step)}"
        for name in step.differs:
            yield f"    {name:<9}{_side_text(step.left, name)}  |  {_side_text(step.right, name)}"


def _times(step: StepComparison) -> str:
    both = [side.duration_ms if side else None for side in (step.left, step.right)]
    return " · " + "  |  ".join("-" if one is None else seconds(one) for one in both)


def _side_text(side: StepSide | None, name: str) -> str:
    if side is None:
        return "no such step"
    match name:
        case "output":
            return short(side.content) or "nothing"
        case "fallback":
            return "used" if side.used_fallback else "not used"
        case "error":
            return short(side.error) or "none"
        case "attempts":
            return str(side.attempts)
        case _:
            return side.status


def short(value: JsonValue) -> str:
    """Format a value on one line, truncated if it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = printable(" ".join(text.split()))
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output."""
    for line in lines:
        out().print(printable(line), markup=False)
