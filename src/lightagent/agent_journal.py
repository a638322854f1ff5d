"""Use the journal of a run: follow it event by event, resume the run, replay it."""

from __future__ import annotations

from typing import Never, overload

from typing_extensions import Unpack

from lightagent.agent_base import Query
from lightagent.agent_tools import ToolAgent
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.record import RunRecord
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import OutputT_co, RunResult
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.application.run_loop.resume_run import JournalLike, as_journal, resume_run
from lightagent.application.tools.deps import DepsT_contra
from lightagent.compose.budgets import compose_budgets
from lightagent.compose.check_ports import check_journal_port
from lightagent.compose.run import check_resumption
from lightagent.compose.tools import compose_tools
from lightagent.domain.runs.events import Event
from lightagent.options import ResumeOptions, RunOptions
from lightagent.streams import AsyncRunStream, RunSteps


class JournalAgent(ToolAgent[DepsT_contra, OutputT_co]):
    """An agent whose runs can be stored, resumed and replayed."""

    __slots__ = ()

    @overload
    def aevents(
        self: JournalAgent[None, OutputT_co], query: Query, *, deps: None = ..., **options: Unpack[RunOptions[None]]
    ) -> AsyncRunStream[Event, OutputT_co]: ...

    @overload
    def aevents(
        self, query: Query, *, deps: DepsT_contra, **options: Unpack[RunOptions[DepsT_contra]]
    ) -> AsyncRunStream[Event, OutputT_co]: ...

    def aevents(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions[Never]]
    ) -> AsyncRunStream[Event, OutputT_co]:
        """Stream the journal's events as they happen.

        If you store each event before you request the next, the run survives a crash: a tool is called only after its
        `ToolStarted` was requested. `aresume_events` continues with `Journal(tuple(events))` in the same way, and
        `resume` runs to the end.
        """
        return self._watched(self._start(query, deps, options))

    @overload
    def resume(
        self: JournalAgent[None, OutputT_co],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions[None]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    def resume(
        self,
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: DepsT_contra,
        **options: Unpack[ResumeOptions[DepsT_contra]],
    ) -> RunResult[OutputT_co]: ...

    def resume(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions[Never]],
    ) -> RunResult[OutputT_co]:
        """Resume a suspended or interrupted run that was started here or in another process.

        Args:
            journal: as returned by `RunResult.journal` or `Journal.to_json()`.
            decision: the decision about the waiting call, or decisions by call id; None for a run that was interrupted,
                or whose calls reviewers have decided in the store of a `HumanApprovalHook`.
            deps: as for `run`; a journal does not contain them.
            **options: `tools`, `budgets` and `trace` as for `run`. `store` is where the run is kept: what `run` was
                given as `journal=`. Needed for a journal as JSON, since a run that is resumed elsewhere still seems to
                wait in its store. The rest is in the journal, and cannot be changed.

        Raises:
            ConfigurationError: it is not a journal, the run has ended, or the run needs tools or policies that this
                agent lacks.
            PolicyError: a decision is about a call that does not wait, or no longer waits; or the store of reviews does
                not accept it or does not have it.
            ToolError: a decision changes the arguments to some that the tool refuses.
        """
        return self._result(self._play_sync(self._resumed(journal, decision, deps, options)))

    @overload
    async def aresume(
        self: JournalAgent[None, OutputT_co],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions[None]],
    ) -> RunResult[OutputT_co]: ...

    @overload
    async def aresume(
        self,
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: DepsT_contra,
        **options: Unpack[ResumeOptions[DepsT_contra]],
    ) -> RunResult[OutputT_co]: ...

    async def aresume(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions[Never]],
    ) -> RunResult[OutputT_co]:
        """`resume` for async callers."""
        return self._result(await self._play(self._resumed(journal, decision, deps, options)))

    @overload
    def aresume_events(
        self: JournalAgent[None, OutputT_co],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions[None]],
    ) -> AsyncRunStream[Event, OutputT_co]: ...

    @overload
    def aresume_events(
        self,
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: DepsT_contra,
        **options: Unpack[ResumeOptions[DepsT_contra]],
    ) -> AsyncRunStream[Event, OutputT_co]: ...

    def aresume_events(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions[Never]],
    ) -> AsyncRunStream[Event, OutputT_co]:
        """Resume a run like `aresume` and stream the events after the journal's last one, starting with the decision.

        If you append each event to the stored journal before you request the next, the run survives another crash.
        """
        return self._watched(self._resumed(journal, decision, deps, options))

    def asteps(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = True) -> RunSteps:
        """Stream the run for code that shows it to others, such as a server: events, and the deltas between them.

        Args:
            deps: as for `run`; they are checked when the run starts.
            options: as for `run`.
            stream: have the model stream its answer; False: only events.

        Raises:
            ConfigurationError: an option is invalid, or the dependencies have another type.
        """
        live = self._start(query, deps, {**options}, stream=stream, form="event" if stream else "object")
        return self._shown(live)

    def aresume_steps(
        self,
        journal: JournalLike,
        decision: Decisions,
        deps: object,
        options: ResumeOptions[Never],
        *,
        stream: bool = True,
    ) -> RunSteps:
        """Resume a run like `aresume` and stream its steps after the journal's last event, starting with the decision.

        Raises:
            ConfigurationError, PolicyError, ToolError: as for `resume`.
        """
        live = self._resumed(journal, decision, deps, {**options})
        live.stream = live.record.stream = stream
        return self._shown(live)

    def replay(self, journal: JournalLike, *, trace: bool = False) -> RunResult[OutputT_co]:
        """Return the result recorded in a journal, without a request to a model or a call of a tool.

        Raises:
            ConfigurationError: it is not a journal.
        """
        known = as_journal(journal)
        return self._result(RunRecord(list(known.events), traced=trace, capture_content=self.means.capture_content))

    def _resumed(
        self, journal: JournalLike, decision: Decisions, deps: object, options: ResumeOptions[Never]
    ) -> ActiveRun[DepsT_contra]:
        check_resumption(options)
        checked = self._deps.check(deps)
        tools, traced = compose_tools(options.get("tools"), checked), options.get("trace") or False
        budgets = compose_budgets(options.get("budgets"))
        live = resume_run(self.means, journal, decision, checked, tools=tools, budgets=budgets, traced=traced)
        live.record.cancel = options.get("cancel")
        store = check_journal_port(options.get("store"), "store")
        if store is None and isinstance(journal, Journal):
            store = journal.store  # Otherwise the stored run would still appear to wait, and could act a second time.
        return self._stored(live, store)

    def _shown(self, live: ActiveRun[DepsT_contra]) -> RunSteps:
        return RunSteps(self._steps(live), live.record, lambda: self._play(live), live.known)

    def _watched(self, live: ActiveRun[DepsT_contra]) -> AsyncRunStream[Event, OutputT_co]:
        return AsyncRunStream(self._new_events(live), live.record, self._result)
