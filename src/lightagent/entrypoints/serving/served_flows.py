"""Serve a flow as a model: its input is the last message, its answer the output of its last step."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Final, Never

from lightagent.agent_base import Query
from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.flow.flow_stream_events import FailureData, FlowDoneData, FlowStreamEvent
from lightagent.application.flow.step_result import FlowStatus
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.steps import Step
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.domain.conversation.deltas import TextDelta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.outcomes import Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.runs.events import ApprovalRequested, Concluded, Event, RunFinished, ToolFinished, ToolStarted
from lightagent.domain.usage import Usage
from lightagent.flow import LightFlow
from lightagent.flow_options import NewFlowRunOptions
from lightagent.flow_streams import AsyncFlowStream
from lightagent.options import ResumeOptions, RunOptions


class FlowRunSteps:
    """Presents a run of a flow as a run of an agent: each step of the flow appears as a tool call."""

    journal = None

    def __init__(self, flow: LightFlow, query: str, options: RunOptions[Never]) -> None:
        self.run_id: str = uuid.uuid4().hex
        self._flow = flow
        self._query = query
        self._token = options.get("cancel") or CancellationToken()
        self._owned = NewFlowRunOptions(
            run_id=self.run_id,
            tenant=options.get("tenant") or "",
            user_id=options.get("user_id") or "",
            run_group_id=options.get("run_group_id"),
        )
        self._steps = self._play()

    def __aiter__(self) -> AsyncIterator[Step]:
        """Iterate over the steps; each is yielded once."""
        return self._steps

    async def to_end(self) -> list[Event]:
        """Run to the end and return the events; the last one is the end of the run."""
        return [step async for step in self._steps if isinstance(step, (ToolStarted, ToolFinished, *_ENDS))]

    def leave(self) -> None:
        """Do nothing: runs of flows are resumed from the store of their flow."""

    async def aclose(self) -> None:
        """Close the run; it is cancelled if it has not ended."""
        await self._steps.aclose()

    async def _play(self) -> AsyncGenerator[Step, None]:
        ended = False
        try:
            async with (
                self._flow.astream_events(self._query, **self._owned) as stream,
                aclosing(self._until_cancelled(stream)) as events,
            ):
                async for event in events:
                    for step in _steps_of(event):
                        ended = isinstance(step, RunFinished)
                        yield step
        finally:
            if not ended:
                await self._cancel()
        if not ended:
            yield RunFinished(Cancelled(self._token.reason))

    async def _until_cancelled(self, stream: AsyncFlowStream) -> AsyncGenerator[FlowStreamEvent, None]:
        cancelled, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(cancelled.set)

        with self._token.calling(end):
            over = asyncio.create_task(cancelled.wait())
            try:
                while True:
                    coming = asyncio.ensure_future(anext(stream, None))
                    await asyncio.wait((coming, over), return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        coming.cancel()
                        await asyncio.wait((coming,))
                        return
                    event = coming.result()
                    if event is None:
                        return
                    yield event
            finally:
                over.cancel()

    async def _cancel(self) -> None:
        """Record that the run is cancelled, and why."""
        whose = self._owned.get("user_id") or "", self._owned.get("tenant") or ""
        known = await self._flow.aget_run(self.run_id, user_id=whose[0], tenant=whose[1])
        if known is not None:
            await self._flow.acancel(self.run_id, reason=self._token.reason, user_id=whose[0], tenant=whose[1])


_ENDS: Final = (ApprovalRequested, Concluded, RunFinished)


class FlowAgent:
    """Adapts a flow to `ServedAgent`."""

    def __init__(self, flow: LightFlow) -> None:
        self._flow = flow

    @property
    def name(self) -> str:
        """The name of the model, by which clients select it."""
        return self._flow.name

    def asteps(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = True) -> FlowRunSteps:
        """Start a run.

        Raises:
            ConfigurationError: the request has tools of the client, or its query is not text.
        """
        if options.get("tools"):
            raise ConfigurationError("Flows do not support tools of the client.", guidance="Leave tools out.")
        if not isinstance(query, str):
            raise ConfigurationError("Flows take text only.", guidance="Leave images out.")
        return FlowRunSteps(self._flow, query, options)

    def aresume_steps(
        self, journal: Journal, decision: Decisions, deps: object, options: ResumeOptions[Never], *, stream: bool = True
    ) -> FlowRunSteps:
        """Raise: runs of flows are resumed from the store of their flow.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError("A run of a flow has no journal of its own.", guidance="Resume it by its id.")


def _steps_of(event: FlowStreamEvent) -> Iterator[Step]:
    """Convert an event of a flow to steps of a run."""
    match event.type:
        case "step_start" | "step_restart":
            yield ToolStarted(event.step, event.step, {}, "")
        case "step_end":
            yield ToolFinished(
                event.step, event.data["content"], "ok" if event.data["status"] == "success" else "failed"
            )
        case "approval_required":
            data = event.data
            yield ApprovalRequested(data["id"], data["reason"], data["request"])
        case "done":
            yield from _end(event.data)
        case _:
            pass


def _end(data: FlowDoneData) -> Iterator[Step]:
    yield Concluded("flow", usage=Usage(**data["usage"]))  # The usage of its agents, from their runs.
    if data["status"] == "success" and data["content"]:
        yield TextDelta(data["content"])
    yield RunFinished(_outcome(data["status"], data["content"], data["error"]))


def _outcome(status: FlowStatus, content: str, error: FailureData | None) -> Outcome:
    if status == "success":
        return Completed(content)
    if status in ("waiting", "waiting_approval"):
        return Suspended(())
    if status == "cancelled":
        return Cancelled()
    if error is None:
        return Failed(LightAgentErrorInfo("LA-UNKNOWN", "The flow failed.", ""))
    return Failed(LightAgentErrorInfo(error["code"], error["message"], error["guidance"]))
