"""What can be done with the journal of a run: take it event by event, go on with it, read it again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import overload

from typing_extensions import Unpack

from lightagent.agent_base import AgentBase, Query
from lightagent.application.engine import Played
from lightagent.application.projections.result import OutputT, RunResult
from lightagent.application.recorded import Recorded
from lightagent.application.resume_run import Decisions, JournalLike, as_journal
from lightagent.application.tools.toolbox import DepsT
from lightagent.compose import compose_resumption
from lightagent.domain.events import Event
from lightagent.options import ResumeOptions, RunOptions


class JournalAgent(AgentBase[DepsT, OutputT]):
    """An agent whose runs can be stored, continued and replayed."""

    __slots__ = ()

    @overload
    def aevents(
        self: JournalAgent[None, OutputT], query: Query, *, deps: None = ..., **options: Unpack[RunOptions]
    ) -> AsyncGenerator[Event, None]: ...

    @overload
    def aevents(self, query: Query, *, deps: DepsT, **options: Unpack[RunOptions]) -> AsyncGenerator[Event, None]: ...

    def aevents(
        self, query: Query, *, deps: object = None, **options: Unpack[RunOptions]
    ) -> AsyncGenerator[Event, None]:
        """The journal's events as they happen.

        Store each one before you take the next, and the run survives its process: a tool is touched only after its
        `ToolStarted` was taken. `aresume_events` goes on with `Journal(tuple(events))` in the same way, and `resume` to
        the end.
        """
        return self._new_events(self._start(query, deps, options))

    @overload
    def resume(
        self: JournalAgent[None, OutputT],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions],
    ) -> RunResult[OutputT]: ...

    @overload
    def resume(
        self, journal: JournalLike, decision: Decisions = ..., *, deps: DepsT, **options: Unpack[ResumeOptions]
    ) -> RunResult[OutputT]: ...

    def resume(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions],
    ) -> RunResult[OutputT]:
        """Go on with a suspended or interrupted run, begun here or in another process.

        Args:
            journal: as `RunResult.journal` or `Journal.to_json()` gave it.
            decision: about the call that waits, or decisions by call id; None for a run that was interrupted.
            deps: as for `run`; a journal does not hold them.
            **options: `tools` and `trace` as for `run`; the rest is in the journal, and cannot be changed.

        Raises:
            ConfigurationError: the journal is none, has ended, or needs tools that this agent lacks.
            PolicyError: a decision about a call that does not wait, or not any more.
            ToolError: a decision edits arguments into some that the tool refuses.
        """
        return self._result(self._play_sync(self._resumed(journal, decision, deps, options)))

    @overload
    async def aresume(
        self: JournalAgent[None, OutputT],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions],
    ) -> RunResult[OutputT]: ...

    @overload
    async def aresume(
        self, journal: JournalLike, decision: Decisions = ..., *, deps: DepsT, **options: Unpack[ResumeOptions]
    ) -> RunResult[OutputT]: ...

    async def aresume(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions],
    ) -> RunResult[OutputT]:
        """`resume` for async callers."""
        return self._result(await self._play(self._resumed(journal, decision, deps, options)))

    @overload
    def aresume_events(
        self: JournalAgent[None, OutputT],
        journal: JournalLike,
        decision: Decisions = ...,
        *,
        deps: None = ...,
        **options: Unpack[ResumeOptions],
    ) -> AsyncGenerator[Event, None]: ...

    @overload
    def aresume_events(
        self, journal: JournalLike, decision: Decisions = ..., *, deps: DepsT, **options: Unpack[ResumeOptions]
    ) -> AsyncGenerator[Event, None]: ...

    def aresume_events(
        self,
        journal: JournalLike,
        decision: Decisions = None,
        *,
        deps: object = None,
        **options: Unpack[ResumeOptions],
    ) -> AsyncGenerator[Event, None]:
        """`aevents` for a run that goes on: what happens after the journal's last event, the decision first.

        Append each to the stored journal before you take the next, and the run survives the next crash as well.
        """
        return self._new_events(self._resumed(journal, decision, deps, options))

    def replay(self, journal: JournalLike, *, trace: bool = False) -> RunResult[OutputT]:
        """The result that a journal tells: no model is asked and no tool is called.

        Raises:
            ConfigurationError: it is no journal.
        """
        known = as_journal(journal)
        return self._result(Recorded(list(known.events), traced=trace, capture_content=self._engine.capture_content))

    def _resumed(
        self, journal: JournalLike, decision: Decisions, deps: object, options: ResumeOptions
    ) -> Played[DepsT]:
        return self._engine.resume(journal, decision, compose_resumption(options, self._deps.check(deps)))

    async def _new_events(self, played: Played[DepsT]) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(played.new_events()) as events:
                async for event in events:
                    yield event
        finally:
            self._finish(played.recorded)
