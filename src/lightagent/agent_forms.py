"""One method for each form of a run, with a name that says what it returns.

`LightAgent.run` returns any of the forms, chosen by `stream=` and `result_format=`, as programs of the 0.9 line use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Never, overload

from typing_extensions import Unpack

from lightagent.agent_base import Query
from lightagent.agent_memory import MemoryAgent
from lightagent.application.projections.result import OutputT_co, RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.tools.deps import DepsT_contra
from lightagent.options import RunOptions
from lightagent.streams import AsyncRunStream, RunStream

if TYPE_CHECKING:
    from lightagent.application.projections.chunks import ChatCompletionChunk


class FormAgent(MemoryAgent[DepsT_contra, OutputT_co]):
    """An agent with a method for each form of a run. Arguments and errors are those of `LightAgent.run`."""

    __slots__ = ()

    @overload
    def run_result(
        self: FormAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> RunResult[OutputT_co]: ...

    @overload
    def run_result(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RunResult[OutputT_co]: ...

    def run_result(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> RunResult[OutputT_co]:
        """Return the run's result. A failed run raises no exception: its error is in the result."""
        return self._result(self._play_sync(self._start(query, deps, options, form="object")))

    @overload
    async def arun_result(
        self: FormAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> RunResult[OutputT_co]: ...

    @overload
    async def arun_result(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RunResult[OutputT_co]: ...

    async def arun_result(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> RunResult[OutputT_co]:
        """`run_result` for async callers. Cancelling it cancels the run."""
        return self._result(await self._play(self._start(query, deps, options, form="object")))

    @overload
    def stream(
        self: FormAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> RunStream[ChatCompletionChunk, OutputT_co]: ...

    @overload
    def stream(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RunStream[ChatCompletionChunk, OutputT_co]: ...

    def stream(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> RunStream[ChatCompletionChunk, OutputT_co]:
        """Stream the run as OpenAI chunks; `astream` is the async version. `close` cancels the run."""
        live = self._start(query, deps, options, stream=True)
        return RunStream(self._iterate(live.record, self._chunks(live)), live.record, self._result)

    @overload
    def stream_events(
        self: FormAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> RunStream[StreamEvent, OutputT_co]: ...

    @overload
    def stream_events(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RunStream[StreamEvent, OutputT_co]: ...

    def stream_events(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> RunStream[StreamEvent, OutputT_co]:
        """Stream the run as events: text, reasoning, tool calls and their results. `close` cancels the run."""
        live = self._start(query, deps, options, stream=True, form="event")
        return RunStream(self._iterate(live.record, self._events(live)), live.record, self._result)

    @overload
    def astream_events(
        self: FormAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> AsyncRunStream[StreamEvent, OutputT_co]: ...

    @overload
    def astream_events(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> AsyncRunStream[StreamEvent, OutputT_co]: ...

    def astream_events(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> AsyncRunStream[StreamEvent, OutputT_co]:
        """`stream_events` for async callers. `aclose` cancels the run."""
        live = self._start(query, deps, options, stream=True, form="event")
        return AsyncRunStream(self._events(live), live.record, self._result)
