"""What an engine that folds runs by itself gets besides the domain's fold: all rules that do not need a flow's code.

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
    """The rules by which every engine executes runs. Serves any number of threads."""

    def read(self, text: str) -> FlowEvent:
        """Parse an event from its text.

        Raises:
            ConfigurationError: the text is not an event of a flow.
        """
        ...

    def write(self, event: FlowEvent) -> str:
        """Return an event as JSON text in ASCII."""
        ...

    def lost_attempt(self, state: FlowState, move: Do, now: float) -> AttemptFailed | None:
        """Return the failure of an interrupted attempt that must not be repeated; None if it is repeated."""
        ...

    def intent(self, state: FlowState, move: Do, now: float) -> AttemptStarted | None:
        """Return the intent of an attempt; None if the flow's code has to build its query (`FlowCode.carry_out`)."""
        ...

    def rerun_events(self, state: FlowState, step: str, now: float) -> Sequence[FlowEvent]:
        """Return the events that repeat a step (``outer/inner`` within a flow that is a step), in their order.

        Raises:
            ConfigurationError: the step does not exist.
        """
        ...

    def signalled(self, state: FlowState, signal: Signalled) -> FlowEvent:
        """Return the event that records an external event.

        Raises:
            ConfigurationError: nothing in the run ever waits for it, or it was delivered before.
        """
        ...


@runtime_checkable
class FoldsRuns(Protocol):
    """An engine that folds runs by itself."""

    def fold_with(self, machine: FlowMachine) -> None:
        """Set the machine to fold with, before any other call; all machines that are set behave the same."""
        ...
