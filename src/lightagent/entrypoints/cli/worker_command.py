"""``lightagent worker``: goes on with runs of flows whose process is gone, or that may go on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Final

import typer

from lightagent.adapters.logs import configure_logs
from lightagent.application.flow.worker import WorkedRun
from lightagent.entrypoints.cli.console import ExitCode, err, guarded
from lightagent.entrypoints.cli.flow_models import models_of
from lightagent.entrypoints.cli.options import Debug, Strict
from lightagent.entrypoints.cli.python_objects import Wanted, load_object
from lightagent.entrypoints.cli.stand_in import announce_stand_ins
from lightagent.flow import LightFlow
from lightagent.flow_worker import FlowWorker
from lightagent.settings.origins import printable

_FLOW: Final = Wanted("FLOW", LightFlow, "flow")


@guarded
def worker(
    flows: Annotated[
        list[str],
        typer.Argument(metavar="FLOW...", help="FILE.py, FILE.py:NAME or MODULE:NAME. The file is run."),
    ],
    once: Annotated[bool, typer.Option("--once", help="Go on with all that may go on now, and end.")] = False,
    most: Annotated[int, typer.Option("--runs", min=1, help="Runs of a flow at the same time.")] = 4,
    poll: Annotated[float, typer.Option("--poll", metavar="SECONDS", help="Between two looks into the store.")] = 1.0,
    grace: Annotated[
        float, typer.Option("--grace", metavar="SECONDS", help="Time for runs that go on when it is stopped.")
    ] = 20.0,
    strict: Strict = False,
    debug: Debug = False,
) -> ExitCode:
    """Go on with runs of flows that nobody has: whose process died, whose time has come, or that were told something.

    Each flow has a store of its own, and a name by which its runs are found. Any number of workers share a store.
    SIGTERM or Ctrl-C stops it: runs that go on may end within --grace; asked again, it interrupts them at once, and
    other workers go on with them. What it does is logged to standard error. With --once it ends with 1 if a run could
    not go on.

    **Examples**

    `lightagent worker flows.py:orders`

    `lightagent worker my_package.flows:orders my_package.flows:letters --runs 16`

    `lightagent worker flows.py --once`
    """
    configure_logs("DEBUG" if debug else "INFO", None)
    loaded = [load_object(spec, _FLOW) for spec in flows]
    for spec, flow in zip(flows, loaded, strict=True):
        announce_stand_ins(f"FLOW {spec}", models_of(flow), strict=strict)
    held = list[WorkedRun]()

    def note(run: WorkedRun) -> None:
        if run.status is None:
            held.append(run)

    made = FlowWorker(loaded, max_runs=most, poll_seconds=poll, grace_seconds=grace, on_run=note if once else None)
    asyncio.run(work(made, loaded, once=once))
    return ExitCode.FAILED if held else ExitCode.COMPLETED


async def work(made: FlowWorker, flows: list[LightFlow], *, once: bool) -> None:
    """Have a worker work until a signal comes, and close the stores of its flows."""
    names = ", ".join(dict.fromkeys(flow.name for flow in flows))
    with _stopped_by_signals(made):
        if not once:
            err().print(printable(f"Goes on with runs of {names}; SIGTERM or Ctrl-C stops it."), markup=False)
        try:
            await made.arun(once=once)
        finally:
            for flow in flows:
                await flow.aclose()


@contextmanager
def _stopped_by_signals(made: FlowWorker) -> Generator[None]:
    """Within it, the signals that end a process stop the worker instead."""

    def stop(_: int, __: FrameType | None) -> None:
        made.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
