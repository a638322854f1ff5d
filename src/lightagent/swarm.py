"""`LightSwarm`: agents that hand a conversation over to each other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, Literal, overload

from typing_extensions import TypeForm, TypeVar, Unpack

from lightagent.agent import LightAgent
from lightagent.agent_base import Query
from lightagent.application.means import Means
from lightagent.application.projections.result import OutputT, RunResult
from lightagent.application.projections.stream_events import StreamEvent
from lightagent.application.tools.toolset import DepsT
from lightagent.compose.swarm import SwarmAgent, compose_swarm
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.handoffs import HandoffLimits
from lightagent.domain.json_types import JsonObject
from lightagent.options import RunOptions
from lightagent.streams import AsyncRunStream, RunStream

if TYPE_CHECKING:
    from lightagent.application.projections.chunk_types import ChatCompletionChunk

# A type variable of the constructor's own: its overloads say which swarm they make.
_D = TypeVar("_D")


class LightSwarm(Generic[DepsT]):
    """Agents that know each other: each can hand the conversation over to each of the others.

    An agent hands over by calling a tool that is named after the other one, so the decision is the model's, and it is
    on record. One run, one journal, one trace and one budget go on, whoever acts. Serves any number of runs at once.

    Args:
        deps_type: a type; each run must then be given `deps=` of it, as the agents' tools expect.
        limits: how often agents may hand over in one run.

    Raises:
        ConfigurationError: `limits` is something else.
    """

    @overload
    def __init__(self: LightSwarm[None], *, limits: HandoffLimits | None = ...) -> None: ...

    @overload
    def __init__(self: LightSwarm[_D], *, deps_type: TypeForm[_D], limits: HandoffLimits | None = ...) -> None: ...

    def __init__(self, *, deps_type: object = None, limits: HandoffLimits | None = None) -> None:
        given: object = limits
        if given is not None and not isinstance(given, HandoffLimits):
            raise ConfigurationError(f"limits must be HandoffLimits, got {type(given).__name__}.", guidance="")
        self._limits = limits or HandoffLimits()
        self._agents: dict[str, SwarmAgent[DepsT]] = {}
        self._composed: tuple[tuple[Means[DepsT], ...], Mapping[str, Means[DepsT]]] = (), {}
        self._lock = threading.Lock()

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents, in the order in which they were registered."""
        return tuple(self._agents)

    @property
    def registered(self) -> tuple[SwarmAgent[DepsT], ...]:
        """The agents themselves, in the same order; `member` gives one as it is within the swarm."""
        return tuple(self._agents.values())

    def register_agent(self, *agents: SwarmAgent[DepsT]) -> None:
        """Add agents. One that is registered already stays as it is.

        Raises:
            ConfigurationError: it is no agent, has handoffs of its own, or another agent has its name or one that
                cannot be told from it. Then none of them is added.
        """
        with self._lock:
            registered = dict(self._agents)
            for agent in agents:
                given: object = agent
                if not isinstance(given, LightAgent):
                    raise ConfigurationError(
                        f"LightSwarm: expected agents, got {type(given).__name__}.", guidance="Pass LightAgent objects."
                    )
                if registered.setdefault(agent.name, agent) is not agent:
                    raise ConfigurationError(
                        f"LightSwarm: another agent is called {agent.name!r:.80}.",
                        guidance="Give each a name of its own.",
                    )
            compose_swarm([agent.means for agent in registered.values()], self._limits)
            self._agents = registered

    def member(self, agent: LightAgent[DepsT, OutputT]) -> LightAgent[DepsT, OutputT]:
        """A registered agent as it is within the swarm, for all that an agent can do: streams, journals, `resume`.

        Raises:
            ConfigurationError: it is not registered.
        """
        given: object = agent
        if not isinstance(given, LightAgent) or self._agents.get(given.name) is not given:
            name = given.name if isinstance(given, LightAgent) else given
            raise ConfigurationError(
                f"LightSwarm: the agent {name!r:.80} is not registered.",
                guidance=f"Call register_agent first. Registered: {', '.join(self._agents) or 'none'}.",
            )
        return agent.made_of(self._means()[agent.name])

    def _means(self) -> Mapping[str, Means[DepsT]]:
        """What the agents are within the swarm; made anew where one was given more tools since."""
        with self._lock:
            means = tuple(agent.means for agent in self._agents.values())
            known, composed = self._composed
            if len(known) != len(means) or any(one is not other for one, other in zip(known, means, strict=True)):
                composed = compose_swarm(means, self._limits)
                self._composed = means, composed
            return composed

    @overload
    def run(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        stream: Literal[False] = ...,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
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
        **options: Unpack[RunOptions],
    ) -> RunStream[StreamEvent, OutputT]: ...

    def run(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        stream: bool = False,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions],
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
        return self.member(agent).run_as(query, deps, options, stream=stream, result_format=result_format)

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions],
    ) -> str: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions],
    ) -> str: ...

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["object"],
        **options: Unpack[RunOptions],
    ) -> RunResult[OutputT]: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["object"],
        **options: Unpack[RunOptions],
    ) -> RunResult[OutputT]: ...

    @overload
    async def arun(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions],
    ) -> JsonObject: ...

    @overload
    async def arun(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["dict"],
        **options: Unpack[RunOptions],
    ) -> JsonObject: ...

    async def arun(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions],
    ) -> str | RunResult[OutputT] | JsonObject:
        """`run` for async callers; `astream` is its streaming twin. Cancelling it cancels the run."""
        return await self.member(agent).arun_as(query, deps, options, result_format=result_format)

    @overload
    def astream(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def astream(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["str"] = ...,
        **options: Unpack[RunOptions],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT]: ...

    @overload
    def astream(
        self: LightSwarm[None],
        agent: LightAgent[None, OutputT],
        query: Query,
        *,
        deps: None = ...,
        result_format: Literal["event"],
        **options: Unpack[RunOptions],
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    @overload
    def astream(
        self,
        agent: LightAgent[DepsT, OutputT],
        query: Query,
        *,
        deps: DepsT,
        result_format: Literal["event"],
        **options: Unpack[RunOptions],
    ) -> AsyncRunStream[StreamEvent, OutputT]: ...

    def astream(
        self: LightSwarm[_D],
        agent: LightAgent[_D, OutputT],
        query: Query,
        *,
        deps: object = None,
        result_format: str = "str",
        **options: Unpack[RunOptions],
    ) -> AsyncRunStream[ChatCompletionChunk, OutputT] | AsyncRunStream[StreamEvent, OutputT]:
        """The run as it happens, without a seam where it is handed over; see `LightAgent.astream`."""
        return self.member(agent).astream_as(query, deps, options, result_format=result_format)
