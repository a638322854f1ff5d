"""Carries out orders about a run, each in a forked process that may be killed at a point.

    python -m tests.support.flow_kills.program

Each line of standard input is an order, as JSON. A fork of this process, which has everything imported already, carries
it out; then this process prints the status with which the fork ended.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightagent import ConfigurationError, FlowWorker, LightFlow
from lightagent.adapters.registry import find_adapter, open_adapter
from lightagent.application.journals import hold_lease
from lightagent.domain.json_types import JsonValue
from lightagent.ports.journals import JournalStore
from tests.support.flow_kills.points import Trigger
from tests.support.flow_kills.scene import Effects, WatchedStore, make_flow

RUN: Final = "r"
LEASE_SECONDS: Final = 0.15
"""How long the lease of a process that died lasts."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process does, and where it dies.

    Attributes:
        kind, options: of the store.
        folder: where the effects are.
        do: begin, approve, cancel, resume, rerun, work (as a worker, once) or show.
        point: the name of the point; empty for a process that lives.
        nth: it dies as the point is reached for the nth time.
    """

    kind: str
    options: dict[str, str]
    folder: str
    do: str
    point: str = ""
    nth: int = 1


def open_store(kind: str, options: dict[str, str]) -> JournalStore:
    """A store of this process."""
    store = open_adapter("journals", kind, options)
    assert isinstance(store, JournalStore)
    return store


async def carry_out(order: Order) -> JsonValue:
    """Carry out an order, or die; what came of it."""
    trigger, folder = Trigger(order.point, order.nth), Path(order.folder)
    store = open_store(order.kind, order.options)
    flow = make_flow(WatchedStore(store, trigger.reach, folder / "acknowledged.jsonl"), Effects(folder), trigger.reach)
    try:
        return await _do(flow, order.do)
    finally:
        await store.aclose()


async def _do(flow: LightFlow, do: str) -> JsonValue:
    if do == "begin":
        return (await flow.arun("x", run_id=RUN)).status
    if do == "resume":
        return (await flow.aresume(RUN)).status
    if do == "rerun":
        return (await flow.arerun_step(RUN, "agent")).status
    if do in ("approve", "cancel"):
        try:
            await (flow.aapprove(RUN, "publish") if do == "approve" else flow.acancel(RUN))
        except ConfigurationError as error:
            return error.message
        return "done"
    if do == "work":
        await asyncio.sleep(LEASE_SECONDS)
        await FlowWorker(flow).arun(once=True)
    return await flow.aget_run(RUN)


def main() -> None:
    """Carry out order after order."""
    for kind in ("files", "sqlite", "postgres"):
        find_adapter("journals", kind)
    importlib.import_module("lightagent.adapters.journals.postgres.database")
    vars(hold_lease)["SECONDS"] = LEASE_SECONDS
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(carry_out(Order(**json.loads(line))))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, f"{status}\n".encode())


if __name__ == "__main__":
    main()
