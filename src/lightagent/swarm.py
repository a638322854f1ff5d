"""`LightSwarm`: agents that hand a conversation over to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, overload

from typing_extensions import TypeForm, TypeVar, Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.projections.result import OutputT, RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.swarm.handoff import HandoffSettings, SwarmAgent
from lightagent.application.tools.deps import DepsT
from lightagent.compose.swarm import compose_rules
from lightagent.compose.swarm_talk import Talk, as_consulted
from lightagent.domain.absent_names import SWARM_METHODS, absent_method
from lightagent.domain.json_types import JsonObject
from lightagent.options import RunOptions, SwarmOptions
from lightagent.streams import AsyncRunStream, RunStream
from lightagent.swarm_members import SwarmMembers
from lightagent.swarm_preview import PreviewSwarm

if TYPE_CHECKING:
    from lightagent.application.projections.chunks import ChatCompletionChunk

# A type variable of the constructor's own: its overloads say which swarm they make.
_D = TypeVar("_D")


class LightSwarm(PreviewSwarm[DepsT], Generic[DepsT]):
    """Agents that know each other: each can hand the conversation over to each of the others.

    An agent hands over by calling a tool that is named after the other one, so the decision is the model's, and it is
    on record. A handoff keeps the run, its journal, its trace and its budget. Serves any number of runs at once.

    Args:
        deps_type: a type; each run must then be given `deps=` of it, as the agents' tools expect.
        **options: see `SwarmOptions`.

    Raises:
        ConfigurationError: an option is unknown or invalid.
    """

    if not TYPE_CHECKING:  # Type checkers know the methods.

        def __getattr__(self, name: str) -> object:
            raise absent_method(type(self).__name__, name, SWARM_METHODS)

    @overload
    def __init__(self: LightSwarm[None], **options: Unpack[SwarmOptions]) -> None: ...

    @overload
    def __init__(self: LightSwarm[_D], *, deps_type: TypeForm[_D], **options: Unpack[SwarmOptions]) -> None: ...

    def __init__(self, *unnamed: object, deps_type: object = None, **options: Unpack[SwarmOptions]) -> None:
        if unnamed:
            raise TypeError("LightSwarm takes its options by name; agents are added by swarm.register_agent(first, …).")
        self._members: SwarmMembers[DepsT] = SwarmMembers(compose_rules(options))

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents, in the order in which they were registered."""
        return self._members.names

    @property
    def registered(self) -> tuple[SwarmAgent[DepsT], ...]:
        """The agents themselves, in the same order; `member` gives one as it is within the swarm."""
        return self._members.agents

    def register_agent(self, *agents: SwarmAgent[DepsT]) -> None:
        """Add agents. One that is registered already stays as it is.

        Raises:
            ConfigurationError: it is not an agent, has handoffs of its own, or another agent has its name or one that
                cannot be told from it. Then none of them is added.
        """
        self._members.add(agents)

    def register_handoff(self, *handoffs: HandoffSettings[DepsT]) -> None:
        """Set how agents hand over to one of them: what is passed along, by which tool, when, with which history.

        Raises:
            ConfigurationError: it is not a `Handoff`, an agent is not registered, the tool has the name of another, or
                a handoff from one of the agents to this one was set before. Then none of them counts.
        """
        self._members.add_handoffs(handoffs)

    def member(self, agent: LightAgent[DepsT, OutputT]) -> LightAgent[DepsT, OutputT]:
        """A registered agent as it is within the swarm, with all methods of an agent: streams, journals, `resume`.

        Raises:
            ConfigurationError: it is not registered.
        """
        means = self._members.means_of(agent)
        return agent.made_of(means)

    @property
    def talk(self) -> Talk:
        """How the agents talk to each other besides handing over."""
        return self._members.talk

    def asked(self, agent: LightAgent[DepsT, OutputT]) -> LightAgent[DepsT, OutputT]:
        """A registered agent as it is while another one, or the program, asks it: it cannot hand over."""
        means = self._members.means_of(agent)
        return agent.made_of(as_consulted(means))

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> str: ...

    @overload
    def run(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> str: ...

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: None = ...,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    def run(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: DepsT,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> RunResult[OutputT]: ...

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: None = ...,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[None]],
    ) -> JsonObject: ...

    @overload
    def run(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: DepsT,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> JsonObject: ...

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[True],
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def run(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        stream: Literal[True],
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> RunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[True],
        *,
        deps: None = ...,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[None]],
    ) -> RunStream[StreamEvent, OutputT]: ...

    @overload
    def run(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        stream: Literal[True],
        *,
        deps: DepsT,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> RunStream[StreamEvent, OutputT]: ...

    def run(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        stream: bool = False,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions[_D]],
    ) -> (
        str
        | RunResult[OutputT]
        | JsonObject
        | RunStream[ChatCompletionChunk, OutputT]
        | RunStream[StreamEvent, OutputT]
    ):
        """Answer a query, which the given agent takes first.

        Args:
            agent: a registered one, often called the front desk.
            query, deps, stream, result_format, **options: as for `LightAgent.run`.

        Raises:
            ConfigurationError: the agent is not registered; for the rest see `LightAgent.run`.
        """
        return self.member(agent).run_as(query, deps, stream=stream, result_format=result_format, **options)

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> str: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> str: ...

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[None]],
    ) -> RunResult[OutputT]: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["object"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> RunResult[OutputT]: ...

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[None]],
    ) -> JsonObject: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> JsonObject: ...

    async def arun(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions[_D]],
    ) -> str | RunResult[OutputT] | JsonObject:
        """`run` for async callers; `astream` is its streaming twin. Cancelling it cancels the run."""
        return await self.member(agent).arun_as(query, deps, result_format=result_format, **options)

    @overload
    def astream(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[None]],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def astream(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions[DepsT]],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def astream(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[None]],
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    @overload
    def astream(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["event"],
        **options: Unpack[RunOptions[DepsT]],
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    def astream(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions[_D]],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT] | AsyncRunStream[StreamEvent, OutputT]:
        """The run as it happens, also across handoffs; see `LightAgent.astream`."""
        return self.member(agent).astream_as(query, deps, result_format=result_format, **options)
