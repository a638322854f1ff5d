"""The state of one server: its models, authentication, limits and active runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Never, Protocol

from lightagent.agent_base import Query
from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.journals.journal import Journal
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.application.serving.background_runs import BackgroundRecords, BackgroundRun
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.client_tools import ClientTool, client_tools
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.idempotency import RepeatedRequests
from lightagent.application.serving.served_run_store import ServedRunStore
from lightagent.application.serving.waiting import open_functions
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.serving.authentication import Authentication
from lightagent.entrypoints.serving.background import Background
from lightagent.entrypoints.serving.catalogue import Catalogue, ServedAgent, Steps
from lightagent.entrypoints.serving.served_run import ActiveRuns, ServedRun
from lightagent.entrypoints.serving.slots import Slots
from lightagent.entrypoints.serving.task_runs import TaskRuns
from lightagent.options import ResumeOptions, RunOptions
from lightagent.settings.sections.serve import ServeSettings

MOST_DROPPED: Final = 100
"""Names of dropped fields that are logged at most, so that clients cannot flood the log."""

_LOG: Final = logging.getLogger("lightagent.serve")

LAST_WORDS: Final = 2.0
"""Seconds in which cancelled runs can record their end and inform their clients."""


class Closing(Protocol):
    """Something that is closed when the server stops."""

    async def close(self) -> None:
        """Close it. Further calls have no effect."""
        ...


@dataclass(slots=True)
class Serving:
    """One server.

    Attributes:
        catalogue: the models that it serves.
        settings: the section `serve` of the settings.
        kept: the storage of runs, also of those that wait for their clients.
        authentication: determines the caller of a request.
        deps: returns the dependencies of the agents' tools for a caller.
        clock: returns the time as seconds since 1970.
        active: the active and queued runs.
        slots: the limits on concurrent runs.
        tasks: runs that continue after their client has disconnected, as in A2A.
        parts: state of individual protocols, by name; closed when the server stops.
        background: the background runs.
        repeated: the answers to requests with idempotency keys.
    """

    catalogue: Catalogue
    settings: ServeSettings
    kept: ServedRunStore
    authentication: Authentication
    deps: Callable[[Caller], object] | None = None
    clock: Callable[[], float] = time.time
    active: ActiveRuns = field(default_factory=ActiveRuns)
    slots: Slots = field(init=False)
    tasks: TaskRuns = field(init=False)
    parts: dict[str, Closing] = field(default_factory=dict)
    background: Background = field(init=False)
    repeated: RepeatedRequests = field(init=False)
    _dropped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        chosen = self.settings
        self.slots = Slots(chosen.runs, chosen.runs_of_key, chosen.waiting_runs)
        self.tasks = TaskRuns(lasts=self.kept.lasts)
        self.repeated = RepeatedRequests(lambda: self.clock())
        records = BackgroundRecords(self.kept.store, lambda: self.clock())
        self.background = Background(self.kept, records, self._go_on, lambda: self.clock())

    def begin(
        self,
        caller: Caller,
        agent: ServedAgent,
        query: Query,
        options: RunOptions,
        *,
        stream: bool,
        keep: bool = True,
    ) -> ServedRun:
        """Return a checked run that is ready to start. It belongs to the caller, whatever owner `options` name.

        Args:
            agent: the agent of a model, such as `Served.agent`.
            keep: store the run, if the server has a store for all runs.

        Raises:
            RequestRefused: an option is invalid, too many runs are active, or the server is stopping.
        """
        token = CancellationToken()
        owned: RunOptions[Never] = {**options, "tenant": caller.tenant, "user_id": caller.user, "cancel": token}
        if keep and self.kept.lasts and owned.get("session_id") is None:
            owned["journal"] = self.kept.store
        return self._served(caller, token, lambda: agent.asteps(query, self._deps(caller), owned, stream=stream))

    def resume(
        self,
        caller: Caller,
        agent: ServedAgent,
        journal: Journal,
        decision: Decisions,
        options: ResumeOptions,
        *,
        stream: bool,
    ) -> ServedRun:
        """Resume a run. The caller of this method must have checked that the journal belongs to `caller`.

        Raises:
            RequestRefused: as for `begin`; or the run belongs to another model, waits for functions of the client that
                the request does not declare, or was resumed by another request in the meantime.
            PolicyError: the caller may not make this decision.
        """
        if journal.started.head.name != agent.name:
            raise RequestRefused(
                400, "The run belongs to another model.", "Send the name of the model that started it.", param="model"
            )
        declared = {tool.spec.name for tool in options.get("tools") or () if isinstance(tool, ClientTool)}
        if lacking := sorted(open_functions(journal.events) - declared):
            told = f"tools: the run waits for the client's function {lacking[0]!r:.100} as well."
            raise RequestRefused(400, told, "Send the tools of the request that had its calls.", param="tools")
        if self.active.has(journal.started.run_id):  # Another request has resumed it since.
            raise RequestRefused(
                409, "The run is active: another request has answered it already.", "Send a new message."
            )
        token = CancellationToken()
        owned: ResumeOptions[Never] = {**options, "cancel": token}
        return self._served(
            caller,
            token,
            lambda: agent.aresume_steps(journal, caller.deciding(decision), self._deps(caller), owned, stream=stream),
        )

    async def begin_in_background(self, record: BackgroundRun, run: ServedRun) -> None:
        """Start or resume a run in the background, so that it outlives its request.

        Raises:
            StoreError: the store cannot be written; the run has not been started.
        """
        journal = run.journal
        self.background.expect(record)
        try:
            await self.background.records.add(record)
            if journal is not None and len(journal.events) == 1:
                beginning = await self.kept.keep_beginning(journal)
                if beginning is not None:
                    run.steps = self._steps(record, beginning, run.token)
        except BaseException:
            run.forget()
            raise
        self.background.play(record, run)

    def _go_on(self, record: BackgroundRun, journal: Journal) -> ServedRun:
        token = CancellationToken()
        return self._served(record.caller, token, lambda: self._steps(record, journal, token))

    def _steps(self, record: BackgroundRun, journal: Journal, token: CancellationToken) -> Steps:
        agent = self.catalogue.find(record.model, record.caller).agent
        tools = client_tools(record.functions, record.results)
        options: ResumeOptions[Never] = {"tools": tools, "cancel": token}
        return agent.aresume_steps(journal, None, self._deps(record.caller), options, stream=False)

    def _served(self, caller: Caller, token: CancellationToken, begin: Callable[[], Steps]) -> ServedRun:
        try:
            steps = begin()
        except ConfigurationError as exc:
            raise RequestRefused(400, exc.message, exc.guidance) from exc
        slot = self.slots.ask(caller.key_id)
        try:
            return ServedRun(steps, token, self.slots, slot, self.active, self.kept)
        except BaseException:
            self.slots.give_back(slot)
            raise

    def _deps(self, caller: Caller) -> object:
        return None if self.deps is None else self.deps(caller)

    def note_dropped(self, names: Sequence[str]) -> None:
        """Log the names of request fields that are dropped, each once."""
        for name in names:
            if name not in self._dropped and len(self._dropped) < MOST_DROPPED:
                self._dropped.add(name)
                _LOG.info("The field %s of requests is ignored: it has no meaning here.", ascii(name[:100]))

    def start(self) -> None:
        """Resume the background runs of earlier processes. Must be called in a running event loop."""
        if self.kept.lasts:
            self.background.start()

    async def stop(self) -> None:
        """Refuse new runs, wait for the active ones, and cancel those that have not ended in time.

        Background runs that have not ended in time are interrupted instead, and resumed at the next start.
        """
        self.active.closing = True
        self.background.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.shutdown_seconds):
                await self.active.ended()
        self.active.cancel("The server was stopped.")
        await self.background.leave(LAST_WORDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.active.ended()
        await asyncio.gather(*(part.close() for part in self.parts.values()))
