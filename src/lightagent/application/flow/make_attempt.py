"""One attempt at a step, and its outcome as an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from lightagent.aiokits.abandon import Abandoned, TimeIsUp, within
from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.output_form import as_json
from lightagent.application.flow.proposals import proposed, read_proposal
from lightagent.application.flow.review_step import reviewed_end
from lightagent.application.flow.step_context import StepContext, StepPlace
from lightagent.application.flow.step_errors import attempt_failed, out_of_time
from lightagent.application.flow.step_queries import place_of, seen_from
from lightagent.application.flow.step_work import Listener, Noted, StepTask, StepWaits, StepWork, WriteLines
from lightagent.application.flow.value_sizes import check_size
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import AttemptFinished, AttemptNoted, FlowEvent
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.outputs import Artifact, StepOutput
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock


class Attempt(StepTask):
    """One attempt at a step of a run in this process. What most steps do not use is made on first use.

    Args:
        query: the query of the step.

    Attributes:
        made: the files that it makes.
    """

    __slots__ = ("_flow", "_given_up", "_move", "made", "query")

    def __init__(self, flow: ActiveFlow, move: Do, query: str) -> None:
        self._flow = flow
        self._move = move
        self._given_up = False
        self.made: list[Artifact] = []
        self.query: str = query

    def context(self) -> StepContext:
        return seen_from(self._flow, self._move, self.is_cancelled, self.made)

    def is_cancelled(self) -> bool:
        return self._given_up

    @property
    def place(self) -> StepPlace:
        return place_of(self._flow, self._move)

    @property
    def past(self) -> Sequence[Noted]:
        return self._move.notes

    @property
    def lost(self) -> int:
        return self._move.lost

    @property
    def limits(self) -> FlowLimits:
        return self._flow.state.started.limits

    @property
    def clock(self) -> Clock:
        return self._flow.clock

    @property
    def traced(self) -> bool:
        return self._flow.traced

    @property
    def is_coded(self) -> bool:
        return bool(self._move.step.code)

    @property
    def gates(self) -> tuple[Gate, ...]:
        return () if self._flow.gate is None else self._flow.gate.gates

    @property
    def outlet(self) -> FlowOutlet | None:
        return self._flow.outlet

    @property
    def below(self) -> Callable[[], FlowWatchers] | None:
        return None if self._flow.watchers is None else self._flow.watchers.below

    @property
    def write_lines(self) -> WriteLines:
        return self._flow.write_lines

    @property
    def reviews(self) -> FlowReviews | None:
        return self._flow.reviews

    async def note(self, events: Sequence[Noted], heard: int | None, waits: bool) -> None:
        flow, move = self._flow, self._move
        now = flow.clock.now()
        noted = [AttemptNoted(move.path, move.epoch, move.attempt, event, at=now) for event in events]
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        flow.report(Report(noted, written, heard_below=heard, waits=waits))
        await written

    def hear(self, listener: Listener) -> None:
        self._flow.listen_below(self._move.path, self._move.epoch, self._move.attempt, listener)

    def give_up(self) -> None:
        """Mark the attempt as abandoned: its result is not awaited any more."""
        self._given_up = True
        self._flow.leave_below(self._move.path, self._move.epoch, self._move.attempt)


async def make_attempt(flow: ActiveFlow, move: Do, query: str, step: LightFlowStep) -> None:
    """Make an attempt whose intent is on record, and report its outcome.

    It has a task of its own, so that a cancellation from outside can be told from one inside the work.

    An attempt that waits for people reports nothing: it stays open, and goes on when the run is resumed.
    """
    if flow.watchers is not None:
        flow.watchers.enter_step(move.path, flow.clock.now())  # In the context of this task, with which it ends.
    try:
        attempt = Attempt(flow, move, query)
        output, proposes = _output(flow, move, step, attempt, await _result(step, move, attempt))
    except StepWaits:
        return
    except _RAISED as raised:
        end = failed(flow, move, _failure(move, raised))
    else:
        end = AttemptFinished(move.path, move.epoch, move.attempt, output, proposes, at=flow.clock.now())
    flow.report(Report((end if flow.gate is None else await reviewed_end(flow, move, step, end),)))


def failed(flow: ActiveFlow, move: Do, error: Exception) -> FlowEvent:
    """The failure of an attempt, with what follows from it."""
    node = flow.state.nodes[move.path]
    tried = node.attempt - node.base
    left = move.step.fallback and not move.fallback
    now, chance = flow.clock.now(), flow.chance()
    return attempt_failed(move, error, tried=tried, fallback_left=left, now=now, chance=chance)


def _output(
    flow: ActiveFlow, move: Do, step: LightFlowStep, attempt: Attempt, result: object
) -> tuple[StepOutput, tuple[StepDefinition, ...]]:
    """What an attempt gives, and the steps that it proposes."""
    proposes: tuple[StepDefinition, ...] = ()
    if move.step.growth is not None and (proposal := read_proposal(result, move.path)) is not None:
        offers = {name: one.definition for name, one in flow.steps.items()}
        result, proposes = proposal.content, proposed(proposal, offers, move.path)
    value = as_json(result, move.path) if step.output is None else step.output.keep(result, move.path)
    check_size(value, flow.state.started.limits.max_value, move.path, "output")
    return StepOutput(value, tuple(attempt.made)), proposes


async def _result(step: LightFlowStep, move: Do, attempt: Attempt) -> object:
    work, seconds = _work_of(step, move), step.definition.timeout
    try:
        return await (work.do(attempt) if seconds is None else within(seconds, work.do(attempt)))
    finally:
        attempt.give_up()


def _work_of(step: LightFlowStep, move: Do) -> StepWork:
    if not move.fallback:
        return step.work
    if step.fallback is None:
        raise ConfigurationError(
            f"The fallback of the step {step.name!r:.100} is to be tried, and the step has none any more.",
            guidance="Go on with the flow that the run was begun with.",
        )
    return step.fallback


_RAISED: Final = (*FAILURES, SystemExit)


def _failure(move: Do, raised: BaseException) -> Exception:
    if isinstance(raised, TimeIsUp):
        return out_of_time(move.step, move.path, goes_on=isinstance(raised, Abandoned))
    if isinstance(raised, SystemExit):
        return RuntimeError(f"SystemExit: {raised.code}")
    return failure(raised)
