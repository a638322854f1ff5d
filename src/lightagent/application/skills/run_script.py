"""Runs a script of a skill, through the port to code runners, and tells what came of it."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.prompts import Prompts
from lightagent.application.skills.discovery import SkillFolder
from lightagent.application.skills.folders import Folder
from lightagent.application.skills.manager import SkillManager
from lightagent.application.skills.resources import find_file
from lightagent.application.tools.argument_errors import clip, refused
from lightagent.domain.code import CodeFile, CodeFolder, CodeJob, CodeOutput
from lightagent.domain.code_report import report
from lightagent.domain.effects import ToolAnswer
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.skills import origin_labels
from lightagent.ports.code import CodeRunner


class RunScript:
    """Runs scripts where the agent has something that runs them.

    Args:
        manager: finds the skills.
        runner: runs their scripts; None where scripts are not run.
    """

    def __init__(self, manager: SkillManager, runner: CodeRunner | None) -> None:
        self._manager = manager
        self._runner = runner

    @property
    def is_contained(self) -> bool:
        """Whether what scripts do reaches nothing; a runner may say of itself that it does not isolate programs."""
        return getattr(self._runner, "is_isolated", True) is True

    def description(self, prompts: Prompts) -> str:
        """What a model is told of the tool."""
        if self._runner is None:
            return f"{prompts.execute_skill_script} Scripts are not run here, so each call is refused."
        return f"{prompts.execute_skill_script} {self._runner.notes}".rstrip()

    async def run(
        self, skill: str, script: str, arguments: tuple[str, ...], stdin: str, show: Callable[[object], None]
    ) -> ToolAnswer:
        """Run a script to its end, or to a limit; `show` is given its output as it comes.

        It works in the skill's folder, of which it can read everything and change nothing.

        Raises:
            ToolError: the skill or script does not exist, or it cannot be run.
            ConfigurationError: the runner cannot isolate it here.
        """
        runner = self._runner
        if runner is None:
            raise refused("Scripts of skills are not run here.", "Do the work in another way, or say that you cannot.")
        found, place, path = await run_in_thread(self._find, skill, script)
        job = CodeJob(CodeFile(path), arguments, stdin, place)

        def seen(piece: CodeOutput) -> None:
            show(piece.text)

        labels = origin_labels(skill, found.directory.trust)
        if not self.is_contained:
            labels += (f"code:{runner.name}",)  # What it writes may come from anywhere.
        return ToolAnswer(report(await runner.run(job, seen)), labels=labels)

    def _find(self, skill: str, script: str) -> tuple[SkillFolder, CodeFolder, str]:
        """Where the skill is, its folder for the runner, and the path of the script in it."""
        found = self._manager.folder(skill)
        path = find_file(found, script, "scripts")
        try:
            with Folder.open(found.directory.path) as root, root.at(found.parts) as inner:
                identity = inner.identity()
        except (OSError, ConfigurationError) as error:
            raise refused(f"The skill {clip(skill, 80)!r} is being changed.", "Try again.") from error
        # The directory that the application named may be a link. What leads from there to the skill must not become
        # one, so the runner is told which folder it is.
        place = found.directory.path.resolve().joinpath(*found.parts)
        return found, CodeFolder(str(place), identity=identity), path
