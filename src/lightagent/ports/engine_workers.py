"""The port to the workers of a distributed engine: processes that have the code of flows and execute their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightagent.ports.flow_engine import FlowCode


@dataclass(frozen=True, slots=True)
class EngineWorkerLimits:
    """The limits of a worker, and where it is watched.

    Attributes:
        most: how many moves of each flow are executed at the same time.
        grace: seconds for which work in progress may continue after the worker was stopped.
        metrics: HOST:PORT where the engine's metrics of the worker are served for Prometheus; empty: not served.
    """

    most: int = 100
    grace: float = 20.0
    metrics: str = ""


@runtime_checkable
class EngineWorker(Protocol):
    """Executes moves of the runs of some flows. A worker can be started only once."""

    async def work(self) -> None:
        """Work until `stop` is called or the task is cancelled; work in progress is then shut down in order.

        Raises:
            StoreError: the engine cannot be reached at the beginning. Later it is asked again until it answers.
            ConfigurationError: the engine does not know the place, or rejects the credentials.
        """
        ...

    def stop(self) -> None:
        """Accept no new work; end when work in progress is done or the grace is over. Call it in the worker's loop.

        Called once more, it interrupts the work in progress, which other workers continue.
        """
        ...

    async def unready(self) -> str:
        """Return why the worker takes no work now, such as that the engine does not answer; empty if it does."""
        ...


@runtime_checkable
class WorkedEngine(Protocol):
    """An engine whose runs are executed by separately started workers."""

    def worker(self, flows: Sequence[FlowCode], limits: EngineWorkerLimits) -> EngineWorker:
        """Return a worker for runs of these flows, whose names must differ.

        Raises:
            ConfigurationError: the metrics cannot be served there, or the engine has none.
        """
        ...
