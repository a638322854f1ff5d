"""A swarm from a Python file or module that the user names on the command line. Naming it is the consent to run it."""

from __future__ import annotations

from typing import Final

from lightagent.agent import LightAgent
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.python_objects import Wanted, load_object
from lightagent.swarm import LightSwarm

_SWARM: Final = Wanted("swarm", LightSwarm, "swarm")


def load_swarm(spec: str) -> LightSwarm:
    """The swarm that ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME`` names.

    NAME is a `LightSwarm`, or a function without parameters that makes one. Without it the file has one swarm.

    Raises:
        ConfigurationError: there is no such file, module or name, it does not run, or it is no swarm with agents.
    """
    swarm = load_object(spec, _SWARM)
    if not swarm.agents:
        raise ConfigurationError(f"--swarm {spec}: The swarm has no agents.", guidance="Call register_agent.")
    return swarm


def agents_of(swarm: LightSwarm) -> list[LightAgent]:
    """The agents of a swarm as they were registered; the first one is asked first."""
    return [agent for agent in swarm.registered if isinstance(agent, LightAgent)]
