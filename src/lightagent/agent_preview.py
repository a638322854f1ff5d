"""Preview the first request of a run without sending it."""

from __future__ import annotations

from typing import Never, overload

from typing_extensions import Unpack

from lightagent.agent_base import Query
from lightagent.agent_forms import FormAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.preview_run import preview_run
from lightagent.application.projections.request_preview import RequestPreview
from lightagent.application.projections.result import OutputT_co
from lightagent.application.run_loop.start_run import start_run
from lightagent.application.tools.deps import DepsT_contra
from lightagent.compose.run import compose_request, turn_place
from lightagent.options import RunOptions


class PreviewAgent(FormAgent[DepsT_contra, OutputT_co]):
    """An agent that can preview its requests."""

    __slots__ = ()

    @overload
    def preview(
        self: PreviewAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        stream: bool = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RequestPreview: ...

    @overload
    def preview(
        self, query: Query, *, deps: DepsT_contra, stream: bool = ..., **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RequestPreview: ...

    def preview(
        self, query: Query, *, deps: object = None, stream: bool = False, **options: Unpack[RunOptions[Never]]
    ) -> RequestPreview:
        """Return the exact first request of ``run(query, …)`` without sending it, each part with its origin.

        Everything that the request depends on is done: hooks and guardrails check the query, memories are searched,
        sources of tools and context are queried. The model is not called, and nothing is written to sessions, journals,
        memories or traces. The first request of an agent that plans is the one for a plan (`RequestPreview.purpose`).

        Args:
            query, deps, options: as for `run`.
            stream: preview the request of a streamed run.

        Raises:
            ConfigurationError: as for `run`.
            LightAgentError: the run would end without a request, for example because a guardrail blocks the query.
        """
        return run_sync(self._preview(query, deps, options, stream=stream))

    @overload
    async def apreview(
        self: PreviewAgent[None, OutputT_co],
        query: Query,
        *,
        deps: None = ...,
        stream: bool = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RequestPreview: ...

    @overload
    async def apreview(
        self, query: Query, *, deps: DepsT_contra, stream: bool = ..., **options: Unpack[RunOptions[DepsT_contra]]
    ) -> RequestPreview: ...

    async def apreview(
        self, query: Query, *, deps: object = None, stream: bool = False, **options: Unpack[RunOptions[Never]]
    ) -> RequestPreview:
        """`preview` for async callers."""
        return await self._preview(query, deps, options, stream=stream)

    async def _preview(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool) -> RequestPreview:
        means = self.means
        request = compose_request(options, self._deps.check(deps), means.limits, stream=stream, form="str")
        return await preview_run(start_run(means, query, request), turn_place(options))
