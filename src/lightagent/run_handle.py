"""`RunHandle`: a run of an agent that an engine carries out, found by its id from anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import Final, Generic, Never

from lightagent.aiokits.abandon import stop
from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.application.active_run.means import Means
from lightagent.application.check_options import check_text
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.submitted import (
    STEP,
    flow_of,
    submitted_journal,
    submitted_status,
    waiting_in,
)
from lightagent.application.flow.submitted_stream import SubmittedStream
from lightagent.application.projections.result import OutputT_co, RunResult, run_result
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.stored_runs import StoredRunStatus
from lightagent.compose.flow.requests import flow_owner
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.flow import LightFlow
from lightagent.flow_options import FlowAgent
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore

_EVERY: Final = 0.5
"""Seconds after which the engine is asked for what is new of a run that is streamed."""


class RunHandle(Generic[OutputT_co]):
    """A run of an agent that an engine carries out. Made by `submit`, or from its id by `run_handle`.

    Methods that begin with ``a`` are for async callers. All of them raise `ConfigurationError` for a run that this
    owner does not have, and `StoreError` if the engine cannot be reached.

    Attributes:
        run_id, user_id, tenant: name the run.
    """

    def __init__(
        self,
        flow: LightFlow,
        parse: Callable[[str], OutputT_co],
        run_id: str,
        *,
        user_id: str = "",
        tenant: str = "",
    ) -> None:
        check_text(run_id, "run_id")
        self._owner = flow_owner(user_id, tenant)
        self._flow = flow
        self._parse = parse
        self.run_id = run_id
        self.user_id = user_id
        self.tenant = tenant

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.run_id!r}, agent={self._flow.name!r})"

    def result(self) -> RunResult[OutputT_co]:
        """Wait until the run is over or waits for people, and return its result, as `run_result` does.

        A failed run raises no exception: its error is in the result, unless the run failed before the agent began, or
        with an answer that is too large to be kept. A caller who is interrupted leaves the run as it is.

        Raises:
            LightAgentError: there is no result of the agent, since the run failed or was cancelled before.
            ConfigurationError: also if the engine's workers have another version of the agent.
        """
        return run_sync(self.aresult())

    async def aresult(self) -> RunResult[OutputT_co]:
        """`result` for async callers. Cancelling it leaves the run as it is."""
        events = await _runs(self._flow).wait(self._flow.declared, self._owner, self.run_id)
        state = flow_of(events, self._flow.name, self.run_id)
        return run_result(submitted_journal(state, events), self._parse, [])

    def status(self) -> StoredRunStatus:
        """Return where the run is now: ``running``, ``suspended`` while it waits for people, or how it ended."""
        return run_sync(self.astatus())

    async def astatus(self) -> StoredRunStatus:
        """`status` for async callers."""
        events = await self._events()
        return submitted_status(flow_of(events, self._flow.name, self.run_id), events)

    def stream_events(self) -> Iterator[StreamEvent]:
        """Yield what is on record of the run, then what is added, until it is over or waits for people.

        Each reply of a model, each call and each result comes as a whole, once it is on record: what a process that
        died had begun is not among them, so nothing comes twice.
        """
        return iterate_sync(self._stream())

    def astream_events(self) -> AsyncIterator[StreamEvent]:
        """`stream_events` for async callers. Leaving it leaves the run as it is."""
        return self._stream()

    def waiting_calls(self) -> list[JsonObject]:
        """Return the calls that wait for people, each with its ``id``, ``tool`` and ``arguments``."""
        return run_sync(self.awaiting_calls())

    async def awaiting_calls(self) -> list[JsonObject]:
        """`waiting_calls` for async callers."""
        events = await self._events()
        flow_of(events, self._flow.name, self.run_id)
        return waiting_in(events)

    def approve(self, call_id: str = "", *, actor: str = "") -> None:
        """Approve a call that waits; the run then goes on.

        Args:
            call_id: from `waiting_calls`; may be left out if only one call waits.
            actor: who has decided.

        Raises:
            ConfigurationError: no call waits, or several do and none was named.
            PolicyError: this call does not wait, or was decided before: the first decision counts.
        """
        run_sync(self.aapprove(call_id, actor=actor))

    async def aapprove(self, call_id: str = "", *, actor: str = "") -> None:
        """`approve` for async callers."""
        await self.adecide(ApprovalDecision.approve(actor=actor), call_id)

    def reject(self, reason: str = "", call_id: str = "", *, actor: str = "") -> None:
        """Reject a call that waits; the model is told the reason. Arguments and errors are those of `approve`."""
        run_sync(self.areject(reason, call_id, actor=actor))

    async def areject(self, reason: str = "", call_id: str = "", *, actor: str = "") -> None:
        """`reject` for async callers."""
        await self.adecide(ApprovalDecision.reject(reason, actor=actor), call_id)

    def decide(self, decision: ApprovalDecision, call_id: str = "") -> None:
        """Decide about a call that waits in any way, such as with other arguments (`ApprovalDecision.edit`).

        Arguments and errors are those of `approve`.
        """
        run_sync(self.adecide(decision, call_id))

    async def adecide(self, decision: ApprovalDecision, call_id: str = "") -> None:
        """`decide` for async callers."""
        flow_of(await self._events(), self._flow.name, self.run_id)
        step = f"{STEP}/{call_id}" if call_id else STEP
        await self._flow.aapprove(self.run_id, step, decision, user_id=self.user_id, tenant=self.tenant)

    def cancel(self, reason: str = "") -> None:
        """Cancel the run. What is under way is stopped, and results that come in time are kept.

        Raises:
            ConfigurationError: also if the run is over.
        """
        run_sync(self.acancel(reason))

    async def acancel(self, reason: str = "") -> None:
        """`cancel` for async callers."""
        flow_of(await self._events(), self._flow.name, self.run_id)
        await self._flow.acancel(self.run_id, reason=reason, user_id=self.user_id, tenant=self.tenant)

    async def _events(self) -> Sequence[FlowEvent]:
        return await _runs(self._flow).events(self._owner, self.run_id)

    async def _stream(self) -> AsyncGenerator[StreamEvent, None]:
        flow_of(await self._events(), self._flow.name, self.run_id)
        waiting = asyncio.create_task(_runs(self._flow).wait(self._flow.declared, self._owner, self.run_id))
        view, known, is_over = SubmittedStream(), 0, False
        try:
            while not is_over:
                is_over = bool((await asyncio.wait((waiting,), timeout=_EVERY if known else 0))[0])
                events = waiting.result() if is_over else await self._events()
                for event in events[known:]:
                    for shown in view.feed(event):
                        yield shown
                known = len(events)
        finally:
            await stop((waiting,))


async def begin_submitted(flow: LightFlow, query: str, run_id: str, user_id: str, tenant: str) -> str:
    """Begin a run of an agent's flow on its engine, and return its id once it is on record.

    Raises:
        ConfigurationError: an argument is not text, the id is taken, or no worker has the agent.
    """
    check_text(query, "query")
    check_text(run_id, "run_id")
    return await _runs(flow).start(flow.declared, query, FlowRequest(flow_owner(user_id, tenant), run_id))


def flow_of_agent(
    agent: FlowAgent,
    name: str,
    means: Means[Never],
    *,
    engine: FlowEngine | None = None,
    store: JournalStore | None = None,
) -> LightFlow:
    """Return the flow of one step that a run of an agent is, on an engine or over a store.

    Raises:
        ConfigurationError: the agent takes dependencies, or it is not an engine.
    """
    flow = LightFlow(name=name, engine=engine, store=store, clock=means.clock, ids=means.ids)
    return flow.step(STEP, agent=agent)


def _runs(flow: LightFlow) -> EngineFlows:
    runs = flow.parts.runs
    if not isinstance(runs, EngineFlows):  # The flow of a handle always has an engine.
        raise TypeError(f"The flow {flow.name!r:.100} has no engine.")
    return runs
