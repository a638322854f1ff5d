"""What a swarm would send: the first request of a run, without sending it."""

from __future__ import annotations

from typing import overload

from typing_extensions import TypeVar, Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.projections.request_preview import RequestPreview
from lightagent.application.projections.result import OutputT
from lightagent.application.tools.deps import DepsT
from lightagent.options import RunOptions
from lightagent.swarm_forms import SwarmForms

_D = TypeVar("_D")


class PreviewSwarm(SwarmForms[DepsT]):
    """A swarm that shows its requests before it sends them."""

    @overload
    def preview(
        self: PreviewSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        stream: bool = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RequestPreview: ...

    @overload
    def preview(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        stream: bool = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> RequestPreview: ...

    def preview(
        self: PreviewSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        stream: bool = False,
        **options: Unpack[RunOptions[_D]],
    ) -> RequestPreview:
        """The exact first request of ``run(agent, query, …)``, without sending it; see `LightAgent.preview`.

        It holds the tools with which the agent hands over, asks and sends messages. In a session it is the request of
        the agent that takes the next turn.

        Args:
            agent: a registered one, which takes the query first.
            query, deps, stream, options: as for `LightAgent.preview`.

        Raises:
            ConfigurationError: the agent is not registered; for the rest see `LightAgent.preview`.
        """
        member = self.member(agent)
        return member.preview(query, deps=member.check_deps(deps), stream=stream, **options)

    @overload
    async def apreview(
        self: PreviewSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        stream: bool = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RequestPreview: ...

    @overload
    async def apreview(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        stream: bool = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> RequestPreview: ...

    async def apreview(
        self: PreviewSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        stream: bool = False,
        **options: Unpack[RunOptions[_D]],
    ) -> RequestPreview:
        """`preview` for async callers."""
        member = self.member(agent)
        return await member.apreview(query, deps=member.check_deps(deps), stream=stream, **options)
