"""The port to the workers of an engine of many machines: what a process does that has a flow's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightagent.ports.flow_engine import FlowCode


@dataclass(frozen=True, slots=True)
class EngineWorkerLimits:
    """How much a worker does.

    Attributes:
        most: moves of runs that are carried out at the same time, of each flow.
        grace: seconds that what is under way may go on once the worker is stopped.
    """

    most: int = 100
    grace: float = 20.0


@runtime_checkable
class EngineWorker(Protocol):
    """Carries out moves of runs of some flows. Begins its work once."""

    async def work(self) -> None:
        """Work until `stop` is called, or until it is cancelled; what is under way then is stopped in good order.

        Raises:
            StoreError: the engine cannot be reached at the beginning. Later it is asked again until it answers.
            ConfigurationError: the engine does not know the place, or rejects the credentials.
        """
        ...

    def stop(self) -> None:
        """Take nothing further, and end once what is under way has ended or its grace is over. In the worker's loop."""
        ...


@runtime_checkable
class WorkedEngine(Protocol):
    """An engine whose runs are carried out by workers that are started for it."""

    def worker(self, flows: Sequence[FlowCode], limits: EngineWorkerLimits) -> EngineWorker:
        """A worker for runs of these flows, each of a name of its own."""
        ...
