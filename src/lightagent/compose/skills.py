"""The skills of an agent: their directories, the code runner, and their lists in the context."""

from __future__ import annotations

from typing import Never

from lightagent.application.prompts import Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.application.skills.use_skills import SkillUse, use_skills
from lightagent.compose.check_ports import check_port
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.context import ContextSource


def compose_skills(options: AgentOptions[Never], prompts: Prompts) -> SkillUse | None:
    """The parts that skills add to the agent; None without skills.

    A directory is read only if it was named, or if `auto_discover_skills` asks for the usual one: the folder in which
    a program happens to run may hold skills that the application did not choose.

    Raises:
        ConfigurationError: a directory is not a path, or the code runner lacks a method.
    """
    runner = None
    if "code_runner" in options:
        remedy = "Pass a runner, such as SubprocessRunner()."
        runner = check_port(options.get("code_runner"), "code_runner", "run", "aclose", remedy=remedy)
    directories, wanted = options.get("skills_directories"), options.get("auto_discover_skills")
    if wanted is False or (directories is None and not wanted):
        return None
    if isinstance(directories, SkillManager):
        manager = directories
    elif directories is None:
        manager = SkillManager()
    else:
        manager = SkillManager(directories)
        _check_directories(manager)
    return use_skills(manager, runner, prompts)


def _check_directories(manager: SkillManager) -> None:
    """Refuse a named directory that does not exist; the usual one may come later.

    Raises:
        ConfigurationError: one is missing.
    """
    for directory in manager.directories:
        if not directory.path.is_dir():
            raise ConfigurationError(
                f"skills_directories: the directory {str(directory.path)!r:.200} does not exist.",
                guidance="Create it, or correct the path. Pass a SkillManager for a directory that is created later.",
            )


def with_skill_lists(sources: dict[str, ContextSource], skills: SkillUse) -> dict[str, ContextSource]:
    """Put the lists of skills before the context sources of an agent.

    Raises:
        ConfigurationError: one has the name of such a list.
    """
    for name in skills.sources:
        if name in sources:
            raise ConfigurationError(
                f"context_sources: {name!r} is the name of the list of skills.", guidance="Give the source another."
            )
    return {**skills.sources, **sources}
