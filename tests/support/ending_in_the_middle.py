"""A program that ends while its worker has runs in hand. It says when it ended, and its exit code is 3."""

import asyncio
import os
import sys
import time

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.flow_worker import FlowWorker


async def main() -> None:
    calls = int(os.environ["CALLS"])
    begun, all_begun = list[str](), asyncio.Event()

    async def slow(query: str) -> str:
        begun.append(query)
        if len(begun) == calls:
            all_begun.set()
        await asyncio.sleep(600)
        return query

    engine = TemporalEngine(
        Place(os.environ["ADDRESS"], "default"), task_queue="ending", prefix="ending:", heartbeat=5, patience=60
    )
    flow = LightFlow(engine=engine, name="f").step("a", agent=slow)
    worker = asyncio.create_task(FlowWorker(flow).arun())
    tasks = [asyncio.create_task(flow.arun("x", run_id=f"r{number}")) for number in range(calls)]
    await all_begun.wait()
    if worker.done() or any(task.done() for task in tasks):
        raise RuntimeError("all of them are under way")
    sys.stdout.write(f"{time.time()}\n")
    sys.stdout.flush()
    raise SystemExit(3)


asyncio.run(main())
