"""One run of a flow while it goes on in this process: its state, what there is news of, and what has yet to be written.

Whatever is under way only reports. All events come in at one place, in one task, so they are written in the order in
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
    """News of something that is under way. There is one for each step, so it is not frozen, which would cost more.

    Attributes:
        events: to be put on record, each in its turn.
        written: is told once they are durable, where somebody waits for that.
        moves: to be carried out, now that what they wanted is there.
        heard: how far that is of what was said to the run from outside; None: it is nothing of that.
        heard_below: the same where a flow below was told what was said, and has put it on record now.
        waits: the flow below that these events are of waits for people, as far as it is not over.
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
        gate: what reviews its steps; None where nothing does.
        watchers: report the run to telemetry; None without telemetry.
        write_lines: takes lines about it, for logs.
        reviews: where people are asked about steps; None: nowhere but in the run itself.
        lost: how often the attempt of another flow was lost below which it goes on; None: there is none.
        outlet: passes the run's events to the consumer of a stream; None without a stream.
        chance: gives numbers from 0 to 1, for pauses that spread what failed together.

    Attributes:
        events: all of them, in order.
        news: rings once there are reports.
        heard: how far the run has heard what was said to it, as far as that is not written.
        requests: the ids of those by which people were asked while the run goes on here.
        below: who takes what is said to the flows that are under way as steps, by path, epoch and attempt.
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
            ConfigurationError: this flow has none; the run was begun with another one.
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
        """Have what is said to what goes on below an attempt taken by `listener`."""
        self.below[path, epoch, attempt] = listener

    def leave_below(self, path: str, epoch: int, attempt: int) -> None:
        """Nothing goes on below an attempt any more."""
        if self.below:
            self.below.pop((path, epoch, attempt), None)

    def report(self, report: Report) -> None:
        """Hear of something; called in the run's own event loop."""
        self._reports.append(report)
        self.news.ring()

    def take_reports(self) -> list[Report]:
        """What there is to hear, once."""
        reports, self._reports = self._reports, []
        self.news.is_ringing = False
        return reports

    def tell(self, event: FlowEvent) -> list[Move]:
        """Put an event on record with all that is written next; what is to be done for it.

        Raises:
            Refused: it cannot happen now; nothing has changed.
        """
        moves = self.state.apply(event)
        self._unwritten.append(event)
        return moves

    def promise(self, written: asyncio.Future[None]) -> None:
        """Tell somebody once everything is written that was told so far."""
        self._promised.append(written)

    async def write(self, status: str) -> None:
        """Make what was told durable, in one append.

        Raises:
            StoreError: it could not be written; `Fenced`: somebody else has taken the run over.
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
