"""One method for each form of a swarm's run: what it gives is plain from its name.

`LightSwarm.run` gives every form, by `stream=` and `result_format=`, as programs of the 0.9 line call it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, overload

from typing_extensions import TypeVar, Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.projections.result import OutputT, RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.tools.deps import DepsT
from lightagent.options import RunOptions
from lightagent.streams import AsyncRunStream, RunStream
from lightagent.swarm_talk import SwarmTalk

if TYPE_CHECKING:
    from lightagent.application.projections.chunks import ChatCompletionChunk

_D = TypeVar("_D")


class SwarmForms(SwarmTalk[DepsT], Generic[DepsT]):
    """A swarm with a method for each form of a run. Arguments and errors are those of `LightSwarm.run`."""

    @abstractmethod
    def member(self, agent: LightAgent[DepsT, OutputT]) -> LightAgent[DepsT, OutputT]:
        """A registered agent as it is within the swarm, for all that an agent can do: streams, journals, `resume`.

        Raises:
            ConfigurationError: it is not registered.
        """

    @overload
    def run_result(
        self: SwarmForms[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    def run_result(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunResult[OutputT]: ...

    def run_result(
        self: SwarmForms[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunResult[OutputT]:
        """The run's result; a run that failed has its error there, and raises nothing."""
        member = self.member(agent)
        return member.run_result(query, deps=member.check_deps(deps), **options)

    @overload
    async def arun_result(
        self: SwarmForms[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    async def arun_result(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunResult[OutputT]: ...

    async def arun_result(
        self: SwarmForms[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunResult[OutputT]:
        """`run_result` for async callers. Cancelling it cancels the run."""
        member = self.member(agent)
        return await member.arun_result(query, deps=member.check_deps(deps), **options)

    @overload
    def stream(
        self: SwarmForms[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def stream(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunStream[ChatCompletionChunk, OutputT]: ...

    def stream(
        self: SwarmForms[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunStream[ChatCompletionChunk, OutputT]:
        """The run as it happens, as OpenAI chunks, without a seam where it is handed over; `close` cancels the run."""
        member = self.member(agent)
        return member.stream(query, deps=member.check_deps(deps), **options)

    @overload
    def stream_events(
        self: SwarmForms[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[StreamEvent, OutputT]: ...

    @overload
    def stream_events(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> RunStream[StreamEvent, OutputT]: ...

    def stream_events(
        self: SwarmForms[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> RunStream[StreamEvent, OutputT]:
        """The run as it happens: text, reasoning, tool calls and their results, handoffs. `close` cancels the run."""
        member = self.member(agent)
        return member.stream_events(query, deps=member.check_deps(deps), **options)

    @overload
    def astream_events(
        self: SwarmForms[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        **options: Unpack[RunOptions[None]],
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    @overload
    def astream_events(
        self, agent: LightAgent[DepsT, OutputT], query: Query, *, deps: DepsT, **options: Unpack[RunOptions[DepsT]]
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    def astream_events(
        self: SwarmForms[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        **options: Unpack[RunOptions[_D]],
    ) -> AsyncRunStream[StreamEvent, OutputT]:
        """`stream_events` for async callers. `aclose` cancels the run."""
        member = self.member(agent)
        return member.astream_events(query, deps=member.check_deps(deps), **options)
