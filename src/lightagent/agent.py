"""`LightAgent`: the class that users create agents with.

An agent is immutable after construction and serves any number of concurrent runs, from any number of threads and event
loops: the state of a run belongs to the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Never, TypeVar, overload

from typing_extensions import TypeForm, Unpack, deprecated

from lightagent.agent_base import LIVE, WHOLE, Query, check_format
from lightagent.agent_submit import SubmittingAgent
from lightagent.application.projections.result import OutputT_co, RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.tools.deps import DepsT_contra
from lightagent.domain.json_types import JsonObject
from lightagent.domain.secrets.masking import shown
from lightagent.options import AgentOptions, RunOptions
from lightagent.options.agent import NoOutputType
from lightagent.streams import AsyncRunStream, RunStream

if TYPE_CHECKING:
    from lightagent.application.projections.chunks import ChatCompletionChunk

# The constructor's own type variables: its overloads determine the type of agent.
_D = TypeVar("_D")
_O = TypeVar("_O")


class LightAgent(SubmittingAgent[DepsT_contra, OutputT_co]):
    """An agent: a model, instructions and tools.

    Type parameters: the type of the tools' dependencies (None by default) and of the answer (`str` by default).

    Args:
        output_type: a type; the final answer is validated as it, and an invalid answer is returned to the model.
        deps_type: a type; each run then requires `deps=` of this type, and tools read it from their `RunContext`.
        **options: see `AgentOptions`.

    Raises:
        ConfigurationError: an unknown option, a wrong type, an invalid tool, an unknown provider.
    """

    __slots__ = ()

    @overload
    @deprecated("output_type= takes a type; leave it out for text.")
    def __init__(
        self: LightAgent[NoOutputType, Never],
        *,
        output_type: str | None,
        deps_type: object = ...,
        **options: Unpack[AgentOptions[Never]],
    ) -> None: ...

    @overload
    def __init__(self: LightAgent[None, str], **options: Unpack[AgentOptions[None]]) -> None: ...

    @overload
    def __init__(
        self: LightAgent[None, _O], *, output_type: TypeForm[_O], **options: Unpack[AgentOptions[None]]
    ) -> None: ...

    @overload
    def __init__(
        self: LightAgent[_D, str], *, deps_type: TypeForm[_D], **options: Unpack[AgentOptions[_D]]
    ) -> None: ...

    @overload
    def __init__(
        self: LightAgent[_D, _O],
        *,
        output_type: TypeForm[_O],
        deps_type: TypeForm[_D],
        **options: Unpack[AgentOptions[_D]],
    ) -> None: ...

    def __init__(
        self,
        *unnamed: object,
        output_type: object = str,
        deps_type: object = None,
        **options: Unpack[AgentOptions[Never]],
    ) -> None:
        if unnamed:
            raise TypeError(f"LightAgent takes its options by name, as in LightAgent(model={shown(unnamed[0]):.60}).")
        self._compose(output_type, deps_type, options)

    @overload
    def run(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> str: ...

    @overload
    def run(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["str"] = ...,
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> str: ...

    @overload
    def run(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["object"],
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    def run(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["object"],
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    def run(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["dict"],
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> JsonObject: ...

    @overload
    def run(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["dict"],
        stream: Literal[False] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> JsonObject: ...

    @overload
    def run(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        stream: Literal[True],
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[ChatCompletionChunk, OutputT_co]: ...

    @overload
    def run(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        stream: Literal[True],
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> RunStream[ChatCompletionChunk, OutputT_co]: ...

    @overload
    def run(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        stream: Literal[True],
        result_format: Literal["event"],
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[StreamEvent, OutputT_co]: ...

    @overload
    def run(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        stream: Literal[True],
        result_format: Literal["event"],
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> RunStream[StreamEvent, OutputT_co]: ...

    def run(
        self,
        query: Query,
        *,
        deps: object = None,
        stream: bool = False,
        result_format: str = "str",
        **options: Unpack[RunOptions[Never]],
    ) -> (
        str
        | RunResult[OutputT_co]
        | JsonObject
        | RunStream[ChatCompletionChunk, OutputT_co]
        | RunStream[StreamEvent, OutputT_co]
    ):
        """Answer a query. For synchronous callers; `arun` is the async version.

        Args:
            query: text, or OpenAI content parts.
            deps: the dependencies, which tools read from their context.
            stream: return an iterator of OpenAI chunks or (``result_format="event"``) of `StreamEvent`; after its end
                it has the run's `result`.
            result_format: ``str``; ``object`` for a `RunResult`; ``dict`` for the same as plain data.
            **options: see `RunOptions`.

        Raises:
            ValueError: an unsupported combination, or (as `ConfigurationError`) an invalid option.
            LightAgentError: the run failed, and the caller requested text or chunks.
        """
        return self.run_as(query, deps, stream=stream, result_format=result_format, **options)

    def run_as(
        self,
        query: Query,
        deps: object,
        *,
        stream: bool,
        result_format: str,
        **options: Unpack[RunOptions[Never]],
    ) -> (
        str
        | RunResult[OutputT_co]
        | JsonObject
        | RunStream[ChatCompletionChunk, OutputT_co]
        | RunStream[StreamEvent, OutputT_co]
    ):
        """`run` for callers that choose the form at run time."""
        check_format(result_format, LIVE if stream else WHOLE, stream=stream)
        live = self._start(query, deps, options, stream=stream, form=result_format)
        if not stream:
            return self._present(self._play_sync(live), result_format)
        record = live.record
        if result_format == "event":
            return RunStream(self._iterate(record, self._events(live)), record, self._result)
        return RunStream(self._iterate(record, self._chunks(live)), record, self._result)

    @overload
    async def arun(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> str: ...

    @overload
    async def arun(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> str: ...

    @overload
    async def arun(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    async def arun(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    async def arun(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[None]],
    ) -> JsonObject: ...

    @overload
    async def arun(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> JsonObject: ...

    async def arun(
        self,
        query: Query,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions[Never]],
    ) -> str | RunResult[OutputT_co] | JsonObject:
        """`run` for async callers; use `astream` to stream. Cancelling it cancels the run."""
        return await self.arun_as(query, deps, result_format=result_format, **options)

    async def arun_as(
        self, query: Query, deps: object, *, result_format: str, **options: Unpack[RunOptions[Never]]
    ) -> str | RunResult[OutputT_co] | JsonObject:
        """`arun` for callers that choose the form at run time."""
        check_format(result_format, WHOLE)
        live = self._start(query, deps, options, form=result_format)
        return self._present(await self._play(live), result_format)

    @overload
    def astream(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT_co]: ...

    @overload
    def astream(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT_co]: ...

    @overload
    def astream(
        self: LightAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[None]],
    ) -> AsyncRunStream[StreamEvent, OutputT_co]: ...

    @overload
    def astream(
        self,
        query: Query,
        *,
        deps: DepsT_contra,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[DepsT_contra]],
    ) -> AsyncRunStream[StreamEvent, OutputT_co]: ...

    def astream(
        self, query: Query, *, deps: object = None, result_format: str = "str", **options: Unpack[RunOptions[Never]]
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT_co] | AsyncRunStream[StreamEvent, OutputT_co]:
        """Stream the run: OpenAI chunks, or with ``result_format="event"`` `StreamEvent`s.

        To stop early, call ``aclose()`` (or use `contextlib.aclosing`), which cancels the run.
        """
        return self.astream_as(query, deps, result_format=result_format, **options)

    def astream_as(
        self, query: Query, deps: object, *, result_format: str, **options: Unpack[RunOptions[Never]]
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT_co] | AsyncRunStream[StreamEvent, OutputT_co]:
        """`astream` for callers that choose the form at run time."""
        check_format(result_format, LIVE)
        live = self._start(query, deps, options, stream=True, form=result_format)
        if result_format == "event":
            return AsyncRunStream(self._events(live), live.record, self._result)
        return AsyncRunStream(self._chunks(live), live.record, self._result)
