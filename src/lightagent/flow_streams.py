"""Flows that are watched: an iterator of what happens in a run, which has the run's result once it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from types import TracebackType
from typing import Final, Self, TypeAlias

from typing_extensions import Unpack

from lightagent.aiokits.abandon import stop
from lightagent.aiokits.bounded_buffer import BoundedBuffer
from lightagent.aiokits.sync_bridge import iterate_sync
from lightagent.application.check_options import check_text
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_stream_events import FlowStreamEvent
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.compose.flow.requests import compose_known_flow_run, compose_new_flow_run
from lightagent.domain.errors import ConfigurationError
from lightagent.flow_history import FlowHistory
from lightagent.flow_options import KnownFlowRunOptions, NewFlowRunOptions

MOST_WAITING: Final = 256
"""Events of a stream that may wait to be taken; then the run waits, too."""

Begin: TypeAlias = Callable[[FlowOutlet], Awaitable[LightFlowResult]]


class _Watched:
    """What a stream knows of its run."""

    def __init__(self) -> None:
        self._result: LightFlowResult | None = None

    @property
    def result(self) -> LightFlowResult:
        """What came of the run.

        Raises:
            ConfigurationError: the run goes on, has not begun, or was left.
        """
        if self._result is None:
            raise ConfigurationError(
                "The stream was not read to its end, so it has no result.",
                guidance="Read it to its end; a run that was left goes on with resume().",
            )
        return self._result

    async def _items(self, begin: Begin) -> AsyncGenerator[FlowStreamEvent, None]:
        """What happens in the run, which begins when the first event is asked for; leaving early interrupts it."""
        buffer = BoundedBuffer[FlowStreamEvent](MOST_WAITING)
        task = asyncio.create_task(self._run(begin, FlowOutlet(buffer.put)))
        task.add_done_callback(lambda _: buffer.close())
        try:
            while (event := await buffer.take()) is not None:
                yield event
            await task
        finally:
            await stop((task,))

    async def _run(self, begin: Begin, outlet: FlowOutlet) -> None:
        result = await begin(outlet)
        self._result = result
        await outlet.end(result.status, result.content, result.error)


class AsyncFlowStream(_Watched, AsyncIterator[FlowStreamEvent]):
    """What happens in a run of a flow. Leaving it early, with `aclose` or ``async with``, interrupts the run."""

    def __init__(self, begin: Begin) -> None:
        super().__init__()
        self._events = self._items(begin)

    async def __anext__(self) -> FlowStreamEvent:
        return await self._events.__anext__()

    async def aclose(self) -> None:
        """End the stream; a run that goes on is interrupted, and `resume` goes on with it."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class FlowStream(_Watched, Iterator[FlowStreamEvent]):
    """The same for programs that are not async. Leaving it early, with `close` or ``with``, interrupts the run."""

    def __init__(self, begin: Begin) -> None:
        super().__init__()
        self._events: Generator[FlowStreamEvent, None, None] = iterate_sync(self._items(begin))

    def __next__(self) -> FlowStreamEvent:
        return next(self._events)

    def close(self) -> None:
        """End the stream; a run that goes on is interrupted, and `resume` goes on with it."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StreamedFlow(FlowHistory):
    """A flow with a method for each form of a stream, whose arguments and errors are those of `run` and `resume`."""

    def stream_events(self, query: str, **options: Unpack[NewFlowRunOptions]) -> FlowStream:
        """The run as it happens: its steps, and what the agents among them say. `close` interrupts the run."""
        return FlowStream(self._beginning(query, options))

    def astream_events(self, query: str, **options: Unpack[NewFlowRunOptions]) -> AsyncFlowStream:
        """`stream_events` for async callers. `aclose` interrupts the run."""
        return AsyncFlowStream(self._beginning(query, options))

    def stream_resume_events(self, run_id: str, **options: Unpack[KnownFlowRunOptions]) -> FlowStream:
        """Go on with a run, and watch it."""
        return FlowStream(self._going_on(run_id, options))

    def astream_resume_events(self, run_id: str, **options: Unpack[KnownFlowRunOptions]) -> AsyncFlowStream:
        """`stream_resume_events` for async callers."""
        return AsyncFlowStream(self._going_on(run_id, options))

    def _beginning(self, query: str, options: NewFlowRunOptions) -> Begin:
        check_text(query, "query")
        self._check_streams()
        request = compose_new_flow_run(options)
        return lambda outlet: self._parts.runs.begin(self.declared, query, request.shown(outlet))

    def _check_streams(self) -> None:
        if self._parts.engine is not None:
            raise ConfigurationError(
                "An engine carries out the runs of this flow elsewhere, and nothing of them is streamed to here.",
                guidance="Begin the run with run(), and watch it with awatch(run_id).",
            )

    def _going_on(self, run_id: str, options: KnownFlowRunOptions) -> Begin:
        self._check_streams()
        request = compose_known_flow_run(run_id, options)
        return lambda outlet: self._parts.runs.resume(self.declared, request.shown(outlet))
