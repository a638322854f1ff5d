"""What every way to run an agent shares: how a run is begun, watched, kept and shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from lightagent.adapters.logs import is_logging, log_events
from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.application.deps_type import DepsType
from lightagent.application.engine import Engine, Played
from lightagent.application.journal import Journal
from lightagent.application.last_run import last_run, remember
from lightagent.application.projections.history import history
from lightagent.application.projections.result import OutputT, RunResult, run_result
from lightagent.application.projections.stream_events import StreamEvent, StreamEvents
from lightagent.application.projections.trace import TraceEvent, trace_events
from lightagent.application.projections.trace_summary import TraceSummary, summarize_trace
from lightagent.application.recorded import Recorded
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.toolbox import DepsT
from lightagent.compose import compose_engine, compose_request
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import RunFinished
from lightagent.domain.json_types import JsonObject
from lightagent.options import AgentOptions, RunOptions
from lightagent.ports.tools import Tool

if TYPE_CHECKING:
    from lightagent.application.projections.chunk_types import ChatCompletionChunk

Query: TypeAlias = str | Sequence[JsonObject]
"""Text, or OpenAI content parts."""

WHOLE: Final = ("str", "object", "dict")
LIVE: Final = ("str", "event")

ItemT = TypeVar("ItemT")


class AgentBase(Generic[DepsT, OutputT]):
    """An agent's parts, and what is asked of it besides runs."""

    __slots__ = ("__weakref__", "_deps", "_engine", "_output")

    def _compose(self, output: object, deps: object, options: AgentOptions) -> None:
        self._output: OutputType[OutputT] = OutputType(output)
        self._deps: DepsType[DepsT] = DepsType(deps)
        self._engine: Engine[DepsT] = compose_engine(options, self._output, deps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, model={self._engine.model.name!r})"

    @property
    def name(self) -> str:
        """The agent's name."""
        return self._engine.name

    def get_tools(self) -> list[JsonObject]:
        """The tools in OpenAI form."""
        return [spec.to_openai() for spec in self._engine.tools.specs]

    def get_tool(self, name: str) -> Tool[DepsT] | None:
        """The tool of that name, or None."""
        return self._engine.tools.get(name)

    def export_trace(self) -> list[TraceEvent]:
        """The trace of this agent's last run in the calling thread or task, if that run was asked for one.

        Under concurrency `RunResult.trace` is the safe way.
        """
        run = last_run(self)
        return run.trace() if run is not None else []

    def summarize_trace(self, pricing: Mapping[str, float] | None = None) -> TraceSummary:
        """The same trace in a few figures; `pricing` as for `summarize_trace`."""
        return summarize_trace(self.export_trace(), pricing=pricing)

    def export_journal(self) -> Journal | None:
        """The journal of this agent's last run in the calling thread or task: a streamed run is resumed from it."""
        run = last_run(self)
        return run.journal if run is not None else None

    def get_history(self) -> list[JsonObject]:
        """The conversation of the last run in the calling thread or task, for `history=` of the next."""
        run = last_run(self)
        return history(run.journal.run) if run is not None else []

    async def aclose(self) -> None:
        """Give back the model's connections; a later run opens them again."""
        await self._engine.model.aclose()

    def close(self) -> None:
        """`aclose` for callers that are not async."""
        run_sync(self.aclose())

    def _start(self, query: Query, deps: object, options: RunOptions, *, stream: bool = False) -> Played[DepsT]:
        engine = self._engine
        return engine.start(query, compose_request(options, self._deps.check(deps), engine.limits, stream=stream))

    def _finish(self, run: Recorded) -> Recorded:
        """The run has ended, or was given up in whatever way: keep it as the context's last one, and log it."""
        run.cancel(self._engine.clock.now())
        remember(self, run)
        if is_logging():
            events = trace_events(run.events, stream=run.stream)
            log_events(self.name, run.started.trace_id, ((event["type"], event["data"]) for event in events))
        return run

    def _result(self, run: Recorded) -> RunResult[OutputT]:
        return run_result(run.journal, self._output.parse, run.trace())

    def _play_sync(self, played: Played[DepsT]) -> Recorded:
        try:
            return run_sync(played.play())
        finally:
            self._finish(played.recorded)

    async def _play(self, played: Played[DepsT]) -> Recorded:
        try:
            return await played.play()
        finally:
            self._finish(played.recorded)

    def _present(self, run: Recorded, form: str) -> str | RunResult[OutputT] | JsonObject:
        if form == "str":
            return run.text()
        return self._result(run) if form == "object" else self._result(run).to_dict()

    async def _events(self, played: Played[DepsT]) -> AsyncGenerator[StreamEvent, None]:
        view = StreamEvents(played.recorded.started.trace_id)
        try:
            async with aclosing(played.steps()) as steps:
                async for step in steps:
                    for event in view.feed(step):
                        yield event
        finally:
            self._finish(played.recorded)

    async def _chunks(self, played: Played[DepsT]) -> AsyncGenerator[ChatCompletionChunk, None]:
        from lightagent.application.projections.chunks import Chunks

        view = Chunks(played.recorded.started)
        try:
            async with aclosing(played.steps()) as steps:
                async for step in steps:
                    if isinstance(step, RunFinished):
                        played.recorded.text()  # a run without an answer raises as `run` does, its cause chained
                    for chunk in view.feed(step):
                        yield chunk
        finally:
            self._finish(played.recorded)

    def _iterate(self, run: Recorded, items: AsyncGenerator[ItemT, None]) -> Generator[ItemT, None, None]:
        try:
            yield from iterate_sync(items)
        finally:
            remember(self, run)


def check_format(result_format: str, forms: tuple[str, ...], *, stream: object = False) -> None:
    """Nothing, where the form exists.

    Raises:
        ConfigurationError: it does not, or `stream` is neither True nor False.
    """
    if not isinstance(stream, bool):
        raise ConfigurationError(f"stream is True or False, not {stream!r:.100}.", guidance="")
    if result_format not in forms:
        raise ConfigurationError(
            f"result_format: {result_format!r} does not exist here.", guidance=f"Use one of: {', '.join(forms)}."
        )
