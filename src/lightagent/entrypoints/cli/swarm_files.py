"""A swarm from a Python file or module that the user names on the command line. Naming it is the consent to run it."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

from lightagent.agent import LightAgent
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.entrypoints.cli.python_files import run_file
from lightagent.settings.origins import suggest
from lightagent.swarm import LightSwarm


def load_swarm(spec: str) -> LightSwarm:
    """The swarm that ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME`` names.

    NAME is a `LightSwarm`, or a function without parameters that makes one. Without it the file has one swarm.

    Raises:
        ConfigurationError: there is no such file, module or name, it does not run, or it is no swarm with agents.
    """
    module, name = _module(spec)
    found = _named(module, spec, name) if name else _only(module, spec)
    if callable(found):
        found = _made(found, spec)
    if not isinstance(found, LightSwarm):
        raise ConfigurationError(
            f"--swarm {spec}: This is no LightSwarm, but {type(found).__name__}.",
            guidance="Name a LightSwarm, or a function without parameters that makes one.",
        )
    if not found.agents:
        raise ConfigurationError(f"--swarm {spec}: The swarm has no agents.", guidance="Call register_agent.")
    swarm: LightSwarm = found
    return swarm


def agents_of(swarm: LightSwarm) -> list[LightAgent]:
    """The agents of a swarm as they were registered; the first one is asked first."""
    return [agent for agent in swarm.registered if isinstance(agent, LightAgent)]


def _module(spec: str) -> tuple[ModuleType, str]:
    of_file = re.fullmatch(r"(.+?\.py)(?::(\w+))?", spec)
    if of_file is not None:
        return run_file(Path(of_file[1]), "swarm"), of_file[2] or ""
    of_module = re.fullmatch(r"([\w.]+):(\w+)", spec)
    if of_module is None:
        raise ConfigurationError(
            f"--swarm {spec}: This names no swarm.", guidance="Write --swarm FILE.py:NAME or --swarm MODULE:NAME."
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # Last, so that no file that happens to lie here stands in for what is installed.
    try:
        return importlib.import_module(of_module[1]), of_module[2]
    except (Exception, SystemExit) as exc:
        raise ConfigurationError(
            f"--swarm {spec}: {type(exc).__name__}: {exc}.", guidance="Name a module that Python can import from here."
        ) from exc


def _named(module: ModuleType, spec: str, name: str) -> object:
    if name in vars(module):
        return vars(module)[name]
    raise ConfigurationError(
        f"--swarm {spec}: There is no {name!r}.", guidance=suggest(name, [*_swarms(module)], "Swarms there are")
    )


def _only(module: ModuleType, spec: str) -> object:
    swarms = _swarms(module)
    different = {id(swarm): swarm for swarm in swarms.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    raise ConfigurationError(
        f"--swarm {spec}: The file has {len(different) or 'no'} {'swarms' if different else 'swarm'}.",
        guidance=f"Name one: --swarm {spec}:{next(iter(swarms), 'NAME')}.",
    )


def _swarms(module: ModuleType) -> dict[str, object]:
    return {name: each for name, each in vars(module).items() if isinstance(each, LightSwarm)}


def _made(make: object, spec: str) -> object:
    try:
        return make() if callable(make) else make
    except LightAgentError:
        raise
    except (Exception, SystemExit) as exc:
        raise ConfigurationError(
            f"--swarm {spec}: {type(exc).__name__}: {exc}.",
            guidance="Name a LightSwarm, or a function without parameters that makes one.",
        ) from exc
