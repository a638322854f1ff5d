"""What is served: agents, swarms and flows, each as a model that clients name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Never, Protocol

from lightagent.agent_base import Query
from lightagent.application.decide_calls import Decisions
from lightagent.application.journal import Journal
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.refusals import RequestRefused
from lightagent.application.steps import Step
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Event
from lightagent.entrypoints.serving.utility import UTILITY
from lightagent.options import ResumeOptions, RunOptions


class Steps(Protocol):
    """The steps of a run, as they happen; every `RunSteps` is one.

    Attributes:
        run_id: of the run, known before it begins.
        journal: the events so far; None for what has no journal of one run, such as a flow.
    """

    @property
    def run_id(self) -> str: ...

    @property
    def journal(self) -> Journal | None: ...

    def __aiter__(self) -> AsyncIterator[Step]:
        """Each of them once."""
        ...

    async def to_end(self) -> Sequence[Event]:
        """The events of the rest of the run, in the place of its steps one by one."""
        ...

    def leave(self) -> None:
        """Have no end put on record by who cancels it from now on, so that it can be resumed."""
        ...

    async def aclose(self) -> None:
        """Leave the run, which is cancelled if it goes on."""
        ...


class ServedAgent(Protocol):
    """What of an agent is needed to serve it; every `LightAgent` has it, whatever it depends on or answers with."""

    @property
    def name(self) -> str:
        """As clients name it."""
        ...

    def asteps(self, query: Query, deps: object, options: RunOptions[Never], *, stream: bool = True) -> Steps:
        """Begin a run."""
        ...

    def aresume_steps(
        self, journal: Journal, decision: Decisions, deps: object, options: ResumeOptions[Never], *, stream: bool = True
    ) -> Steps:
        """Go on with one."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """One model that clients may name.

    Attributes:
        name: as clients name it.
        agent: what answers; of a swarm the agent that is asked first, as it is within the swarm.
        kind: for listings.
        plain: the same model without all that makes it an agent, for what chat interfaces ask for themselves.
    """

    name: str
    agent: ServedAgent
    kind: str = "agent"
    plain: ServedAgent | None = None


class Catalogue:
    """Everything that is served, by name."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {one.name: one for one in served}
        if len(self._served) != len(served):
            names = [one.name for one in served]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigurationError(
                f"serve: two are called {twice!r:.100}.", guidance="Give each agent, swarm and flow a name of its own."
            )
        plain = next((one.plain for one in served if one.plain is not None), None)
        if plain is not None and UTILITY not in self._served:
            self._served[UTILITY] = Served(UTILITY, plain, "utility", plain)
        if not served:
            raise ConfigurationError("serve: there is nothing to serve.", guidance="Pass an agent, a swarm or a flow.")

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def began(self, agent: str, caller: Caller) -> bool:
        """Whether the caller may use a model of which this agent is what answers, and so may see its runs.

        Args:
            agent: its name, as runs have it on record; that of a swarm's model is another than clients know.
        """
        if caller.agents is None:
            return True
        return any(one.agent.name == agent and caller.may_use(one.name) for one in self._served.values())

    def find(self, name: str, caller: Caller) -> Served:
        """The model of this name. One that the caller may not use is none for it.

        Raises:
            RequestRefused: there is no such model.
        """
        found = self._served.get(name)
        if found is None or not caller.may_use(name):
            raise RequestRefused(
                404, f"There is no model {name!r:.100}.", "GET /v1/models lists those there are.", param="model"
            )
        return found
