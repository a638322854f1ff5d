"""What can be done with the journal of a run: take it event by event, go on with it, read it again."""

from __future__ import annotations

from typing import Never, overload

from typing_extensions import Unpack

from lightagent.agent_base import Query
from lightagent.agent_tools import ToolAgent
from lightagent.application.active_run import ActiveRun
from lightagent.application.decide_calls import Decisions
from lightagent.application.journal import Journal
from lightagent.application.projections.result import OutputT_co, RunResult
from lightagent.application.resume_run import JournalLike, as_journal, resume_run
from lightagent.application.run_record import RunRecord
from lightagent.application.tools.toolset import DepsT_contra
from lightagent.compose.budgets import compose_budgets
from lightagent.compose.ports import journal_port
from lightagent.compose.run import check_resumption
from lightagent.compose.tools import compose_tools
from lightagent.domain.events import Event
from lightagent.options import ResumeOptions, RunOptions
from lightagent.streams import AsyncRunStream, RunSteps


class JournalAgent(ToolAgent[DepsT_contra, OutputT_co]):
    """An agent whose runs can be stored, continued and replayed."""

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
        """The journal's events as they happen.

        Store each one before you take the next, and the run survives its process: a tool is touched only after its
        `ToolStarted` was taken. `aresume_events` goes on with `Journal(tuple(events))` in the same way, and `resume` to
        the end.
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
        """Go on with a suspended or interrupted run, begun here or in another process.

        Args:
            journal: as `RunResult.journal` or `Journal.to_json()` gave it.
            decision: about the call that waits, or decisions by call id; None for a run that was interrupted, and for
                one about whose calls reviewers have decided in the store of a `HumanApprovalHook`.
            deps: as for `run`; a journal does not hold them.
            **options: `tools`, `budgets` and `trace` as for `run`. `store` is where the run is kept: what `run` was
                given as `journal=`. Needed for a journal as JSON, since a run that is resumed elsewhere still seems to
                wait in its store. The rest is in the journal, and cannot be changed.

        Raises:
            ConfigurationError: it is not a journal, the run has ended, or it needs tools or policies that this agent
                lacks.
            PolicyError: a decision about a call that does not wait, or not any more; or one that the store of reviews
                does not take or does not have.
            ToolError: a decision edits arguments into some that the tool refuses.
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
        """`aevents` for a run that goes on: what happens after the journal's last event, the decision first.

        Append each to the stored journal before you take the next, and the run survives the next crash as well.
        """
        return self._watched(self._resumed(journal, decision, deps, options))

    def asteps(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = True) -> RunSteps:
        """The run as it happens, for what shows it to others, such as a server: events, and the deltas between them.

        Args:
            deps: as for `run`; they are checked as the run begins.
            options: as for `run`.
            stream: have the model stream its answer; False: events alone.

        Raises:
            ConfigurationError: an option is refused, or the dependencies are of another type.
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
        """`asteps` for a run that goes on: what happens after the journal's last event, the decision first.

        Raises:
            ConfigurationError, PolicyError, ToolError: as for `resume`.
        """
        live = self._resumed(journal, decision, deps, {**options})
        live.stream = live.record.stream = stream
        return self._shown(live)

    def replay(self, journal: JournalLike, *, trace: bool = False) -> RunResult[OutputT_co]:
        """The result that a journal tells: no model is asked and no tool is called.

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
        store = journal_port(options.get("store"), "store")
        if store is None and isinstance(journal, Journal):
            store = journal.store  # Left where it is kept, the run would seem to wait there, and could act once more.
        return self._kept(live, store)

    def _shown(self, live: ActiveRun[DepsT_contra]) -> RunSteps:
        return RunSteps(self._steps(live), live.record, lambda: self._play(live), live.known)

    def _watched(self, live: ActiveRun[DepsT_contra]) -> AsyncRunStream[Event, OutputT_co]:
        return AsyncRunStream(self._new_events(live), live.record, self._result)
