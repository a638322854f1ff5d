"""An engine on Temporal with workers in the same process: each flow that a run is asked of has one from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from uuid import uuid4

from temporalio.client import Client

from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.large_payloads import LargePayloads
from lightagent.adapters.engines.temporal.worker import Queues, TemporalWorker
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.domain.flow.events import FlowEvent, FlowStarted
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.flow import LightFlow
from lightagent.ports.engine_workers import EngineWorkerLimits
from lightagent.ports.flow_engine import FlowCode, FlowRun

_NUMBERS = count(1)


class WorkingEngine(TemporalEngine):
    """Runs of its own: neither its ids nor its task queues are those of another one on the same server.

    Args:
        cipher: encrypts what the server is sent.
        large: where large payloads are kept.
    """

    def __init__(self, address: str, cipher: PayloadCipher | None = None, large: LargePayloads | None = None) -> None:
        name = f"test {next(_NUMBERS)} {uuid4().hex[:6]}"
        codec = None if cipher is None else EncryptingCodec(cipher, f"{name}:")
        self.place = Place(address, "default", codec=codec, large=large)
        self.queue = name
        super().__init__(self.place, task_queue=name, prefix=f"{name}:", heartbeat=10, patience=30)
        self.prefix = f"{name}:"
        self._own_queues = Queues(self._connection, name)
        self._codes: dict[str, dict[str, FlowCode]] = {}
        self._workers: list[tuple[TemporalWorker, asyncio.Task[None]]] = []

    def work_on(self, flow: LightFlow) -> None:
        """The worker has the code of this flow from now on."""
        runs = flow.parts.runs
        assert isinstance(runs, EngineFlows)
        self._work_on(runs.code(flow.declared))

    async def client(self) -> Client:
        """The client that it speaks to the server with."""
        return await self._connection.client()

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        self._work_on(flow)
        return await super().begin(flow, started)

    async def start(self, flow: FlowCode, started: FlowStarted) -> None:
        self._work_on(flow)
        await super().start(flow, started)

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        self._work_on(flow)
        return await super().fork(flow, past)

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        self._work_on(flow)
        return await super().resume(flow, run, accept)

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        self._work_on(flow)
        return await super().rerun(flow, run, step, accept)

    async def decide(self, flow: FlowCode, run: FlowRun, step: str, decision: ApprovalDecision) -> None:
        self._work_on(flow)
        await super().decide(flow, run, step, decision)

    async def aclose(self) -> None:
        for worker, task in self._workers:
            worker.stop()
            with suppress(asyncio.CancelledError):
                await task
        self._workers.clear()
        self._codes.clear()
        await super().aclose()

    def _work_on(self, flow: FlowCode) -> None:
        """The worker of a flow has the code of the last one of this name."""
        name = flow.definition.name
        if name not in self._codes:
            self._codes[name] = {name: flow}
            worker = TemporalWorker(self._own_queues, self._codes[name], EngineWorkerLimits(grace=0))
            self._workers.append((worker, asyncio.create_task(worker.work())))
        self._codes[name][name] = flow
