"""A flow's machine in a Temporal workflow: everything is decided by the fold, and every step would be an activity.

A module of its own, since Temporal imports a workflow's module once more, in a sandbox; so is lightagent itself.
"""

from __future__ import annotations

from temporalio import workflow

from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import AttemptFinished, AttemptStarted, FlowFinished, FlowStarted
from lightagent.domain.flow.moves import Do, Finish, Move
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState

STEPS = (StepDefinition("draft"), StepDefinition("publish", depends_on=("draft",)))


def play(run_id: str) -> str:
    """Plays a flow of two steps to its end, and gives its content."""
    state = FlowState(FlowStarted(run_id, FlowDefinition("report", STEPS), "input"))
    moves: list[Move] = state.open_moves()
    while moves:
        match moves.pop(0):
            case Do(path, epoch, attempt):
                moves += state.apply(AttemptStarted(path, epoch, attempt, effect_key(run_id, path, epoch)))
                moves += state.apply(AttemptFinished(path, epoch, attempt, StepOutput(f"{path} done")))
            case Finish(status):
                moves += state.apply(FlowFinished(status))
            case move:
                raise AssertionError(move)
    return flow_record(state).content


PLAYED = play("while the module is imported")


@workflow.defn
class FlowWorkflow:
    """One run of one flow."""

    @workflow.run
    async def run(self, run_id: str) -> str:
        """The content of the run."""
        return play(run_id)
