"""What a suspended run waits for: calls of the client's own tools, and calls that people decide about, until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lightagent.application.projections.steps import Step
from lightagent.application.serving.client_tools import client_names
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.requests import request_id_of
from lightagent.domain.runs.events import ApprovalDecided, ApprovalRequested, Event, ModelReplied, Nested, RunStarted


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """One waiting call.

    Attributes:
        path: the ids of the calls that lead to it, its own last.
        name: the name of the tool.
        arguments: the validated arguments, as reviewers see them.
        raw_arguments: the arguments as the model wrote them.
        reason: why the call waits.
        request_id: the id of the approval request, as reviewers know it.
        at: when it began to wait, in seconds since 1970.
    """

    path: tuple[str, ...]
    name: str
    arguments: JsonObject
    raw_arguments: str
    reason: str
    request_id: str
    at: float = 0.0

    @property
    def id(self) -> str:
        """The id of the call as decisions name it."""
        return "/".join(self.path)


def open_functions(events: Iterable[Event]) -> frozenset[str]:
    """Return the names of the client functions whose results the run waits for, according to its events."""
    known = [*events]
    return frozenset(step.name for step in waiting_in(known, client_names(known)).external)


def waiting_in(events: Iterable[Event], external: frozenset[str]) -> WaitingSteps:
    """Return what waits in a run after these events.

    Args:
        external: the names of the client's own tools.
    """
    waiting = WaitingSteps(external)
    for event in events:
        waiting.feed(event)
    return waiting


class WaitingSteps:
    """Follows a run and tracks which calls wait.

    Args:
        external: the names of the client's own tools.
    """

    def __init__(self, external: frozenset[str] = frozenset()) -> None:
        self._external = external
        self._calls: dict[tuple[str, ...], dict[str, ToolCall]] = {}
        self._waiting: dict[tuple[str, ...], WaitingStep] = {}
        self._runs: dict[tuple[str, ...], str] = {}
        self._turns: dict[tuple[str, ...], int] = {}

    def feed(self, step: Step) -> None:
        """Take one step of the run."""
        path = list[str]()
        while isinstance(step, Nested):
            path.append(step.call_id)
            step = step.event
        match step:
            case RunStarted(run_id=run_id):
                self._runs[tuple(path)] = run_id
            case ModelReplied(message=message):
                self._turns[tuple(path)] = step.turn
                self._calls[tuple(path)] = {call.id: call for call in message.tool_calls}
                self._waiting = {place: one for place, one in self._waiting.items() if place[:-1] != tuple(path)}
            case ApprovalRequested():
                place = (*path, step.call_id)
                call = self._calls.get(tuple(path), {}).get(step.call_id)
                name, raw = ("", "") if call is None else (call.name, call.arguments)
                request_id = self._request_id(place)
                arguments = copy_json(step.arguments)
                self._waiting[place] = WaitingStep(place, name, arguments, raw, step.reason, request_id, step.at)
            case ApprovalDecided():
                self._waiting.pop((*path, step.call_id), None)
            case _:
                pass

    def _request_id(self, place: tuple[str, ...]) -> str:
        """Return the id of the request about a call; in a flow, which is not a run of one agent, the call id itself."""
        outermost = self._runs.get(())
        if outermost is None:
            return place[-1]
        return request_id_of(outermost, self._runs.get(place[:-1], ""), self._turns.get(place[:-1], 0), place[-1])

    @property
    def external_names(self) -> frozenset[str]:
        """The names of the client's own tools."""
        return self._external

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._runs.get((), "")

    @property
    def own_calls(self) -> frozenset[str]:
        """The ids of the calls in the run's last turn, without those of nested runs."""
        return frozenset(self._calls.get((), {}))

    @property
    def waiting(self) -> list[WaitingStep]:
        """All waiting calls."""
        return [*self._waiting.values()]

    @property
    def external(self) -> list[WaitingStep]:
        """The calls that the client has to run."""
        return [one for one in self._waiting.values() if one.name in self._external and len(one.path) == 1]

    @property
    def reviews(self) -> list[WaitingStep]:
        """The calls that people decide about."""
        return [one for one in self._waiting.values() if one.name not in self._external or len(one.path) > 1]


_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def moment(since: float, seconds: float | None) -> str | None:
    """Return the time this many seconds after another; None if `seconds` is None or the time cannot be represented.

    Args:
        since: seconds since 1970.
    """
    if seconds is None or since + seconds > _LAST:
        return None
    return datetime.fromtimestamp(since + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
