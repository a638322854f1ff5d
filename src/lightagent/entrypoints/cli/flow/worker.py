"""``lightagent worker``: execute runs of flows that no process holds and that can continue."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from lightagent.adapters.logs import configure_logs
from lightagent.application.flow.worker import WorkedRun
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.flow.files import EngineChoice, models_of, open_all_flows
from lightagent.entrypoints.cli.notices import announce_stand_ins
from lightagent.entrypoints.cli.options import Config, Debug, Profile, Strict, TrustConfig
from lightagent.flow import LightFlow
from lightagent.flow_worker import FlowWorker
from lightagent.settings.origins import printable


@guarded
def worker(
    flows: Annotated[
        list[str],
        typer.Argument(metavar="FLOW...", help="FILE.py, FILE.py:NAME or MODULE:NAME. The file is run."),
    ],
    once: Annotated[bool, typer.Option("--once", help="Execute all runs that can continue now, and exit.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", metavar="KIND", help="Work for this engine, such as temporal.")
    ] = "",
    task_queue: Annotated[
        str,
        typer.Option(
            "--task-queue", metavar="NAME", help="The task queue of the engine, instead of the one in the settings."
        ),
    ] = "",
    most: Annotated[int, typer.Option("--runs", min=1, help="Concurrent runs of a flow.")] = 4,
    steps: Annotated[int, typer.Option("--steps", min=1, help="With an engine: concurrent steps of a flow.")] = 100,
    poll: Annotated[
        float, typer.Option("--poll", metavar="SECONDS", min=0.001, help="The interval of reading the store.")
    ] = 1.0,
    grace: Annotated[
        float, typer.Option("--grace", metavar="SECONDS", min=0, help="The time for active runs to end after a stop.")
    ] = 20.0,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
    strict: Strict = False,
    debug: Debug = False,
) -> ExitCode:
    """Execute runs of flows that no process holds: interrupted ones, and those whose wait is over.

    Each flow needs a name, by which its runs are found, and a store that the processes share: its own, or that of
    `[default.flow]` in lightagent.toml. Any number of workers on any number of machines can share a store; each run has
    one of them at a time. Runs that failed, were cancelled or wait for a person are left alone; use
    `lightagent flow resume`, `rerun` or `approve` for them.

    The runs and their results are logged to standard error. With --once the exit code is 1 if a run could not continue.

    SIGTERM or Ctrl-C stops the worker: it takes no further runs, and active ones have --grace seconds to end; a second
    signal interrupts them at once. Other workers continue them, so to deploy a new version, start its workers and stop
    the old ones, in any order.

    With `[default.flow] engine = "temporal"` in the settings, or --engine, it executes the work of that engine: --steps
    applies to such flows; --runs, --poll and --once do not.

    **Examples**

    `lightagent worker flows.py:orders`

    `lightagent worker my_package.flows:orders my_package.flows:letters --runs 16`

    `lightagent worker flows.py --profile prod --once`

    `lightagent worker flows.py:orders --engine temporal --task-queue orders`
    """
    configure_logs("DEBUG" if debug else "INFO", None)
    loaded = open_all_flows(flows, config, profile, trust_config, engine=EngineChoice(engine, task_queue))
    _check_names(flows, loaded)
    for spec, flow in zip(flows, loaded, strict=True):
        announce_stand_ins(f"FLOW {spec}", models_of(flow), strict=strict)
    held = list[WorkedRun]()

    def note(run: WorkedRun) -> None:
        if run.status is None:
            held.append(run)

    made = FlowWorker(
        loaded,
        max_runs=most,
        max_steps=steps,
        poll_seconds=poll,
        grace_seconds=grace,
        on_run=note if once else None,
    )
    asyncio.run(work(made, loaded, once=once))
    return ExitCode.FAILED if held else ExitCode.COMPLETED


def _check_names(specs: list[str], flows: list[LightFlow]) -> None:
    """Raise if two flows have the same name, since they would take each other's runs.

    This includes a flow that was named twice, since its file is run each time.

    Raises:
        ConfigurationError: two flows have the same name.
    """
    known: dict[str, str] = {}
    for spec, flow in zip(specs, flows, strict=True):
        if flow.name in known:
            raise ConfigurationError(
                f"FLOW {spec}: the name {flow.name!r:.100} is also that of {known[flow.name]}.",
                guidance="Name each flow once, and give each a unique name, by which its runs are found.",
            )
        known[flow.name] = spec


async def work(made: FlowWorker, flows: list[LightFlow], *, once: bool) -> None:
    """Run a worker until it ends or is stopped by a signal, then close its flows."""
    names = ", ".join(dict.fromkeys(flow.name for flow in flows))
    with _stopped_by_signals(made):
        if not once:
            err().print(printable(f"Executing runs of {names}; SIGTERM or Ctrl-C stops it."), markup=False)
        try:
            await made.arun(once=once)
        finally:
            for flow in flows:
                await flow.aclose()


@contextmanager
def _stopped_by_signals(made: FlowWorker) -> Generator[None]:
    """Make SIGINT and SIGTERM stop the worker."""

    def stop(_: int, __: FrameType | None) -> None:
        made.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
