"""The tools with which a model uses skills: `create_skill_tools`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.prompts import DEFAULT_PROMPTS, Prompts
from lightagent.application.skills.manager import SkillManager
from lightagent.application.skills.resources import list_files, load_skill, read_text
from lightagent.application.skills.run_script import RunScript
from lightagent.application.tools.arguments import clip, refused
from lightagent.application.tools.decorator import tool
from lightagent.application.tools.wrapped_tool import wrap_tool
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import MOST_LABELS, NarrowTools, ToolAnswer
from lightagent.domain.skills.documents import one_line
from lightagent.domain.skills.permissions import REFERENCE_TOOL, SCRIPT_TOOL, allowed_patterns
from lightagent.domain.skills.skill import MOST_DESCRIPTION, origin_labels
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.code import CodeRunner
from lightagent.ports.tools import RunContext, Tool

LIST_TOOL: Final = "list_skills"
ACTIVATE_TOOL: Final = "activate_skill"
SKILL_TOOLS: Final = (LIST_TOOL, ACTIVATE_TOOL, REFERENCE_TOOL, SCRIPT_TOOL)
"""The names of the tools in order."""

_SKILLS_A_PAGE: Final = 100
_PAGE: Final = 30_000
"""The length of a page of a file, in characters."""

_MOST_FILES_TOLD: Final = 100
_NAMED_FIRST: Final = ("references/", "scripts/")
"""Folders whose files are listed before others, because a skill may have hundreds."""

_MOST_INSTRUCTIONS: Final = 120_000
"""The maximum length of instructions given to the model at once, in characters; the rest is read as a file."""


def create_skill_tools(
    manager: SkillManager, runner: CodeRunner | None = None, *, prompts: Prompts = DEFAULT_PROMPTS
) -> list[Tool[object]]:
    """Return the tools `list_skills`, `activate_skill`, `read_skill_reference` and `execute_skill_script`.

    An agent with `skills_directories` has them already.

    Args:
        manager: finds the skills.
        runner: runs their scripts; without one, scripts are refused, and the model is told so.
        prompts: the texts that describe the tools to a model.
    """
    use = _UseSkills(manager, prompts)
    script = RunScript(manager, runner)

    @tool(name=LIST_TOOL, description=prompts.list_skills, idempotent=True, trusted_output=True)
    async def list_skills(page: int = 1) -> ToolAnswer:
        """List the skills.

        Args:
            page: which page of the list; the first one is 1.
        """
        return await run_in_thread(use.list, page)

    @tool(
        name=ACTIVATE_TOOL,
        description=prompts.activate_skill,
        idempotent=True,
        trusted_output=True,
        output_limit=_MOST_INSTRUCTIONS + 40_000,
    )
    async def activate_skill(skill_name: str) -> ToolAnswer:
        """Load a skill.

        Args:
            skill_name: the skill's name, as it is listed.
        """
        return await run_in_thread(use.activate, skill_name)

    @tool(name=REFERENCE_TOOL, description=prompts.read_skill_reference, idempotent=True, trusted_output=True)
    async def read_skill_reference(skill_name: str, ref_path: str, page: int = 1) -> ToolAnswer:
        """Read a file of a skill.

        Args:
            skill_name: the skill's name.
            ref_path: the file's path from the skill's folder on, such as references/guide.md.
            page: which page of a long file; the first one is 1.
        """
        return await run_in_thread(use.read, skill_name, ref_path, page)

    @tool(
        name=SCRIPT_TOOL,
        description=script.description(prompts),
        capabilities=["execute"],
        risk="medium",
        trusted_output=True,
    )
    async def execute_skill_script(
        ctx: RunContext[object], skill_name: str, script_name: str, args: list[str] | None = None, stdin: str = ""
    ) -> ToolAnswer:
        """Run a script of a skill.

        Args:
            skill_name: the skill's name.
            script_name: the script's path from the skill's folder on, such as scripts/fill.py.
            args: its arguments.
            stdin: what it reads from standard input.
        """
        return await script.run(skill_name, script_name, tuple(args or ()), stdin, ctx.show_part)

    made: tuple[Tool[object], ...] = (list_skills, activate_skill, read_skill_reference, execute_skill_script)

    def as_own(spec: ToolSpec) -> ToolSpec:
        if spec.name == SCRIPT_TOOL:  # Running programs is not exempt under a deny-by-default policy.
            return replace(spec, contained=script.is_contained)
        return replace(spec, provider=OWN_PROVIDER)

    return [wrap_tool(one, name, as_own, tuple) for one, name in zip(made, SKILL_TOOLS, strict=True)]


class _UseSkills:
    """The work of the reading tools; each method reads files, so it runs in a thread."""

    def __init__(self, manager: SkillManager, prompts: Prompts) -> None:
        self._manager = manager
        self._prompts = prompts

    def list(self, page: int) -> ToolAnswer:
        """Return the current skills by name with their descriptions."""
        skills = self._manager.discover_skills()
        pages = max(1, -(-len(skills) // _SKILLS_A_PAGE))
        if not 1 <= page <= pages:
            raise refused(f"The list has no page {page}.", f"Its pages are 1 to {pages}.")
        shown = skills[(page - 1) * _SKILLS_A_PAGE : page * _SKILLS_A_PAGE]
        listed: JsonObject = {one.name: clip(one_line(one.description), MOST_DESCRIPTION) for one in shown}
        answer: JsonObject = {"skills": listed}
        if pages > 1:
            answer["page"] = f"{page} of {pages}"
        labels = tuple(label for one in shown for label in origin_labels(one.name, one.trust))[:MOST_LABELS]
        return ToolAnswer(json.dumps(answer, ensure_ascii=False), labels=labels)

    def activate(self, name: str) -> ToolAnswer:
        """Return the instructions of a skill; from then on the run may call only the tools that the skill allows."""
        folder = self._manager.folder(name)
        skill = load_skill(folder, name)
        files = sorted(list_files(folder), key=lambda path: (not path.startswith(_NAMED_FIRST), path))
        more = [f"({len(files) - _MOST_FILES_TOLD:,} more)"] if len(files) > _MOST_FILES_TOLD else []
        allowed = None if skill.allowed_tools is None else allowed_patterns(skill.allowed_tools)
        instructions = skill.instructions
        if len(instructions) > _MOST_INSTRUCTIONS:
            rest = len(instructions) - _MOST_INSTRUCTIONS
            cut = f"[{rest:,} characters more: read SKILL.md with {REFERENCE_TOOL}.]"
            instructions = f"{instructions[:_MOST_INSTRUCTIONS]}\n{cut}"
        text = self._prompts.skill_activated.format(
            name=name,
            files="\n".join([*map(one_line, files[:_MOST_FILES_TOLD]), *more]) or "none",
            tools="all" if allowed is None else ", ".join(allowed) or "none",
            instructions=instructions,
        )
        narrow = None if allowed is None else NarrowTools(allowed, f"the skill {name}")
        return ToolAnswer(text, labels=origin_labels(name, skill.trust), narrow=narrow)

    def read(self, name: str, path: str, page: int) -> ToolAnswer:
        """Return a page of a skill's file."""
        folder = self._manager.folder(name)
        text = read_text(folder, path)
        pages = max(1, -(-len(text) // _PAGE))
        if not 1 <= page <= pages:
            raise refused(f"The file has no page {page}.", f"Its pages are 1 to {pages}.")
        shown = text[(page - 1) * _PAGE : page * _PAGE]
        if pages > 1:
            shown = f"Page {page} of {pages}:\n{shown}"
        return ToolAnswer(shown or "The file is empty.", labels=origin_labels(name, folder.directory.trust))
