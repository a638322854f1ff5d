"""`SkillManager`: the skills of some directories, found again whenever they are asked for."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from lightagent.application.skills.discovery import (
    SkillDirectory,
    SkillFolder,
    find_skills,
    read_skill,
    without_instructions,
)
from lightagent.application.skills.resources import list_files, load_skill, read_file, read_text
from lightagent.application.skills.shelf import Shelf, SkillConflict, conflict_problem, shelve
from lightagent.application.tools.argument_errors import unknown_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.skill_listing import skills_listing
from lightagent.domain.skills import Skill, SkillProblem
from lightagent.domain.unseen import written_out

_LOGGER: Final = logging.getLogger("lightagent")

DirectoryLike: TypeAlias = str | os.PathLike[str]

_Read: TypeAlias = tuple[Skill | None, tuple[SkillProblem, ...]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the directories held when they were looked at last."""

    shelf: Shelf
    problems: tuple[SkillProblem, ...]
    read: dict[SkillFolder, _Read]


class SkillManager:
    """Finds skills: folders with a `SKILL.md`, anywhere in the directories down to six levels.

    By naming a directory the application vouches for what is in it, as for a directory of tools: a model follows the
    instructions of its skills. Nothing outside of a skill's folder is read; symbolic links are refused. Each question
    looks at the directories again, so that skills which come, go or change while a program runs are noticed. Serves
    any number of agents and threads.

    Args:
        skills_directories: one directory or several. A skill in a later one takes the place of one of the same name
            in an earlier one, which is told as a conflict.
        untrusted_directories: directories for whose skills the application does not vouch. Their texts count as
            untrusted wherever policies ask for that, and no skill of them takes the place of another.

    Raises:
        ConfigurationError: a directory is given as something else than a path.
    """

    def __init__(
        self,
        skills_directories: DirectoryLike | Sequence[DirectoryLike] = ("skills",),
        *,
        untrusted_directories: DirectoryLike | Sequence[DirectoryLike] = (),
    ) -> None:
        trusted, untrusted = _paths(skills_directories), _paths(untrusted_directories)
        self.directories: Final = (
            *(SkillDirectory(path, place, "trusted") for place, path in enumerate(trusted)),
            *(SkillDirectory(path, len(trusted) + place, "untrusted") for place, path in enumerate(untrusted)),
        )
        self._found: _Found | None = None
        self._told: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[str(one.path) for one in self.directories]!r})"

    def discover_skills(self) -> list[Skill]:
        """Look at the directories, and give the skills that can be used, by name; without their instructions.

        What is wrong with others is in `problems` and in the log.
        """
        return list(self._look().shelf.skills.values())

    @property
    def skills(self) -> dict[str, Skill]:
        """The skills by name, as they were found last; a copy."""
        return dict((self._found or self._look()).shelf.skills)

    @property
    def problems(self) -> tuple[SkillProblem, ...]:
        """What was wrong when the directories were looked at last."""
        return (self._found or self._look()).problems

    def list_conflicts(self) -> list[SkillConflict]:
        """Skills of the same name, as they were found last."""
        return [one.copy() for one in (self._found or self._look()).shelf.conflicts]

    def get_skill(self, name: str) -> Skill:
        """The skill as it is listed; raises `ToolError` if there is none of that name."""
        return self._shelf_with(name).skills[name]

    def load_skill(self, name: str) -> Skill:
        """The skill with its instructions, as they are now.

        Raises:
            ToolError: the skill does not exist, or can no longer be used; the text names others, or file and line.
        """
        return load_skill(self.folder(name), name)

    def activate_skill(self, name: str) -> str:
        """The instructions of a skill; raises as `load_skill` does."""
        return self.load_skill(name).instructions

    def get_skills_xml(self) -> str:
        """Names and descriptions of all skills as a model is shown them: elements in which everything is escaped."""
        return f"<available_skills>\n{skills_listing(self.discover_skills())}\n</available_skills>"

    def list_files(self, name: str) -> list[str]:
        """The paths of the files in a skill's folder, from there on; raises `ToolError` if the skill does not exist."""
        return list_files(self.folder(name))

    def read_reference(self, name: str, reference: str) -> str:
        """A text file of a skill, such as ``references/forms.md``; one in `references` also by its name alone.

        Raises:
            ToolError: the skill or file does not exist, the path leads out of the skill or to a link, or is not text.
        """
        return read_text(self.folder(name), reference)

    def read_asset(self, name: str, asset: str) -> bytes:
        """A file of a skill as it is; one in `assets` also by its name alone. Raises as `read_reference` does."""
        return read_file(self.folder(name), asset, "assets")

    def folder(self, name: str) -> SkillFolder:
        """Where a skill is now.

        Raises:
            ToolError: there is none of that name; the text names others.
        """
        return self._shelf_with(name).folders[name]

    def _shelf_with(self, name: str) -> Shelf:
        shelf = self._look().shelf
        if name not in shelf.skills:
            raise unknown_name("skill", name, shelf.skills)
        return shelf

    def _look(self) -> _Found:
        """Look at the directories; what has not changed since the last time is not read again."""
        with self._lock:
            known = {} if self._found is None else self._found.read
            problems: list[SkillProblem] = []
            read: dict[SkillFolder, _Read] = {}
            for directory in self.directories:
                folders, wrong = find_skills(directory)
                problems.extend(wrong)
                read.update((folder, known.get(folder) or _listed(folder)) for folder in folders)
            shelf = shelve((folder, skill) for folder, (skill, _) in read.items() if skill is not None)
            problems.extend(problem for _, wrong in read.values() for problem in wrong)
            problems.extend(map(conflict_problem, shelf.conflicts))
            self._found = _Found(shelf, tuple(problems), read)
            self._log(self._found)
            return self._found

    def _log(self, found: _Found) -> None:
        """Tell what is new and matters: skills that are left out, which of two is used, directories not there."""
        directories = {str(one.path) for one in self.directories}
        texts = [f"A skill was left out: {one}" for one in found.problems if one.level == "error"]
        texts += [f"A skill was left out: {conflict_problem(one)}" for one in found.shelf.conflicts]
        texts += [f"A directory of skills: {one}" for one in found.problems if one.path in directories]
        for text in texts:
            if text not in self._told:
                _LOGGER.warning("%s", written_out(text))  # A folder may be called by anything.
        self._told = frozenset(texts)


def _listed(folder: SkillFolder) -> _Read:
    skill, problems = read_skill(folder)
    return None if skill is None else without_instructions(skill), problems


def _paths(given: DirectoryLike | Sequence[DirectoryLike]) -> list[Path]:
    """The directories as absolute paths, so that they stay the same wherever the program goes later."""
    several = (given,) if isinstance(given, (str, os.PathLike)) else given
    paths: list[Path] = []
    for one in several:
        path = _as_text(one)
        if not isinstance(path, str) or not path or "\0" in path:
            raise ConfigurationError(
                f"skills_directories: expected paths of directories, got {one!r:.80}.", guidance="Pass a list of paths."
            )
        paths.append(Path(path).expanduser().absolute())
    return paths


def _as_text(given: object) -> object:
    return os.fspath(given) if isinstance(given, (str, os.PathLike)) else given
