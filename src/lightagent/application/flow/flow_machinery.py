"""The rules by which runs go on, for engines that fold runs by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lightagent.application.flow.flow_codec import flow_event_from_dict, flow_event_text
from lightagent.application.flow.left_attempts import was_left
from lightagent.application.flow.rerun_flow import rerun_events
from lightagent.application.flow.signal_flow import signalled
from lightagent.application.flow.step_errors import lost_with_its_process, unknown_outcome
from lightagent.application.flow.step_queries import query_without_code
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import AttemptFailed, AttemptStarted, FlowEvent, Signalled
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.paths import added_depth
from lightagent.domain.flow.state import FlowState
from lightagent.ports.flow_machine import FlowMachine, FoldsRuns


class FlowMachinery(FlowMachine):
    """The same rules as those of runs in one process."""

    def read(self, text: str) -> FlowEvent:
        try:
            told = read_json(text)
        except ValueError as error:
            raise ConfigurationError(
                f"An event of a flow: {error}.", guidance="What is kept is not what was written."
            ) from None
        return flow_event_from_dict(told)

    def write(self, event: FlowEvent) -> str:
        return flow_event_text(event)

    def lost_attempt(self, state: FlowState, move: Do, now: float) -> AttemptFailed | None:
        if not move.again or was_left(move.notes):
            return None
        if not move.step.repeatable:
            lost = unknown_outcome(move.step, move.path)
            return AttemptFailed(move.path, move.epoch, move.attempt, lost, at=now)
        if move.lost >= state.started.limits.max_lost:
            return replace(lost_with_its_process(move, move.lost), at=now)
        return None

    def intent(self, state: FlowState, move: Do, now: float) -> AttemptStarted | None:
        coded = added_depth(move.path) > 0 or any(one.field == "query" for one in move.step.code)
        query = query_without_code(state, move, coded=coded) if move.query is None else str(move.query)
        if query is None:
            return None
        return AttemptStarted(move.path, move.epoch, move.attempt, state.key_of(move), query, at=now)

    def rerun_events(self, state: FlowState, step: str, now: float) -> Sequence[FlowEvent]:
        return rerun_events(state, step, (), now)

    def signalled(self, state: FlowState, signal: Signalled) -> FlowEvent:
        return signalled(state, signal)


def give_machine(engine: object) -> None:
    """Give the rules to an engine that folds runs by itself."""
    if isinstance(engine, FoldsRuns):
        engine.fold_with(FlowMachinery())
