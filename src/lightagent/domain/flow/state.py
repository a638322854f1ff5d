"""The state of a run of a flow, folded from its events, and its open moves.

It is the one thing here that changes in place, since a copy at every event costs more the more steps there are. It
uses no clock, no random numbers and no code of steps, so the same events give the same state anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from lightagent.domain.flow.attempt_folding import take_answer, take_attempt
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    DefinitionChanged,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    Forked,
    RerunRequested,
    Resumed,
    Signalled,
    StepApprovalDecided,
    StepApprovalRequested,
    WaitBegan,
    WaitEnded,
)
from lightagent.domain.flow.moves import Move
from lightagent.domain.flow.person_folding import take_decision, take_request
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.run_folding import cancel, finish, fork, request_rerun, resume
from lightagent.domain.flow.wait_folding import end_wait, take_signal, take_wait


class FlowState(Progress):
    """A run as of its last event.

    ``state = FlowState(flow_started)``, then ``state.open_moves()``, and for each event ``state.apply(event)``.
    """

    __slots__ = ()

    def apply(self, event: FlowEvent) -> list[Move]:
        """Apply one more event, and return the moves that it opened.

        `Finish` is among them whenever nothing else is to be done; an earlier one no longer counts once
        another event opened something.

        Raises:
            Refused: it cannot happen now. Nothing has changed.
        """
        self.at: float = event.at
        match event:
            case AttemptStarted() | AttemptFinished() | AttemptFailed() | AttemptNoted() | AttemptStopped():
                take_attempt(self, event)
            case Answered():
                take_answer(self, event)
            case WaitBegan():
                take_wait(self, event)
            case WaitEnded():
                end_wait(self, event)
            case Signalled():
                take_signal(self, event)
            case StepApprovalRequested():
                take_request(self, event)
            case StepApprovalDecided():
                take_decision(self, event)
            case _:
                self._about_the_run(event)
        return self.settle()

    def _about_the_run(
        self,
        event: FlowStarted | CancelRequested | Resumed | RerunRequested | Forked | DefinitionChanged | FlowFinished,
    ) -> None:
        match event:
            case FlowFinished():
                finish(self, event)
            case CancelRequested():
                cancel(self, event)
            case Resumed():
                resume(self, event)
            case RerunRequested():
                request_rerun(self, event)
            case Forked():
                fork(self, event)
            case DefinitionChanged():
                self._check_definition(event.definition)
            case FlowStarted():
                raise Refused("status", "A run starts once.")
            case _:
                assert_never(event)

    def _check_definition(self, definition: FlowDefinition) -> None:
        if definition != self.definition:
            raise Refused("definition", "A changed definition is folded over the whole past: see `fold`.")


def fold(events: Iterable[FlowEvent]) -> FlowState:
    """The state of the run of these events, the first of which is `FlowStarted`.

    The last definition among them applies to all of them.

    Raises:
        Refused: they do not form a possible run, or the changed definition does not fit what has happened.
    """
    told = list(events)
    if not told or not isinstance(told[0], FlowStarted):
        raise Refused("form", "A run of a flow begins with flow_started.")
    changed = next((event for event in reversed(told) if isinstance(event, DefinitionChanged)), None)
    last: FlowDefinition = told[0].definition if changed is None else changed.definition
    state = FlowState(told[0], last)
    for event in told[1:]:
        if not isinstance(event, DefinitionChanged):
            state.apply(event)
    return state
