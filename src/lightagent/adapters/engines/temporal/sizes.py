"""What is too large for the server, by step, field and size: it would end the run, or try again for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from temporalio.exceptions import ApplicationError

from lightagent.adapters.engines.temporal.orders import MOST_BYTES, size_of, written
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    FlowStarted,
    Signalled,
    StepApprovalDecided,
)
from lightagent.domain.json_types import JsonObject

MOST_RECORD: Final = 40_000_000
"""Bytes of all events of a run. At 50 MB the server terminates a workflow, and keeps no reason."""


def fitting(path: str, events: Sequence[FlowEvent], before: int, most: int = MOST_BYTES) -> list[str]:
    """What came of a step's work as texts; where they are too large for the server, that the step has failed.

    Args:
        before: bytes of all that is on record of the run so far.
        most: bytes that one payload may have.
    """
    if not events:
        return []  # The attempt waits for people.
    texts = written(events)
    size, field = size_of(texts), _field_of(events)
    if size <= most and before + size <= MOST_RECORD:
        return texts
    what: JsonObject = {"step": path, "field": field, "size": size}
    if size > most:
        message = f"The {field} of the step {path!r:.200} has {size:,} bytes, and Temporal takes {most:,}."
    else:
        message = (
            f"With the {field} of the step {path!r:.200}, which has {size:,} bytes, the run has {before + size:,} bytes"
            f" on record, and Temporal takes {MOST_RECORD:,}."
        )
    error = LightAgentErrorInfo("LA-OUTPUT", message, _elsewhere(most), what)
    return _failed_with(events[-1], error)


def unkept(path: str, events: Sequence[FlowEvent], error: StoreError) -> list[str]:
    """That a step has failed as texts, since what came of it could not be kept in the store of large payloads."""
    message = f"The {_field_of(events)} of the step {path!r:.200} could not be kept: {error.message}"
    return _failed_with(events[-1], LightAgentErrorInfo("LA-STORE", message, error.guidance))


def _failed_with(last: FlowEvent, error: LightAgentErrorInfo) -> list[str]:
    match last:
        case Answered():
            return written([Answered(last.path, last.epoch, last.question, error=error, at=last.at)])
        case AttemptFinished() | AttemptFailed() | AttemptStarted():
            return written([AttemptFailed(last.path, last.epoch, last.attempt, error, at=last.at)])
        case _:
            raise ApplicationError(error.message, type="lightagent.large", non_retryable=True)


def too_large(past: Sequence[FlowEvent], texts: Sequence[str], most: int = MOST_BYTES) -> ConfigurationError | None:
    """Return the error that these events are too large to start a workflow, naming the largest; None if they fit."""
    if (whole := size_of(texts)) <= most:
        return None
    sizes = [size_of((text,)) for text in texts]
    size = max(sizes)
    event = past[sizes.index(size)]
    path, field = event.path if isinstance(event, Answered | AttemptStarted | AttemptFinished) else "", _field(event)
    if isinstance(event, FlowStarted):
        definition = size_of(written([replace(event, input=None, metadata={})]))
        field, size = ("definition", definition) if 2 * definition > size else ("input", size - definition)
    of = f" of the step {path!r:.200}" if path else ""
    return ConfigurationError(
        f"A workflow cannot begin with the run's record of {whole:,} bytes, of which its {field}{of} has {size:,}: "
        f"Temporal takes {most:,}.",
        guidance=f"Keep large values elsewhere, and give the flow their names.{_store_hint(most)}",
        details={"step": path, "field": field, "size": size},
    )


def told_too_large(
    run_id: str, events: Sequence[FlowEvent], texts: Sequence[str], most: int = MOST_BYTES
) -> ConfigurationError | None:
    """Return the error that this is too large to send to a run, naming the part; None if it fits."""
    if (size := size_of(texts)) <= most:
        return None
    field = _field(events[-1])
    step = next((event.path for event in events if isinstance(event, StepApprovalDecided)), "")
    of = f" The {field}{f' about the step {step!r:.200}' if step else ''} is too large."
    return ConfigurationError(
        f"What the run {run_id!r:.100} is told has {size:,} bytes, and Temporal takes {most:,}.{of}",
        guidance=f"Keep large values elsewhere, and tell the run their names.{_store_hint(most)}",
        details={"step": step, "field": field, "size": size},
    )


def _elsewhere(most: int) -> str:
    return f"Keep it in a file (context.artifact) or elsewhere, and give its name.{_store_hint(most)}"


def _store_hint(most: int) -> str:
    """What makes room, unless it is there already."""
    return " Or give the engine a store of large payloads (large_payloads)." if most == MOST_BYTES else ""


def _field(event: FlowEvent) -> str:
    """What is too large, in a word."""
    match event:
        case AttemptFinished():
            return "output"
        case AttemptStarted():
            return "query"
        case Answered(question="items"):
            return "list"
        case Signalled():
            return "payload"
        case StepApprovalDecided():
            return "decision"
        case _:
            return "record"


def _field_of(events: Sequence[FlowEvent]) -> str:
    """The last event says what they are about, unless it is the result of a work that has told much before."""
    return "record" if len(events) > 1 and isinstance(events[-1], AttemptFinished) else _field(events[-1])
