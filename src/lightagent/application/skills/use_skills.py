"""The parts that skills add to an agent: the tools with which it uses them, and their list before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.prompts import Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.application.skills.tools import create_skill_tools
from lightagent.domain.conversation.messages import Trust
from lightagent.domain.policy.phases import Subject
from lightagent.domain.skills.documents import skills_listing
from lightagent.ports.code import CodeRunner
from lightagent.ports.context import ContextSource
from lightagent.ports.tools import Tool

_SECONDS = 10.0
"""How long the directories are read before a run goes on without the list."""


class AvailableSkills(ContextSource):
    """Lists the skills for a run, as a message of its own before the query.

    Args:
        manager: finds the skills.
        trust: of the listed skills.
        prompt: the sentence around the list.
    """

    def __init__(self, manager: SkillManager, trust: Trust, prompt: str) -> None:
        self._manager = manager
        self._trust: Trust = trust
        self._prompt = prompt

    @property
    def name(self) -> str:
        """Names the source on record."""
        return "skills" if self._trust == "trusted" else "untrusted-skills"

    @property
    def trust(self) -> Trust:
        """Whether the application vouches for the skills."""
        return self._trust

    @property
    def timeout(self) -> float | None:
        """Seconds until the run goes on without the list."""
        return _SECONDS

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        """The list as it is now; empty without skills."""
        found = await run_in_thread(self._manager.discover_skills)
        told = [skill for skill in found if skill.trust == self._trust]
        return [self._prompt.format(skills=skills_listing(told))] if told else []


@dataclass(frozen=True, slots=True)
class SkillUse:
    """The parts that skills add to an agent.

    Attributes:
        tools: with which a model uses them.
        sources: the lists, by their names.
        runner: runs the scripts of skills, if anything does.
    """

    tools: tuple[Tool[object], ...]
    sources: Mapping[str, ContextSource]
    runner: CodeRunner | None = None


def use_skills(manager: SkillManager, runner: CodeRunner | None, prompts: Prompts) -> SkillUse:
    """What an agent needs to use the skills that `manager` finds, and to have their scripts run by `runner`."""
    trusts: dict[Trust, None] = dict.fromkeys(directory.trust for directory in manager.directories)
    sources = [AvailableSkills(manager, trust, prompts.skills) for trust in trusts]
    tools = create_skill_tools(manager, runner, prompts=prompts)
    return SkillUse(tuple(tools), {source.name: source for source in sources}, runner)
