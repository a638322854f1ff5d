"""What every way to run an agent shares: starting, observing, storing and presenting a run."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Generic, Never, NoReturn, Self, TypeAlias, TypeVar, overload

from lightagent.adapters.logs import is_logging, log_events
from lightagent.adapters.trace_files import JsonlTraceExporter
from lightagent.aiokits.hand_over import HandOver
from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.last_run import last_run, remember
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.active_run.watch_run import Watchers
from lightagent.application.journals.journal import Journal
from lightagent.application.journals.keep_run import RunKeeper
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.result import OutputT_co, RunResult, history, run_result
from lightagent.application.projections.steps import Step
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.projections.trace import trace_events
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.trace_summary import summarize_trace
from lightagent.application.run_loop.run_agent import run_agent
from lightagent.application.run_loop.start_run import start_run
from lightagent.application.sessions.keep import NEXT, SessionKeeper, TurnPlace, sessions_of
from lightagent.application.sessions.write import SESSION_WAIT
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.deps import DepsT_contra, DepsType
from lightagent.application.traces.export_trace import ExportedT, ExportFunction, export_trace
from lightagent.application.type_forms import check_form
from lightagent.compose.agent import compose_means
from lightagent.compose.check_ports import check_journal_port
from lightagent.compose.run import compose_request, turn_place
from lightagent.compose.submitting import NO_ENGINE, Submitting
from lightagent.domain.absent_names import AGENT_METHODS, absent_method
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.conversation.deltas import is_delta
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.runs.events import Event, RunFinished
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.trace_summary import TraceSummary
from lightagent.options import AgentOptions, RunOptions
from lightagent.ports.journals import JournalStore
from lightagent.ports.tools import NestedDelta, ToolPart
from lightagent.ports.traces import TraceExporter

if TYPE_CHECKING:
    from lightagent.application.projections.chunks import ChatCompletionChunk

Query: TypeAlias = str | Sequence[Mapping[str, object]]
"""Text, or OpenAI content parts."""

WHOLE: Final = ("str", "object", "dict")
LIVE: Final = ("str", "event")

_D = TypeVar("_D")
ItemT = TypeVar("ItemT")


class AgentBase(Generic[DepsT_contra, OutputT_co]):
    """An agent's parts, and its operations other than runs."""

    __slots__ = ("__weakref__", "_deps", "_original", "_output", "_submitting", "_tools_directory", "means")

    if not TYPE_CHECKING:  # Type checkers know the methods.

        def __getattr__(self, name: str) -> object:
            raise absent_method(type(self).__name__, name, AGENT_METHODS)

    def _compose(self, output: object, deps: object, options: AgentOptions[Never]) -> None:
        if output is not str:
            check_form(output, "output_type")
        if deps is not None and type(deps) is not type:
            check_form(deps, "deps_type")
        self._output: OutputType[OutputT_co] = OutputType(output)
        self._deps: DepsType[DepsT_contra] = DepsType(deps)
        self.means: Means[DepsT_contra] = compose_means(options, self._output, deps)
        self._tools_directory = options.get("tools_directory")
        self._submitting = Submitting(options["engine"]) if "engine" in options else NO_ENGINE
        self._original: AgentBase[DepsT_contra, OutputT_co] | None = None

    def made_of(self, means: Means[DepsT_contra]) -> Self:
        """Return the same agent with other means, such as those that it has within a swarm.

        Both share one last run, which `export_trace` and `get_history` of either report.
        """
        other = object.__new__(type(self))
        other._original = self._whose
        other._output, other._deps, other._tools_directory = self._output, self._deps, self._tools_directory
        other._submitting = self._submitting
        other.means = means
        return other

    def _change(self, means: Means[DepsT_contra]) -> None:
        """Replace the agent's means; runs that start afterwards use the new ones."""
        self.means = self.means.changed_to(means)

    @property
    def _whose(self) -> AgentBase[DepsT_contra, OutputT_co]:
        """The agent that stores the last run: the one that this agent was derived from, if any."""
        return self if self._original is None else self._original

    def check_deps(self: AgentBase[_D, OutputT_co], deps: object) -> _D:
        """Return the dependencies of a run if they are valid; None if the agent was declared without.

        Raises:
            ConfigurationError: they are missing or of another type.
        """
        return self._deps.check(deps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, model={self.means.model.name!r})"

    def __reduce__(self) -> NoReturn:
        """Raise an error that says what to do instead of pickling."""
        raise TypeError(
            f"{type(self).__name__} cannot be pickled: it holds connections, credentials and functions. Make it anew in"
            " each process, and hand over journals: journal.to_json()."
        )

    def __copy__(self) -> Self:
        """Return the agent itself: the state of a run belongs to the run."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the agent itself, as `copy.copy` does."""
        return self

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.means.name

    def export_trace(self) -> list[TraceEvent]:
        """Return the trace of this agent's last run in the calling thread or task, if that run kept one.

        With concurrent runs, use `RunResult.trace` instead.
        """
        run = last_run(self._whose)
        return run.trace() if run is not None else []

    @overload
    def export_trace_to(
        self,
        exporter: str | os.PathLike[str],
        *,
        pricing: Mapping[str, float] | PriceTable | None = ...,
        metadata: Mapping[str, JsonInput] | None = ...,
    ) -> Path: ...

    @overload
    def export_trace_to(
        self,
        exporter: TraceExporter[ExportedT] | ExportFunction[ExportedT],
        *,
        pricing: Mapping[str, float] | PriceTable | None = ...,
        metadata: Mapping[str, JsonInput] | None = ...,
    ) -> ExportedT: ...

    def export_trace_to(
        self,
        exporter: str | os.PathLike[str] | TraceExporter[ExportedT] | ExportFunction[ExportedT],
        *,
        pricing: Mapping[str, float] | PriceTable | None = None,
        metadata: Mapping[str, JsonInput] | None = None,
    ) -> ExportedT | Path:
        """Export the same trace and its summary.

        Args:
            exporter: an object with an `export` method, a function, or the path of a file for a `JsonlTraceExporter` to
                append to.
            pricing: as for `summarize_trace`.
            metadata: additional data about the trace.

        Returns:
            What the exporter returns; for a path, the path.

        Raises:
            TypeError: the exporter is none of these.
            ConfigurationError, StoreError: the file cannot be written; see `JsonlTraceExporter`.
        """
        if isinstance(exporter, (str, os.PathLike)):
            file = JsonlTraceExporter(exporter)
            return export_trace(self.export_trace(), file, pricing=pricing, metadata=metadata)
        return export_trace(self.export_trace(), exporter, pricing=pricing, metadata=metadata)

    def summarize_trace(self, pricing: Mapping[str, float] | PriceTable | None = None) -> TraceSummary:
        """Summarize the same trace; `pricing` as for the function `summarize_trace`."""
        return summarize_trace(self.export_trace(), pricing=pricing)

    def export_journal(self) -> Journal | None:
        """Return the journal of this agent's last run in the calling thread or task, to resume a streamed run."""
        run = last_run(self._whose)
        return run.journal if run is not None else None

    def get_history(self) -> list[JsonObject]:
        """Return the conversation of the last run in the calling thread or task, for `history=` of the next."""
        run = last_run(self._whose)
        return history(run.journal.run) if run is not None else []

    async def aclose(self) -> None:
        """Close what the agent has opened, the model last; a later run opens it again."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.means.model.aclose)
            budget = self.means.budget
            if budget is not None and budget.model is not None:
                stack.push_async_callback(budget.model.aclose)
            planning = self.means.planning
            if planning is not None and planning.model is not None:
                stack.push_async_callback(planning.model.aclose)
            skills = self.means.skills
            if skills is not None and skills.runner is not None:
                stack.push_async_callback(skills.runner.aclose)
            await self.means.catalogue.aclose()

    def close(self) -> None:
        """`aclose` for synchronous callers."""
        run_sync(self.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(
        self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = False, form: str = "str"
    ) -> ActiveRun[DepsT_contra]:
        means = self.means
        request = compose_request(options, self._deps.check(deps), means.limits, stream=stream, form=form)
        store = check_journal_port(options.get("journal"), "journal")
        return self._stored(start_run(means, query, request), store, turn_place(options))

    def _stored(
        self, live: ActiveRun[DepsT_contra], store: JournalStore | None, place: TurnPlace = NEXT
    ) -> ActiveRun[DepsT_contra]:
        """Return the run, stored in its session if it has one, or else in `store` if given."""
        means, started = self.means, live.run.started
        scope = started.scope
        if not scope.session:
            if store is not None:
                live.record.store = store
                live.keeper = RunKeeper(store, started.run_id, scope, means.clock, started.head.name)
            return live
        interrupted = means.prompts.call_interrupted
        live.keeper = SessionKeeper(
            sessions_of(means, scope),
            scope,
            means.clock,
            wait=SESSION_WAIT,
            interrupted=interrupted,
            place=place,
            goes_on=lambda name: means.acting_member(name, started.head),
        )
        return live

    def _finish(self, record: RunRecord, watchers: Watchers | None) -> None:
        """Remember a run that has ended in any way as the last one of this context, and log it."""
        remember(self._whose, record)
        if is_logging():
            events = trace_events(record.events, stream=record.stream)
            with nullcontext() if watchers is None else watchers.logging():
                log_events(self.name, record.started.trace_id, ((event["type"], event["data"]) for event in events))

    def _result(self, record: RunRecord) -> RunResult[OutputT_co]:
        return run_result(record.journal, self._output.parse, record.trace())

    def _play_sync(self, live: ActiveRun[DepsT_contra]) -> RunRecord:
        try:
            run_sync(run_agent(live))
        finally:
            self._finish(live.record, live.watchers)
        return live.record

    async def _play(self, live: ActiveRun[DepsT_contra]) -> RunRecord:
        try:
            await run_agent(live)
        finally:
            self._finish(live.record, live.watchers)
        return live.record

    def _present(self, record: RunRecord, form: str) -> str | RunResult[OutputT_co] | JsonObject:
        if form == "str":
            return record.text()
        return self._result(record) if form == "object" else self._result(record).to_dict()

    async def _steps(self, live: ActiveRun[DepsT_contra]) -> AsyncGenerator[Step, None]:
        """Yield everything that happens from now on; each event is recorded before it is yielded."""
        channel: HandOver[Step] = HandOver()
        live.outlet = channel.give
        try:
            async with aclosing(channel.items(lambda: run_agent(live))) as steps:
                async for step in steps:
                    yield step
        finally:
            self._finish(live.record, live.watchers)

    async def _new_events(self, live: ActiveRun[DepsT_contra]) -> AsyncGenerator[Event, None]:
        async with aclosing(self._steps(live)) as steps:
            async for step in steps:
                if not (isinstance(step, (NestedDelta, ToolPart)) or is_delta(step)):
                    yield step

    async def _events(self, live: ActiveRun[DepsT_contra]) -> AsyncGenerator[StreamEvent, None]:
        view = StreamEvents(live.record.started.trace_id)
        async with aclosing(self._steps(live)) as steps:
            async for step in steps:
                for event in view.feed(step):
                    yield event

    async def _chunks(self, live: ActiveRun[DepsT_contra]) -> AsyncGenerator[ChatCompletionChunk, None]:
        from lightagent.application.projections.chunks import Chunks

        view = Chunks(live.record.started)
        async with aclosing(self._steps(live)) as steps:
            async for step in steps:
                if isinstance(step, RunFinished):
                    live.record.text()  # Raises for a run without an answer as `run` does.
                for chunk in view.feed(step):
                    yield chunk

    def _iterate(self, record: RunRecord, items: AsyncGenerator[ItemT, None]) -> Generator[ItemT, None, None]:
        try:
            yield from iterate_sync(items)
        finally:
            remember(self._whose, record)


def check_format(result_format: str, forms: tuple[str, ...], *, stream: object = False) -> None:
    """Raise unless `result_format` is one of `forms`.

    Raises:
        ConfigurationError: it is not, or `stream` is neither True nor False.
    """
    if not isinstance(stream, bool):
        raise ConfigurationError(f"stream must be True or False, got {stream!r:.100}.", guidance="")
    if result_format not in forms:
        raise ConfigurationError(f"result_format must be one of {', '.join(forms)}, got {shown(result_format):.100}.")
