"""The history of a flow's runs, and their forks: time travel.

`LightFlow` has these methods besides those that begin runs and go on with them.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal, Never, Self, overload

from typing_extensions import Unpack

from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.flow.compare_flows import FlowComparison
from lightagent.application.flow.flow_step import definition_of
from lightagent.application.flow.mermaid import mermaid
from lightagent.application.flow.show_flow import check_form, present
from lightagent.application.flow.step_code import take_code
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.watch_flow import FlowGlimpse
from lightagent.compose.flow.parts import compose_flow
from lightagent.compose.flow.requests import compose_fork, flow_owner
from lightagent.domain.json_types import JsonObject
from lightagent.flow_options import FlowOptions, ForkOptions
from lightagent.flow_steps import FlowSteps
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:  # Programs that pass a store never load what reads settings.
    from lightagent.compose.configured.flows import ConfiguredFlows
    from lightagent.settings import Settings


class FlowHistory(FlowSteps):
    """A flow with its store: the history of its runs, and where they may be forked."""

    def __init__(self, *unnamed: Never, store: JournalStore | None = None, **options: Unpack[FlowOptions]) -> None:
        if unnamed:
            raise TypeError('LightFlow takes its options by name, as in LightFlow(name="report").')
        super().__init__(store=store, **options)
        self._store = store
        self._options = options

    @property
    def keeps_runs(self) -> bool:
        """Whether its runs outlive the process."""
        return self._parts.outlives

    def with_store(self, store: JournalStore) -> Self:
        """The same flow, with the steps that it has now, over another store.

        Raises:
            ConfigurationError: it is not a journal store.
        """
        return self._placed(store, self._options)

    def with_settings(self, settings: Settings) -> Self:
        """The same flow, with the steps that it has now, on the engine or over the store of the settings.

        The flow's own options take precedence: one with a store or an engine of its own keeps it. Opened parts are
        closed with the returned flow.

        Raises:
            ConfigurationError: a part cannot be opened; the text names the place and the remedy.
            MissingExtraError: a package is missing; the text says what to install.
        """
        from lightagent.compose.configured.flows import open_flows

        return self.configured(open_flows(settings))

    def configured(self, flows: ConfiguredFlows) -> Self:
        """`with_settings`, with what the caller has opened from the settings already, and has to close."""
        return self._placed(*flows.of_flow(self._store, self._options))

    def _placed(self, store: JournalStore | None, options: FlowOptions) -> Self:
        made = copy.copy(self)
        made._parts, made._known = compose_flow(store, options), self._known.copy()
        made._store, made._options = store, options
        for step in made.declared if made.keeps_runs else ():
            take_code(step)
        return made

    @overload
    def fork(
        self,
        run_id: str,
        *,
        input: str | None = ...,
        result_format: Literal["object"] = ...,
        **options: Unpack[ForkOptions],
    ) -> LightFlowResult: ...

    @overload
    def fork(
        self, run_id: str, *, input: str | None = ..., result_format: Literal["str"], **options: Unpack[ForkOptions]
    ) -> str: ...

    @overload
    def fork(
        self, run_id: str, *, input: str | None = ..., result_format: Literal["dict"], **options: Unpack[ForkOptions]
    ) -> JsonObject: ...

    def fork(
        self,
        run_id: str,
        *,
        input: str | None = None,
        result_format: str = "object",
        **options: Unpack[ForkOptions],
    ) -> LightFlowResult | str | JsonObject:
        """Begin another run with what happened in this one up to a point, and go on with it by the steps declared now.

        The run itself stays as it is. The fork has idempotency keys of its own; what was under way at that point begins
        anew in it, and open approval requests are made again.

        Args:
            input: replaces the run's input for the steps that have not begun at that point.
            **options: see `ForkOptions`; without a point the fork has all that happened.

        Raises:
            ConfigurationError: the run or point does not exist, the steps do not fit what is kept, or ``new_run_id`` is
                taken.
            StoreError, LightAgentError: as `run`.
        """
        return run_sync(self._fork(run_id, input, result_format, options))

    @overload
    async def afork(
        self,
        run_id: str,
        *,
        input: str | None = ...,
        result_format: Literal["object"] = ...,
        **options: Unpack[ForkOptions],
    ) -> LightFlowResult: ...

    @overload
    async def afork(
        self, run_id: str, *, input: str | None = ..., result_format: Literal["str"], **options: Unpack[ForkOptions]
    ) -> str: ...

    @overload
    async def afork(
        self, run_id: str, *, input: str | None = ..., result_format: Literal["dict"], **options: Unpack[ForkOptions]
    ) -> JsonObject: ...

    async def afork(
        self,
        run_id: str,
        *,
        input: str | None = None,
        result_format: str = "object",
        **options: Unpack[ForkOptions],
    ) -> LightFlowResult | str | JsonObject:
        """`fork` for async callers."""
        return await self._fork(run_id, input, result_format, options)

    def compare(self, left: str, right: str, *, user_id: str = "", tenant: str = "") -> FlowComparison:
        """Two runs step by step: the differences in status, output and attempts, and how long each took.

        Raises:
            ConfigurationError: this owner has no such run.
            StoreError: the store cannot be read.
        """
        return run_sync(self.acompare(left, right, user_id=user_id, tenant=tenant))

    async def acompare(self, left: str, right: str, *, user_id: str = "", tenant: str = "") -> FlowComparison:
        """`compare` for async callers."""
        return await self._parts.records.compare(flow_owner(user_id, tenant), left, right)

    def events(self, run_id: str, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """The events of a run, as plain data; ``number`` names a point for `fork`.

        Raises:
            ConfigurationError: this owner has no such run.
            StoreError: the store cannot be read.
        """
        return run_sync(self.aevents(run_id, user_id=user_id, tenant=tenant))

    async def aevents(self, run_id: str, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """`events` for async callers."""
        return list(await self._parts.records.events(flow_owner(user_id, tenant), run_id))

    def held_runs(self, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """The runs of this flow that cannot go on with the steps as they are declared now, the newest first.

        Each with ``held_by``: the ``step``, its changed ``field`` and why that matters; and with what ``frees`` it.

        Raises:
            IncompleteListing: some of it cannot be read.
            StoreError: the store cannot be read.
        """
        return run_sync(self.aheld_runs(user_id=user_id, tenant=tenant))

    async def aheld_runs(self, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """`held_runs` for async callers."""
        found = self._parts.runs.held(self.declared, flow_owner(user_id, tenant))
        return [held.to_dict() async for held in found]

    def waiting_steps(self, run_id: str, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """What waits for people in a run: the ``step`` for `approve`, what it ``asks``, and its ``query``.

        If an agent waits within its step, also the ``tool`` that it wants to call, with the ``arguments``.

        Raises:
            ConfigurationError: this owner has no such run.
            StoreError: the store cannot be read.
        """
        return run_sync(self.awaiting_steps(run_id, user_id=user_id, tenant=tenant))

    async def awaiting_steps(self, run_id: str, *, user_id: str = "", tenant: str = "") -> list[JsonObject]:
        """`waiting_steps` for async callers."""
        return list(await self._parts.records.waiting(flow_owner(user_id, tenant), run_id))

    async def awatch(self, run_id: str, *, user_id: str = "", tenant: str = "") -> AsyncIterator[FlowGlimpse]:
        """A run as it is, and again whenever something has changed, whichever process goes on with it.

        One that has not begun is waited for. It never ends by itself: leave it when the `status` says so.

        Raises:
            StoreError: the store cannot be read.
        """
        async for glimpse in self._parts.records.watch(flow_owner(user_id, tenant), run_id):
            yield glimpse

    def graph(self, run_id: str = "", *, user_id: str = "", tenant: str = "") -> str:
        """The flow as a Mermaid flowchart.

        Args:
            run_id: a run: the chart then shows the states of its steps, as they were declared for that run.

        Raises:
            ConfigurationError: this owner has no such run.
            StoreError: the store cannot be read.
        """
        return run_sync(self.agraph(run_id, user_id=user_id, tenant=tenant))

    async def agraph(self, run_id: str = "", *, user_id: str = "", tenant: str = "") -> str:
        """`graph` for async callers."""
        if not run_id:
            return mermaid(definition_of(self.name, self.declared))
        return await self._parts.records.graph(flow_owner(user_id, tenant), run_id)

    async def _fork(
        self, run_id: str, input: str | None, form: str, options: ForkOptions
    ) -> LightFlowResult | str | JsonObject:
        check_form(form)
        point, request = compose_fork(run_id, input, options)
        return present(await self._parts.runs.fork(self.declared, point, request), form)
