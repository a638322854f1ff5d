"""``lightagent worker``: execute runs of flows that no process holds and that can continue."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
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
from lightagent.entrypoints.cli.options import Config, Debug, Profile, Strict, TrustConfig, settings_for
from lightagent.flow import LightFlow
from lightagent.flow_worker import FlowWorker
from lightagent.settings.origins import printable
from lightagent.settings.sections.flow import FlowWorkerSettings

_LIMITS = "Limits"
_PROBES = "Probes"


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
            "--task-queue",
            metavar="NAME",
            help="What the task queues of the engine begin with, such as those of a tenant, instead of the setting.",
        ),
    ] = "",
    most: Annotated[
        int | None,
        typer.Option("--runs", min=1, help="Concurrent runs of a flow. [default: 4]", rich_help_panel=_LIMITS),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="With an engine: concurrent steps of a flow. [default: 100]",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    model_calls: Annotated[
        int | None,
        typer.Option(
            "--model-calls",
            min=1,
            help="Concurrent requests to models, of all flows together. [default: no limit]",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    poll: Annotated[
        float,
        typer.Option(
            "--poll",
            metavar="SECONDS",
            min=0.001,
            help="Without an engine: the interval of reading the store.",
            rich_help_panel=_LIMITS,
        ),
    ] = 1.0,
    grace: Annotated[
        float | None,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            help="The time for work in hand to end after a stop. [default: 20]",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            help="The IP address of the probes and metrics. [default: 127.0.0.1]",
            rich_help_panel=_PROBES,
        ),
    ] = None,
    health_port: Annotated[
        int | None,
        typer.Option(
            "--health-port",
            min=0,
            max=65535,
            help="Answer GET /healthz (it lives) and /readyz (it takes work) here; 0 for any free port.",
            rich_help_panel=_PROBES,
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            min=1,
            max=65535,
            help="With --engine temporal: serve the metrics of its SDK at /metrics here, for Prometheus.",
            rich_help_panel=_PROBES,
        ),
    ] = None,
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

    SIGTERM or Ctrl-C stops the worker: it takes no further work, /readyz says so with 503, and what is in hand has
    --grace seconds to end; then, or on a second signal, it is interrupted and other workers continue it. So to deploy a
    new version, start its workers and stop the old ones, in any order.

    With `[default.flow] engine = "temporal"` in the settings, or --engine, it executes the work of that engine: --steps
    applies to such flows; --runs, --poll and --once do not.

    Limits, host and ports can be set in `[default.flow.worker]`: runs, steps, model_calls, grace, host, health_port,
    metrics_port.

    **Examples**

    `lightagent worker flows.py:orders`

    `lightagent worker my_package.flows:orders my_package.flows:letters --runs 16`

    `lightagent worker flows.py --profile prod --once`

    `lightagent worker flows.py:orders --engine temporal --task-queue acme --steps 50 --model-calls 20`

    `lightagent worker flows.py:orders --engine temporal --host 0.0.0.0 --health-port 8080 --metrics-port 9464`
    """
    configure_logs("DEBUG" if debug else "INFO", None)
    given = {
        "runs": most,
        "steps": steps,
        "model_calls": model_calls,
        "grace": grace,
        "host": host,
        "health_port": health_port,
        "metrics_port": metrics_port,
    }
    options = settings_for(config, profile, False, trust_config).flow.worker.model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    loaded = open_all_flows(flows, config, profile, trust_config, engine=EngineChoice(engine, task_queue))
    _check_names(flows, loaded)
    for spec, flow in zip(flows, loaded, strict=True):
        announce_stand_ins(f"FLOW {spec}", models_of(flow), strict=strict)
    held = list[WorkedRun]()
    made = _worker(loaded, options, poll, held if once else None)
    asyncio.run(work(made, loaded, once=once, host=options.host, health_port=options.health_port))
    return ExitCode.FAILED if held else ExitCode.COMPLETED


def _worker(
    flows: list[LightFlow], options: FlowWorkerSettings, poll: float, held: list[WorkedRun] | None
) -> FlowWorker:
    """Make the worker.

    Args:
        held: takes the runs that could not continue.
    """

    def note(run: WorkedRun) -> None:
        if held is not None and run.status is None:
            held.append(run)

    host = f"[{options.host}]" if ":" in options.host else options.host
    return FlowWorker(
        flows,
        max_runs=options.runs,
        max_steps=options.steps,
        max_model_calls=options.model_calls,
        metrics="" if options.metrics_port is None else f"{host}:{options.metrics_port}",
        poll_seconds=poll,
        grace_seconds=options.grace,
        on_run=note,
    )


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


async def work(
    made: FlowWorker, flows: list[LightFlow], *, once: bool, host: str = "127.0.0.1", health_port: int | None = None
) -> None:
    """Run a worker until it ends or is stopped by a signal, then close its flows.

    Args:
        health_port: the port of the probes, which are answered until the worker has stopped; None: no probes.
    """
    names = ", ".join(dict.fromkeys(flow.name for flow in flows))
    async with AsyncExitStack() as stack:
        for flow in flows:
            stack.push_async_callback(flow.aclose)
        if health_port is not None:
            from lightagent.entrypoints.cli.flow.worker_health import health_server  # Only then it is loaded.

            url = await stack.enter_async_context(health_server(made.unready, host, health_port))
            err().print(printable(f"Probes: {url}/healthz and {url}/readyz."), markup=False)
        stack.enter_context(_stopped_by_signals(made))
        if not once:
            err().print(printable(f"Executing runs of {names}; SIGTERM or Ctrl-C stops it."), markup=False)
        await made.arun(once=once)


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
