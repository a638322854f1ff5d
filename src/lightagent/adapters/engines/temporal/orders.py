"""What passes between the workflow of a run, the workers that have its flow's code, and the engine: names and data.

Events travel as the texts that journals keep, so that every payload is plain JSON. Nothing here needs the SDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from lightagent.adapters.engines.temporal.machine import given
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
"""The type of a failure that a worker with other code may not have: the server tries again and again."""

LEFT: Final = "lightagent.left"
"""The type of a failure that says that a worker was stopped in good order, and the attempt with it."""

MOST_BYTES: Final = 1_800_000
"""Of one payload. The server refuses those beyond 2 MB, with what is around them."""

MOST_STORED: Final = 40_000_000
"""Of one payload where large ones are kept elsewhere: as much as a run may have on record."""

INLINE_BYTES: Final = 8_000
"""Below this a worker is sent the events of a run with what it is to do; beyond it asks for those it does not know, so
that the history grows with the steps and not with their square."""


@dataclass(frozen=True, slots=True)
class FlowInput:
    """What a workflow begins with.

    Attributes:
        past: the events of the run so far.
        heartbeat: seconds without a sign of life after which a worker counts as dead.
        longest: seconds that a step without a limit of its own may take.
        attributes: the namespace has the search attribute of the status.
        large: the bytes beyond which payloads are kept in a store of their own; 0: there is none.
        hands_over: an agent's work goes on in another workflow where the history of this one is long. Runs that were
            begun by earlier versions do not have it, so that their histories replay.
    """

    past: list[str]
    heartbeat: float
    longest: float
    attributes: bool = False
    large: int = 0
    hands_over: bool = False

    @property
    def most(self) -> int:
        """The bytes that one payload may have."""
        return most_bytes(self.large)


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do.

    Attributes:
        flow: the name of the flow whose code it is about.
        path: where the run has something to be carried out.
        count: how many events of the run count for the first try.
        past: those events; None: the workflow is asked for them.
    """

    flow: str
    path: str
    count: int
    past: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """What an attempt has done below itself.

    Attributes:
        path: of the step.
        position: how many notes of the attempt are on record before these. A worker that was taken for dead, and whose
            attempt continues elsewhere, is found out by it.
        events: the notes.
    """

    path: str
    position: int
    events: list[str]


@dataclass(frozen=True, slots=True)
class FlowOutput:
    """What a workflow ends with.

    Attributes:
        status: that of the run.
        events: all events; None if they are too large for one payload, and must be queried from the workflow.
    """

    status: str
    events: list[str] | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some of the events of a run.

    Attributes:
        total: how many there are.
        alone: the next event is larger than a page, and is asked for by itself.
    """

    total: int
    events: list[str]
    alone: bool = False


def most_bytes(large: int) -> int:
    """The bytes that one payload may have.

    Args:
        large: see `FlowInput`.
    """
    return MOST_STORED if large else MOST_BYTES


def read_all(texts: Iterable[str]) -> list[FlowEvent]:
    """Parse events from their texts.

    Raises:
        ConfigurationError: a text is not an event of a flow.
    """
    read = given().read
    return [read(text) for text in texts]


def written(events: Iterable[FlowEvent]) -> list[str]:
    """Events as texts."""
    write = given().write
    return [write(event) for event in events]


def size_of(texts: Iterable[str]) -> int:
    """About how many bytes texts have in a payload; they are ASCII, and their quotes are escaped there."""
    return sum(len(text) + text.count('"') + text.count("\\") + 3 for text in texts)


def workflow_id(prefix: str, run: FlowRun) -> str:
    """The id of the workflow of a run: whose run it is comes first, so that the runs of an owner are found by it."""
    return f"{owner_prefix(prefix, run.owner)}{quote(run.run_id, safe=':')}"


def owner_prefix(prefix: str, owner: Scope) -> str:
    """What the ids of all workflows of an owner begin with."""
    return f"{prefix}{quote(owner.tenant, safe='')}/{quote(owner.user, safe='')}/"


def run_of(prefix: str, workflow: str) -> FlowRun | None:
    """The run whose workflow has this id; None for an id of another form."""
    parts = workflow.removeprefix(prefix).split("/", 2)
    if not workflow.startswith(prefix) or len(parts) < 3:
        return None
    tenant, user, run_id = map(unquote, parts)
    return FlowRun(Scope(tenant, user), run_id)


def run_id_of(workflow: str, begin: str) -> str | None:
    """Return the run's id from the workflow's id, or None without the expected prefix."""
    return unquote(workflow.removeprefix(begin)) if workflow.startswith(begin) else None


def queue_of(prefix: str, flow: str) -> str:
    """The task queue of a flow: only workers that have its code ask there for work."""
    return f"{prefix}/{flow}"
