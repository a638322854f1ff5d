"""What an engine that folds runs by itself is given beside the domain's fold: all that needs no code of any flow.

It is pure: no time but what it is told, no chance, no files. So an engine may call it where its own code is replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.flow.events import AttemptFailed, AttemptStarted, FlowEvent, Signalled
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.state import FlowState


@runtime_checkable
class FlowMachine(Protocol):
    """The rules by which every engine goes on with runs. Serves any number of threads."""

    def read(self, text: str) -> FlowEvent:
        """Parse an event from its text.

        Raises:
            ConfigurationError: the text is not an event of a flow.
        """
        ...

    def write(self, event: FlowEvent) -> str:
        """An event as a text of JSON, in ASCII."""
        ...

    def given_up(self, state: FlowState, move: Do, now: float) -> AttemptFailed | None:
        """That an attempt which was interrupted is not made again; None where it is."""
        ...

    def intent(self, state: FlowState, move: Do, now: float) -> AttemptStarted | None:
        """The intent of an attempt; None where the flow's code has to make its query (`FlowCode.carry_out`)."""
        ...

    def asked_again(self, state: FlowState, step: str, now: float) -> Sequence[FlowEvent]:
        """Return the events that repeat a step (``outer/inner`` within a flow that is a step), in their order.

        Raises:
            ConfigurationError: the step does not exist.
        """
        ...

    def signalled(self, state: FlowState, signal: Signalled) -> FlowEvent:
        """What becomes of an event from outside.

        Raises:
            ConfigurationError: nothing in the run ever waits for it, or it was delivered before.
        """
        ...


@runtime_checkable
class FoldsRuns(Protocol):
    """An engine that folds runs by itself."""

    def fold_with(self, machine: FlowMachine) -> None:
        """Take what it folds with, before anything is asked of it; every one that is given does the same."""
        ...
