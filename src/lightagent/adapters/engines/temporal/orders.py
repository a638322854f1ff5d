"""What passes between the workflow of a run, the workers that have its flow's code, and the engine: names and data.

Events travel as the texts that journals keep, so that every payload is plain JSON. Nothing here needs the SDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from lightagent.adapters.engines.temporal.machine import flow_machine
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun

WORKFLOW: Final = "lightagent.flow"
"""The one workflow of all runs of all flows."""

CARRY_OUT: Final = "lightagent.carry_out"
"""The one activity: the flow's code carries out what is open at a path."""

TELL: Final = "tell"
"""The update that delivers a decision, an external event or a cancellation to a run."""

RECORD: Final = "record"
"""The update that puts on record what an attempt has done so far, such as a finished call of an agent."""

SETTLE: Final = "settle"
"""The update that returns once the run is over or waits for external input."""

EVENTS: Final = "events"
"""The query for what is on record of a run, a page at a time."""

EVENT: Final = "event"
"""The query for one event that is larger than a page."""

HELD: Final = "lightagent.held"
"""The type of a failure that a worker with other code may not have, so the server retries without limit."""

LEFT: Final = "lightagent.left"
"""The type of a failure that reports that a worker was shut down, which stopped the attempt."""

MOST_BYTES: Final = 1_800_000
"""The maximum size of one payload, in bytes. The server refuses messages of more than 2 MB."""

MOST_STORED: Final = 40_000_000
"""The maximum size of one payload if large ones are stored apart, in bytes: that of all recorded events of a run."""

INLINE_BYTES: Final = 8_000
"""The maximum size of a run's events that are sent to a worker with its order, in bytes. If they are larger, the worker
queries the workflow for them, so that the history does not grow with the square of the number of steps."""


@dataclass(frozen=True, slots=True)
class FlowInput:
    """The input of a workflow.

    Attributes:
        past: the events of the run so far.
        heartbeat: the time without a heartbeat after which a worker counts as dead, in seconds.
        longest: the time limit of a step without its own, in seconds.
        attributes: whether the namespace has the search attribute of the status.
        large: the size beyond which payloads are stored apart, in bytes; 0 without a store for them.
        hands_over: whether an agent's work continues in another workflow when the history of this one is long. False
            for runs that earlier versions started, so that their histories replay.
    """

    past: list[str]
    heartbeat: float
    longest: float
    attributes: bool = False
    large: int = 0
    hands_over: bool = False

    @property
    def most(self) -> int:
        """The maximum size of one payload, in bytes."""
        return most_bytes(self.large)


@dataclass(frozen=True, slots=True)
class Order:
    """An order for a worker to carry out a move of a step.

    Attributes:
        flow: the name of the flow.
        path: the path of the step.
        count: how many events of the run the first try of the activity takes into account.
        past: these events; None: the worker queries the workflow for them.
    """

    flow: str
    path: str
    count: int
    past: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """Events of the nested run of an attempt.

    Attributes:
        path: the path of the step.
        position: how many notes of the attempt are recorded before these. A wrong number reveals a worker that was
            taken for dead, and whose attempt continues elsewhere.
        events: the notes.
    """

    path: str
    position: int
    events: list[str]


@dataclass(frozen=True, slots=True)
class FlowOutput:
    """The result of a workflow.

    Attributes:
        status: the status of the run.
        events: all events of the run; None if they are too large for one payload, and must be queried.
    """

    status: str
    events: list[str] | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of the events of a run.

    Attributes:
        total: how many events the run has.
        events: the events of this page.
        alone: whether the next event is larger than a page, and must be queried by itself (`EVENT`).
    """

    total: int
    events: list[str]
    alone: bool = False


def most_bytes(large: int) -> int:
    """Return the maximum size of one payload, in bytes.

    Args:
        large: see `FlowInput`.
    """
    return MOST_STORED if large else MOST_BYTES


def read_all(texts: Iterable[str]) -> list[FlowEvent]:
    """Parse events from their texts.

    Raises:
        ConfigurationError: a text is not an event of a flow.
    """
    read = flow_machine().read
    return [read(text) for text in texts]


def written(events: Iterable[FlowEvent]) -> list[str]:
    """Return events as texts."""
    write = flow_machine().write
    return [write(event) for event in events]


def size_of(texts: Iterable[str]) -> int:
    """Return about how many bytes the texts take in a payload. They are ASCII; the payload escapes their quotes."""
    return sum(len(text) + text.count('"') + text.count("\\") + 3 for text in texts)


def workflow_id(prefix: str, run: FlowRun) -> str:
    """Return the id of the workflow of a run. The owner comes first, so its runs share a prefix."""
    return f"{owner_prefix(prefix, run.owner)}{quote(run.run_id, safe=':')}"


def owner_prefix(prefix: str, owner: Scope) -> str:
    """Return the prefix of the ids of all workflows of an owner."""
    return f"{prefix}{quote(owner.tenant, safe='')}/{quote(owner.user, safe='')}/"


def run_of(prefix: str, workflow: str) -> FlowRun | None:
    """Return the run whose workflow has this id; None for an id of another form."""
    parts = workflow.removeprefix(prefix).split("/", 2)
    if not workflow.startswith(prefix) or len(parts) < 3:
        return None
    tenant, user, run_id = map(unquote, parts)
    return FlowRun(Scope(tenant, user), run_id)


def run_id_of(workflow: str, begin: str) -> str | None:
    """Return the run's id from the workflow's id, or None without the expected prefix."""
    return unquote(workflow.removeprefix(begin)) if workflow.startswith(begin) else None


def queue_of(prefix: str, flow: str) -> str:
    """Return the name of the task queue of a flow, from which only workers with its code take work."""
    return f"{prefix}/{flow}"
