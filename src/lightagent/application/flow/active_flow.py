"""One run of a flow while it goes on in this process: its state, unread reports, and events still to be written.

Concurrent tasks only report. One task applies all events, so they are written in the order in
which they were applied, and those that come together are written together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lightagent.aiokits.bell import Bell
from lightagent.application.flow.flow_gate import FlowGate
from lightagent.application.flow.flow_log import FlowLog
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.step_work import Listener, WriteLines, no_lines
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.moves import Move
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.state import FlowState
from lightagent.ports.system import Clock


@dataclass(slots=True)
class Report:
    """A report of a concurrent task. There is one for each step, so it is not frozen, which would cost more.

    Attributes:
        events: to be put on record, in this order.
        written: is resolved once they are durable; None if that is not awaited.
        moves: to be carried out, now that what they needed is available.
        heard: the position in the run's inbox up to which these events were read; None: they are not from the inbox.
        heard_below: the same for messages that a nested flow has read and put on record.
        waits: the nested flow of these events waits for people in all that is not over.
    """

    events: Sequence[FlowEvent] = ()
    written: asyncio.Future[None] | None = None
    moves: Sequence[Move] = ()
    heard: int | None = None
    heard_below: int | None = None
    waits: bool = False


class ActiveFlow:
    """One run of a flow.

    Args:
        steps: by what names their work in the definition.
        state: what the events so far amount to.
        log: where further ones are put on record.
        traced: the caller wants the traces of agents.
        gate: what reviews its steps; None without hooks and policies.
        watchers: report the run to telemetry; None without telemetry.
        write_lines: takes lines about it, for logs.
        reviews: where people are asked about steps; None: in the run itself only.
        lost: for a nested run, how often the attempt around it was lost; None for an outermost run.
        outlet: passes the run's events to the consumer of a stream; None without a stream.
        chance: gives numbers from 0 to 1, to spread retries of steps that failed together.

    Attributes:
        events: all of them, in order.
        news: rings once there are reports.
        heard: the position up to which the run has read its inbox, if that is not written yet.
        requests: the ids of the approval requests that were made while the run goes on here.
        below: the listeners of nested flows under way, by path, epoch and attempt.
    """

    def __init__(
        self,
        steps: Mapping[str, LightFlowStep],
        state: FlowState,
        events: list[FlowEvent],
        log: FlowLog,
        clock: Clock,
        *,
        traced: bool = False,
        gate: FlowGate | None = None,
        outlet: FlowOutlet | None = None,
        watchers: FlowWatchers | None = None,
        write_lines: WriteLines = no_lines,
        reviews: FlowReviews | None = None,
        lost: int | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.steps = steps
        self.state = state
        self.events = events
        self.log = log
        self.clock = clock
        self.traced = traced
        self.gate = gate
        self.outlet = outlet
        self.watchers = watchers
        self.write_lines = write_lines
        self.reviews = reviews
        self.lost = lost
        self.requests: set[str] = set()
        self.chance = chance
        self.news: Bell = Bell()
        self.heard: int | None = None
        self.below: dict[tuple[str, int, int], Listener] = {}
        self._reports: list[Report] = []
        self._unwritten: list[FlowEvent] = []
        self._promised: list[asyncio.Future[None]] = []

    def step_at(self, path: str, work: str = "") -> LightFlowStep:
        """The step whose work is done at a path.

        Raises:
            ConfigurationError: this flow has none; the run was begun with another flow.
        """
        name = work or declared_path(path)
        step = self.steps.get(name)
        if step is None:
            raise ConfigurationError(
                f"The run has a step {name!r:.100}, which this flow has not.",
                guidance="Go on with the flow that it was begun with.",
            )
        return step

    def listen_below(self, path: str, epoch: int, attempt: int, listener: Listener) -> None:
        """Pass messages to the nested run of an attempt to `listener`."""
        self.below[path, epoch, attempt] = listener

    def leave_below(self, path: str, epoch: int, attempt: int) -> None:
        """Remove the listener of an attempt: its nested run has ended or was left."""
        if self.below:
            self.below.pop((path, epoch, attempt), None)

    def report(self, report: Report) -> None:
        """Add a report; called in the run's own event loop."""
        self._reports.append(report)
        self.news.ring()

    def take_reports(self) -> list[Report]:
        """The reports since the last call."""
        reports, self._reports = self._reports, []
        self.news.is_ringing = False
        return reports

    def tell(self, event: FlowEvent) -> list[Move]:
        """Apply an event and put it on record with the next write; returns the moves that follow.

        Raises:
            Refused: it cannot happen now; nothing has changed.
        """
        moves = self.state.apply(event)
        self._unwritten.append(event)
        return moves

    def promise(self, written: asyncio.Future[None]) -> None:
        """Resolve the future once all events applied so far are written."""
        self._promised.append(written)

    async def write(self, status: str) -> None:
        """Make the applied events durable, in one append.

        Raises:
            StoreError: it could not be written; `Fenced`: another process has taken the run over.
        """
        if self._unwritten:
            told, self._unwritten = self._unwritten, []
            heard, self.heard = self.heard, None
            await self.log.append(told, status, heard)
            self.events.extend(told)
            if self.watchers is not None:
                for event in told:
                    self.watchers.see(event)
            if self.outlet is not None:
                for event in told:
                    await self.outlet.happened(event)
        if self._promised:
            self._keep_promises()

    def _keep_promises(self) -> None:
        promised, self._promised = self._promised, []
        for one in promised:
            if not one.done():
                one.set_result(None)
