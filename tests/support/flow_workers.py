"""Begins runs of a flow and goes on with them as workers, each in a forked process that may be killed.

    python -m tests.support.flow_workers

Each line of standard input is an order, a list in JSON. The kind and the options of a store, a folder and what to do
(``begin RUN``, ``work`` or ``work patiently``) fork a process, whose id is printed; an id alone waits for that process
and prints the status with which it ended.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from lightagent import FlowLimits, FlowWorker, LightFlow, StepContext
from lightagent.adapters.registry import find_adapter, open_adapter
from lightagent.application.journals import hold_lease
from lightagent.entrypoints.cli.flow.worker import work
from lightagent.ports.journals import JournalStore
from tests.support.flow_kills.scene import Effects

STEPS: Final = ("a", "b", "c", "d")
LEASE: Final = 0.3
"""Seconds; of a process that will be killed, so that nobody waits long for its runs."""


def open_store(kind: str, options: dict[str, str]) -> JournalStore:
    """A store of this process."""
    store = open_adapter("journals", kind, options)
    assert isinstance(store, JournalStore)
    return store


def make_flow(store: JournalStore, effects: Effects) -> LightFlow:
    """Steps one after the other, each with an effect and of a moment's length."""

    def step(name: str) -> Callable[[str, StepContext], Awaitable[str]]:
        async def do(query: str, context: StepContext) -> str:
            effects.called(name, context.idempotency_key)
            await asyncio.sleep(0.02)
            return effects.take_effect(context.idempotency_key)

        return do

    flow = LightFlow(name="worked", store=store, limits=FlowLimits(max_lost=1_000))  # They are killed all the time.
    for number, name in enumerate(STEPS):
        flow.step(name, agent=step(name), depends_on=list(STEPS[:number][-1:]))
    return flow


async def carry_out(kind: str, options: dict[str, str], folder: Path, do: str) -> None:
    """Begin a run, or be a worker until a signal comes."""
    flow = make_flow(open_store(kind, options), Effects(folder))
    what, _, rest = do.partition(" ")
    if rest != "patiently":
        vars(hold_lease)["SECONDS"] = LEASE
    if what == "begin":
        await flow.arun("x", run_id=rest)
        await flow.aclose()
    else:
        working = asyncio.create_task(work(FlowWorker(flow, poll_seconds=0.05, grace_seconds=5.0), [flow], once=False))
        await asyncio.sleep(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))  # From now on it stops the worker.
        await working


def _say(number: int) -> None:
    os.write(1, f"{number}\n".encode())


def main() -> None:
    """Carry out order after order."""
    for name in ("files", "sqlite", "postgres"):
        find_adapter("journals", name)
    importlib.import_module("lightagent.adapters.journals.postgres.database")
    for line in sys.stdin:
        order = json.loads(line)
        if len(order) == 1:
            _say(os.waitpid(order[0], 0)[1])
            continue
        kind, options, folder, do = order
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
        child = os.fork()
        if child == 0:
            asyncio.run(carry_out(kind, options, Path(folder), do))
            os._exit(0)
        _say(child)


if __name__ == "__main__":
    main()
