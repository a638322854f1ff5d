"""One attempt at a step, and what became of it as an event."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from lightagent.aiokits.abandon import Abandoned, TimeIsUp, within
from lightagent.aiokits.cancellation import Heeding, from_now_on
from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.output_form import as_json
from lightagent.application.flow.proposals import proposed, read_proposal
from lightagent.application.flow.review_step import reviewed_end
from lightagent.application.flow.step_errors import attempt_failed, out_of_time
from lightagent.application.flow.step_queries import place_of, seen_from
from lightagent.application.flow.step_work import Noted, StepTask, StepWaits, StepWork
from lightagent.application.flow.value_sizes import check_size
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import AttemptFinished, AttemptNoted, FlowEvent
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.outputs import Artifact, StepOutput


class _GivenUp:
    """Whether nobody waits for an attempt any more; looked at from any thread."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False

    def is_set(self) -> bool:
        return self.now


async def make_attempt(flow: ActiveFlow, move: Do, query: str) -> None:
    """Make an attempt whose intent is on record, and report what became of it.

    An attempt that waits for people reports nothing: it stays open, and goes on when the run is resumed.
    """
    step = flow.step_at(move.path, move.step.work)
    if flow.watchers is not None:
        flow.watchers.enter_step(move.path, flow.clock.now())  # In the context of this task, with which it ends.
    with Heeding(await from_now_on()):
        try:
            output, proposes = await _output(flow, move, step, query)
        except StepWaits:
            return
        except (*FAILURES, SystemExit) as raised:
            error = _failure(move, raised)
        else:
            end: FlowEvent = AttemptFinished(move.path, move.epoch, move.attempt, output, proposes, at=flow.clock.now())
            flow.report(Report((await reviewed_end(flow, move, step, end),)))
            return
        end = failed(flow, move, error)
        flow.report(Report((await reviewed_end(flow, move, step, end),)))


def failed(flow: ActiveFlow, move: Do, error: Exception) -> FlowEvent:
    """The failure of an attempt, with what follows from it."""
    node = flow.state.nodes[move.path]
    tried = node.attempt - node.base
    left = move.step.fallback and not move.fallback
    now, chance = flow.clock.now(), flow.chance()
    return attempt_failed(move, error, tried=tried, fallback_left=left, now=now, chance=chance)


async def _output(
    flow: ActiveFlow, move: Do, step: LightFlowStep, query: str
) -> tuple[StepOutput, tuple[StepDefinition, ...]]:
    """What an attempt gives, and the steps that it proposes."""
    made: list[Artifact] = []
    proposes: tuple[StepDefinition, ...] = ()
    result = await _result(flow, move, step, query, made)
    if move.step.growth is not None and (proposal := read_proposal(result, move.path)) is not None:
        offers = {name: one.definition for name, one in flow.steps.items()}
        result, proposes = proposal.content, proposed(proposal, offers, move.path)
    value = as_json(result, move.path) if step.output is None else step.output.keep(result, move.path)
    check_size(value, flow.state.started.limits.max_value, move.path, "output")
    return StepOutput(value, tuple(made)), proposes


async def _result(flow: ActiveFlow, move: Do, step: LightFlowStep, query: str, made: list[Artifact]) -> object:
    given_up = _GivenUp()
    task = StepTask(
        query,
        lambda: seen_from(flow, move, given_up.is_set, made),
        place_of(flow, move),
        given_up.is_set,
        move.notes,
        partial(_note, flow, move),
        lambda listener: flow.listen_below(move.path, move.epoch, move.attempt, listener),
        flow.clock,
        flow.traced,
        () if flow.gate is None else flow.gate.gates,
        flow.outlet,
        None if flow.watchers is None else flow.watchers.below,
        flow.write_lines,
        flow.reviews,
    )
    work, seconds = _work_of(step, move), step.definition.timeout
    try:
        return await (work.do(task) if seconds is None else within(seconds, work.do(task)))
    finally:
        given_up.now = True
        flow.leave_below(move.path, move.epoch, move.attempt)


def _work_of(step: LightFlowStep, move: Do) -> StepWork:
    if not move.fallback:
        return step.work
    if step.fallback is None:
        raise ConfigurationError(
            f"The fallback of the step {step.name!r:.100} is to be tried, and the step has none any more.",
            guidance="Go on with the flow that the run was begun with.",
        )
    return step.fallback


async def _note(flow: ActiveFlow, move: Do, events: Sequence[Noted], heard: int | None, waits: bool) -> None:
    """Put what happens below an attempt on record; returns once it is durable."""
    now = flow.clock.now()
    noted = [AttemptNoted(move.path, move.epoch, move.attempt, event, at=now) for event in events]
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    flow.report(Report(noted, written, heard_below=heard, waits=waits))
    await written


def _failure(move: Do, raised: BaseException) -> Exception:
    if isinstance(raised, TimeIsUp):
        return out_of_time(move.step, move.path, goes_on=isinstance(raised, Abandoned))
    if isinstance(raised, SystemExit):
        return RuntimeError(f"SystemExit: {raised.code}")
    return failure(raised)
