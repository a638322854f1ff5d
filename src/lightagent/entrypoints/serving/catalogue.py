"""The catalogue of what is served: agents, swarms and flows, each as a model that clients select by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Never, Protocol

from lightagent.agent_base import Query
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.steps import Step
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.events import Event
from lightagent.entrypoints.serving.plain_model import UTILITY
from lightagent.options import ResumeOptions, RunOptions


class Steps(Protocol):
    """The steps of a run, as they happen. `RunSteps` implements this protocol.

    Attributes:
        run_id: the id of the run, known before it starts.
        journal: the events so far; None for runs without a journal of their own, such as those of flows.
    """

    @property
    def run_id(self) -> str: ...

    @property
    def journal(self) -> Journal | None: ...

    def __aiter__(self) -> AsyncIterator[Step]:
        """Iterate over the steps; each is yielded once."""
        ...

    async def to_end(self) -> Sequence[Event]:
        """Run to the end and return the remaining events, instead of iterating over the steps."""
        ...

    def leave(self) -> None:
        """From now on do not record an end when the run is cancelled, so that it can be resumed."""
        ...

    async def aclose(self) -> None:
        """Close the run; it is cancelled if it has not ended."""
        ...


class ServedAgent(Protocol):
    """What an agent must offer to be served. Every `LightAgent` does, whatever its types of dependencies and output."""

    @property
    def name(self) -> str:
        """The name of the model, by which clients select it."""
        ...

    def asteps(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = True) -> Steps:
        """Start a run."""
        ...

    def aresume_steps(
        self, journal: Journal, decision: Decisions, deps: object, options: ResumeOptions[Never], *, stream: bool = True
    ) -> Steps:
        """Resume a run from its journal."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """One model that clients can select.

    Attributes:
        name: the name by which clients select it.
        agent: the agent that answers; for a swarm, its first member.
        kind: `agent`, `swarm`, `flow` or `utility`, as listings show it.
        plain: the underlying model without tools, memory or sessions, for requests that chat interfaces make on their
            own account, such as for titles; None if there is none.
    """

    name: str
    agent: ServedAgent
    kind: str = "agent"
    plain: ServedAgent | None = None


class Catalogue:
    """All served models, by name.

    Raises:
        ConfigurationError: two models have the same name, or there are none.
    """

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {one.name: one for one in served}
        if len(self._served) != len(served):
            names = [one.name for one in served]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(
                f"serve: two models have the name {twice!r:.100}.",
                guidance="Give each agent, swarm and flow a name of its own.",
            )
        plain = next((one.plain for one in served if one.plain is not None), None)
        if plain is not None and UTILITY not in self._served:
            self._served[UTILITY] = Served(UTILITY, plain, "utility", plain)
        if not served:
            raise ConfigurationError("serve: there is nothing to serve.", guidance="Pass an agent, a swarm or a flow.")

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def began(self, agent: str, caller: Caller) -> bool:
        """Return whether the caller may use a model whose answers come from this agent, and so may see its runs.

        Args:
            agent: the name of the agent in the run's record; for a swarm it differs from the name of the model.
        """
        if caller.agents is None:
            return True
        return any(one.agent.name == agent and caller.may_use(one.name) for one in self._served.values())

    def find(self, name: str, caller: Caller) -> Served:
        """Return the model with this name.

        Raises:
            RequestRefused: the model does not exist, or the caller may not use it; the error is the same.
        """
        found = self._served.get(name)
        if found is None or not caller.may_use(name):
            raise RequestRefused(
                404,
                f"The model {name!r:.100} does not exist.",
                "GET /v1/models lists the models that you can use.",
                param="model",
            )
        return found
