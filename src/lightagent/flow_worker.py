"""`FlowWorker`: goes on with runs of flows whose process is gone, or that may go on, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Final

from typing_extensions import TypedDict, Unpack

from lightagent.aiokits.abandon import stop
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.check_options import check_options
from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.find_awaited import awaited_in
from lightagent.application.flow.find_work import FindWork
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.flow_step import by_work
from lightagent.application.flow.worker import TO_STOP, WorkedRun, Worker, WorkerLimits, of_owner
from lightagent.application.run_loop.limit_model_calls import limited_model_calls
from lightagent.compose.flow.parts import UNNAMED
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.state import FlowState
from lightagent.domain.scopes import Scope
from lightagent.flow import LightFlow
from lightagent.ports.engine_workers import EngineWorker, EngineWorkerLimits, WorkedEngine
from lightagent.ports.flow_engine import FlowCode

_LOGGER: Final = logging.getLogger("lightagent")


class WorkerOptions(TypedDict, total=False):
    """The options of a worker.

    Attributes:
        max_runs: runs of a flow that go on at the same time; 4 by default. Not for flows on an engine.
        max_steps: of flows on an engine, steps of one flow that run at the same time; 100 by default.
        max_model_calls: requests to models that go on at the same time, of all flows; without a limit by default.
        metrics: IP:PORT where the metrics of an engine that has them are served for Prometheus.
        poll_seconds: between two polls of the store; 1 by default.
        grace_seconds: that runs may go on once the worker is stopped; then they are interrupted. 20 by default.
        on_run: a callable that gets a report on each run, in the event loop of the worker.
    """

    max_runs: int | None
    max_steps: int | None
    max_model_calls: int | None
    metrics: str | None
    poll_seconds: float | None
    grace_seconds: float | None
    on_run: Callable[[WorkedRun], object] | None


class FlowWorker:
    """Goes on with runs that no process has, repeatedly: whose process died, whose time has come, or that were told
    something, such as a decision. Any number of workers may share the stores of their flows; each run has one of them.

    Runs of all tenants and users are found. What has failed, was cancelled or waits for a person is left as it is.

    Flows on an engine that has workers, such as Temporal, are run as that engine assigns their work.

    Args:
        flows: each with a name, by which its runs are found, and a store that other processes see, or an engine.
        **options: see `WorkerOptions`.

    Raises:
        ConfigurationError: no flow, one that cannot have a worker, or an option that is not valid.
    """

    def __init__(self, flows: LightFlow | Sequence[LightFlow], **options: Unpack[WorkerOptions]) -> None:
        check_options(options, WorkerOptions, "FlowWorker")
        self._flows = (flows,) if isinstance(flows, LightFlow) else tuple(dict.fromkeys(flows))
        _check(self._flows)
        self._limits = _limits(options)
        self._engine_limits = _engine_limits(options, self._limits.grace)
        if self._engine_limits.metrics and all(flow.parts.engine is None for flow in self._flows):
            raise ConfigurationError(
                "FlowWorker: metrics are those of an engine, and these flows run in this process.",
                guidance="Leave it out; telemetry= of the agents and [default.telemetry] tell of runs in this process.",
            )
        self._model_calls = _most(options.get("max_model_calls"), "max_model_calls")
        self._on_run = options.get("on_run")
        self._lock = threading.Lock()
        self._going_on: list[tuple[asyncio.AbstractEventLoop, Worker | EngineWorker]] = []
        self._is_stopping = False

    def run(self, *, once: bool = False) -> None:
        """Work until `stop` is called from another thread.

        Args:
            once: go on with all that may go on now, and end.

        Raises:
            StoreError: with `once`: a store cannot be read. Otherwise it is polled again. An engine cannot
                be reached at the beginning.
            ConfigurationError: `once`, and one of the flows is on an engine.
        """
        run_sync(self.arun(once=once))

    async def arun(self, *, once: bool = False) -> None:
        """`run` for async callers. Cancelling it interrupts the runs, with which other workers go on."""
        workers = [self._worker(flow) for flow in self._flows if flow.parts.engine is None]
        of_engines = self._engine_workers()
        if once and of_engines:
            raise ConfigurationError(
                "FlowWorker: once is for flows in a store, and an engine never says that this is all.",
                guidance="Leave it out, and stop the worker.",
            )
        loop = asyncio.get_running_loop()
        everyone: list[Worker | EngineWorker] = [*workers, *of_engines]
        here = [(loop, worker) for worker in everyone]
        with self._lock:
            self._going_on += here
        self._is_stopping = False
        with limited_model_calls(self._model_calls):
            tasks = [asyncio.create_task(worker.work(once=once)) for worker in workers]
            tasks += [asyncio.create_task(worker.work()) for worker in of_engines]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            with self._lock:
                self._going_on = [one for one in self._going_on if one not in here]
            await stop(tasks, 2 * TO_STOP)

    def stop(self) -> None:
        """Take no further runs, and end once those that go on have ended or `grace_seconds` are over.

        May be called in any thread and from a handler of a signal. Called once more, it interrupts the runs at once.
        """
        self._is_stopping = True
        for loop, worker in [*self._going_on]:
            if not loop.is_closed():
                loop.call_soon_threadsafe(worker.stop)

    async def unready(self) -> str:
        """Return why it takes no runs now, such as that its engine does not answer; empty if it does.

        For readiness probes; call it in the event loop of `arun`.
        """
        if self._is_stopping:
            return "The worker is stopping."
        if not self._going_on:
            return "The worker is starting."
        engines = [worker for _, worker in self._going_on if not isinstance(worker, Worker)]
        return " ".join(filter(None, [await worker.unready() for worker in engines]))

    def _engine_workers(self) -> list[EngineWorker]:
        """One worker for each engine, with the code of all flows that are on it."""
        codes: dict[int, tuple[WorkedEngine, list[FlowCode]]] = {}
        for flow in self._flows:
            engine, runs = flow.parts.engine, flow.parts.runs
            if isinstance(runs, EngineFlows) and (worked := _worked(engine)) is not None:
                codes.setdefault(id(engine), (worked, []))[1].append(runs.code(flow.declared))
        return [engine.worker(flows, self._engine_limits) for engine, flows in codes.values()]

    def _worker(self, flow: LightFlow) -> Worker:
        parts = flow.parts
        runs = parts.runs
        if not isinstance(runs, FlowRuns):  # The constructor has refused it.
            raise TypeError(f"The flow {flow.name!r:.100} runs on an engine.")

        def awaited(state: FlowState) -> Sequence[Awaited]:
            return tuple(awaited_in(state, by_work(flow.declared), runs.reviews))

        work = FindWork(parts.store, parts.clock, flow.name, awaited)
        return Worker(flow.name, runs, work, lambda: flow.declared, self._limits, self._tell)

    def _tell(self, run: WorkedRun) -> None:
        _log(run)
        if self._on_run is None:
            return
        try:
            self._on_run(run)
        except Exception:
            _LOGGER.exception("FlowWorker: on_run failed")


def _log(run: WorkedRun) -> None:
    at = f"{run.flow}: run {run.run_id!r}{of_owner(Scope(run.tenant, run.user_id))}"
    why = "" if run.error is None else f": {run.error.message}"
    if run.status is None:
        advice = "" if run.error is None or not run.error.guidance else f" {run.error.guidance}"
        _LOGGER.warning("%s cannot go on%s%s", at, why, advice)
    else:
        _LOGGER.info("%s is %s%s", at, run.status, why)


def _check(flows: Sequence[LightFlow]) -> None:
    if not flows:
        raise ConfigurationError(
            "FlowWorker: no flow was given.", guidance="Pass the flows whose runs it goes on with."
        )
    for flow in flows:
        given: object = flow
        if not isinstance(given, LightFlow):
            raise ConfigurationError(
                f"FlowWorker: this is no LightFlow, but {type(given).__name__}.",
                guidance="Pass flows, or a list of them.",
            )
        engine = flow.parts.engine
        if engine is not None and _worked(engine) is None:
            raise ConfigurationError(
                f"The runs of the flow {flow.name!r:.100} are carried out by its engine.",
                guidance="Start a worker of that engine.",
            )
        if flow.name == UNNAMED:
            raise ConfigurationError(
                "FlowWorker: the flow has no name, and runs are found by it.",
                guidance='Give it one that no other flow of the store has: LightFlow(name="orders", store=...).',
            )
        if engine is None and not flow.parts.is_kept:
            raise ConfigurationError(
                f"FlowWorker: the flow {flow.name} keeps its runs in memory, where no other process sees them.",
                guidance="Pass store= a JsonLightFlowStore, a SqliteJournalStore or a PostgresJournalStore.",
            )
        errors = flow.validate()["errors"]
        if errors:
            raise ConfigurationError(
                f"FlowWorker: the flow {flow.name} cannot run: {'; '.join(errors)}.", guidance="See validate()."
            )
    _check_names(flows)


def _worked(engine: object) -> WorkedEngine | None:
    """An engine that has workers; None for any other."""
    return engine if isinstance(engine, WorkedEngine) else None


def _check_names(flows: Sequence[LightFlow]) -> None:
    """Two flows of one name in one store would take each other's runs."""
    known: dict[tuple[str, int], LightFlow] = {}
    for flow in flows:
        if known.setdefault((flow.name, id(flow.parts.engine or flow.parts.store)), flow) is not flow:
            raise ConfigurationError(
                f"FlowWorker: two flows of the same store have the name {flow.name!r:.100}, by which runs are found.",
                guidance="Give each a name of its own, or leave one of them to another worker.",
            )


def _limits(options: WorkerOptions) -> WorkerLimits:
    most, default = _most(options.get("max_runs"), "max_runs"), WorkerLimits()
    return WorkerLimits(
        most or default.most,
        _seconds(options.get("poll_seconds"), "poll_seconds", default.pause, least=0.001),
        _seconds(options.get("grace_seconds"), "grace_seconds", default.grace, least=0.0),
    )


def _engine_limits(options: WorkerOptions, grace: float) -> EngineWorkerLimits:
    most = _most(options.get("max_steps"), "max_steps")
    return EngineWorkerLimits(most or EngineWorkerLimits().most, grace, options.get("metrics") or "")


def _most(given: int | None, name: str) -> int | None:
    if given is not None and given < 1:
        raise ConfigurationError(f"FlowWorker: {name} must be at least 1, got {given}.", guidance="")
    return given


def _seconds(given: float | None, name: str, default: float, *, least: float) -> float:
    if given is None:
        return default
    if not (given >= least and math.isfinite(given)):
        raise ConfigurationError(f"FlowWorker: {name} must be at least {least:g} seconds, got {given}.", guidance="")
    return given
