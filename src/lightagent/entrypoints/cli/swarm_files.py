"""Load a swarm from a Python file or module that the user names on the command line, which is the consent to run it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Annotated, Final, Self, TypeAlias

import typer

from lightagent.agent import LightAgent
from lightagent.application.journals.journal import Journal
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.notices import announce_stand_ins
from lightagent.entrypoints.cli.python_files import ObjectKind, load_object
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel
from lightagent.settings.origins import printable
from lightagent.swarm import LightSwarm

_SWARM: Final = ObjectKind("swarm", LightSwarm, "swarm")

Swarm: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--swarm",
        metavar="FILE.py:NAME",
        help="Ask a LightSwarm of this file, or of MODULE:NAME. Its first agent gets the question. The file is run.",
    ),
]


def load_swarm(spec: str) -> LightSwarm:
    """Load the swarm that ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME`` names.

    NAME is a `LightSwarm`, or a function without required parameters that returns one. Without NAME the file must
    define exactly one.

    Raises:
        ConfigurationError: the file, module or name does not exist, the code raises, or the object is not a swarm with
            agents.
    """
    swarm = load_object(spec, _SWARM)
    if not swarm.agents:
        raise ConfigurationError(f"--swarm {spec}: The swarm has no agents.", guidance="Call register_agent.")
    return swarm


class OpenedSwarm:
    """The swarm that a command works with; an async context manager that closes its agents.

    Args:
        spec: as for `load_swarm`.
        strict: refuse the offline stand-in.

    Raises:
        ConfigurationError: the swarm cannot be loaded, or the stand-in would answer and `strict` is set.
    """

    def __init__(self, spec: str, *, strict: bool) -> None:
        self._spec = spec
        self._swarm = load_swarm(spec)
        self._agents = [agent for agent in self._swarm.registered if isinstance(agent, LightAgent)]
        announce_stand_ins(
            f"--swarm {spec}", [(agent.name, agent.means.model) for agent in self._agents], strict=strict
        )
        self._closing = AsyncExitStack()
        for agent in self._agents:
            self._closing.push_async_callback(agent.aclose)

    @property
    def models(self) -> list[ChatModel]:
        """The models of its agents."""
        return [agent.means.model for agent in self._agents]

    @property
    def title(self) -> str:
        """The names of its agents, for display."""
        return ", ".join(printable(name) for name in self._swarm.agents)

    @property
    def front(self) -> LightAgent:
        """The agent that was registered first, as a member of the swarm; it gets each question."""
        return self._swarm.member(self._agents[0])

    @property
    def journals(self) -> JournalStore | None:
        """The session store of the front agent, or None."""
        return self.front.means.sessions

    def beginner(self, journal: Journal) -> LightAgent:
        """Return the agent that started a run, in order to resume it.

        Raises:
            ConfigurationError: the agent is not in the swarm.
        """
        name = journal.started.head.name
        found = next((agent for agent in self._agents if agent.name == name), None)
        if found is None:
            raise ConfigurationError(
                f"--swarm {self._spec}: The run was started with the agent {printable(name)!r:.80}, "
                "which is not in this swarm.",
                guidance=f"Name the swarm of that run, or keep the names of its agents. This swarm has: {self.title}.",
            )
        return self._swarm.member(found)

    def on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        """Register a function that is awaited when the swarm is closed; the last one registered is called first."""
        self._closing.push_async_callback(close)

    async def aclose(self) -> None:
        """Close everything that was opened, in reverse order."""
        await self._closing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def refuse_beside_a_swarm(given: Mapping[str, object]) -> None:
    """Raise if options for a single agent were given together with ``--swarm``.

    Raises:
        ConfigurationError: such options were given; the message names them.
    """
    names = [name for name, value in given.items() if value]
    if names:
        raise ConfigurationError(
            f"--swarm cannot be combined with {', '.join(names)}, since the file defines the agents.",
            guidance="Leave the other options out, and configure the agents in the file.",
        )
