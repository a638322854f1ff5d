"""Run a script of a skill with a code runner, and report its result."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.prompts import Prompts
from lightagent.application.skills.discovery import SkillFolder
from lightagent.application.skills.folders import Folder
from lightagent.application.skills.manager import SkillManager
from lightagent.application.skills.resources import find_file
from lightagent.application.tools.arguments import clip, refused
from lightagent.domain.code.programs import CodeFile, CodeFolder, CodeJob, CodeOutput
from lightagent.domain.code.report import report
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.effects import ToolAnswer
from lightagent.domain.skills.skill import origin_labels
from lightagent.ports.code import CodeRunner


class RunScript:
    """Runs scripts if the agent has a code runner.

    Args:
        manager: finds the skills.
        runner: runs their scripts; None if scripts must not be run.
    """

    def __init__(self, manager: SkillManager, runner: CodeRunner | None) -> None:
        self._manager = manager
        self._runner = runner

    @property
    def is_contained(self) -> bool:
        """Whether scripts can affect nothing outside; a runner may declare that it does not isolate programs."""
        return getattr(self._runner, "is_isolated", True) is True

    def description(self, prompts: Prompts) -> str:
        """Return the description of the tool for a model."""
        if self._runner is None:
            return f"{prompts.execute_skill_script} Scripts are not run here, so each call is refused."
        return f"{prompts.execute_skill_script} {self._runner.notes}".rstrip()

    async def run(
        self, skill: str, script: str, arguments: tuple[str, ...], stdin: str, show: Callable[[object], None]
    ) -> ToolAnswer:
        """Run a script until it ends or reaches a limit; `show` receives its output as it is written.

        It works in the skill's folder, which it can read but not change.

        Raises:
            ToolError: the skill or script does not exist, or the script cannot be run.
            ConfigurationError: the runner cannot isolate programs on this system.
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
            labels += (f"code:{runner.name}",)  # Its output may come from anywhere.
        return ToolAnswer(report(await runner.run(job, seen)), labels=labels)

    def _find(self, skill: str, script: str) -> tuple[SkillFolder, CodeFolder, str]:
        """Return the skill's folder, the same for the runner, and the path of the script in it."""
        found = self._manager.folder(skill)
        path = find_file(found, script, "scripts")
        try:
            with Folder.open(found.directory.path) as root, root.at(found.parts) as inner:
                identity = inner.identity()
        except (OSError, ConfigurationError) as error:
            raise refused(f"The skill {clip(skill, 80)!r} is being changed.", "Try again.") from error
        # The directory that the application named may be a link, but nothing between it and the skill may become one:
        # the identity tells the runner which folder is meant.
        place = found.directory.path.resolve().joinpath(*found.parts)
        return found, CodeFolder(str(place), identity=identity), path
