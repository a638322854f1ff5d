"""The flow of ten steps as somebody would write it for Temporal by hand: a workflow and an activity."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from peers.temporal_runs import LAYERS, QUESTION, Driver, main, outcome

QUEUE = "by hand"


@activity.defn
async def step(name: str, query: str, before: dict[str, str]) -> str:
    """What every step does: nothing but tell what came before it."""
    return outcome(name, list(before))


@workflow.defn
class Dag:
    """Layer after layer."""

    @workflow.run
    async def run(self, query: str) -> str:
        before, done = dict[str, str](), list[str]()
        for layer in LAYERS:
            done = await asyncio.gather(
                *(
                    workflow.execute_activity(
                        step,
                        args=[name, query, before],
                        start_to_close_timeout=timedelta(seconds=60),
                        heartbeat_timeout=timedelta(seconds=20),
                    )
                    for name in layer
                )
            )
            before = dict(zip(layer, done, strict=True))
        return done[0]


async def work(address: str) -> None:
    """Take work."""
    client = await Client.connect(address)
    await Worker(client, task_queue=QUEUE, workflows=[Dag], activities=[step]).run()


async def connect(address: str) -> Driver:
    """Runs are had as callers have them."""
    client = await Client.connect(address)

    async def run(scenario: str, run_id: str) -> str:
        result: str = await client.execute_workflow(Dag.run, QUESTION, id=f"{QUEUE} {run_id}", task_queue=QUEUE)
        return result

    return Driver(run, lambda run_id: f"{QUEUE} {run_id}")


if __name__ == "__main__":
    main(work, connect)
