"""`SkillManager`: the skills of some directories, searched again on every request."""

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
from lightagent.application.tools.arguments import unknown_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.skills.documents import skills_listing
from lightagent.domain.skills.skill import Skill, SkillProblem
from lightagent.domain.text.characters import written_out

_LOGGER: Final = logging.getLogger("lightagent")

DirectoryLike: TypeAlias = str | os.PathLike[str]

_Read: TypeAlias = tuple[Skill | None, tuple[SkillProblem, ...]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found when the directories were last searched."""

    shelf: Shelf
    problems: tuple[SkillProblem, ...]
    read: dict[SkillFolder, _Read]


class SkillManager:
    """Finds skills: folders with a `SKILL.md`, anywhere in the directories, up to six levels deep.

    By naming a directory the application vouches for its contents, as for a directory of tools: models follow the
    instructions of its skills. Nothing outside a skill's folder is read; symbolic links are refused. The directories
    are searched again on every request, so skills that are added, removed or changed while a program runs are noticed.
    Serves any number of agents and threads.

    Args:
        skills_directories: one directory or several. A skill in a later directory replaces one with the same name in an
            earlier one, which is reported as a conflict.
        untrusted_directories: directories whose skills the application does not vouch for. Their texts are labelled as
            untrusted for policies, and none of their skills replaces another one.

    Raises:
        ConfigurationError: a directory is not given as a path.
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
        """Search the directories and return the usable skills by name, without their instructions.

        Problems with other skills are in `problems` and in the log.
        """
        return list(self._look().shelf.skills.values())

    @property
    def skills(self) -> dict[str, Skill]:
        """The skills by name, as last found; a copy."""
        return dict((self._found or self._look()).shelf.skills)

    @property
    def problems(self) -> tuple[SkillProblem, ...]:
        """The problems found when the directories were last searched."""
        return (self._found or self._look()).problems

    def list_conflicts(self) -> list[SkillConflict]:
        """Return the skills with the same name, as last found."""
        return [one.copy() for one in (self._found or self._look()).shelf.conflicts]

    def get_skill(self, name: str) -> Skill:
        """Return the skill as it is listed; raises `ToolError` if it does not exist."""
        return self._shelf_with(name).skills[name]

    def load_skill(self, name: str) -> Skill:
        """Return the skill with its current instructions.

        Raises:
            ToolError: the skill does not exist or has become unusable; the message names others, or file and line.
        """
        return load_skill(self.folder(name), name)

    def activate_skill(self, name: str) -> str:
        """Return the instructions of a skill; raises like `load_skill`."""
        return self.load_skill(name).instructions

    def get_skills_xml(self) -> str:
        """Return the names and descriptions of all skills for a model, as XML elements with everything escaped."""
        return f"<available_skills>\n{skills_listing(self.discover_skills())}\n</available_skills>"

    def list_files(self, name: str) -> list[str]:
        """Return the relative paths of the files in a skill's folder; raises `ToolError` if it does not exist."""
        return list_files(self.folder(name))

    def read_reference(self, name: str, reference: str) -> str:
        """Return a text file of a skill, such as ``references/forms.md``; one in `references` also by its name alone.

        Raises:
            ToolError: the skill or file does not exist, the path leads out of the skill or to a link, or the file is
                not text.
        """
        return read_text(self.folder(name), reference)

    def read_asset(self, name: str, asset: str) -> bytes:
        """Return a file of a skill as bytes; one in `assets` also by its name alone. Raises like `read_reference`."""
        return read_file(self.folder(name), asset, "assets")

    def folder(self, name: str) -> SkillFolder:
        """Return the current folder of a skill.

        Raises:
            ToolError: the skill does not exist; the message names others.
        """
        return self._shelf_with(name).folders[name]

    def _shelf_with(self, name: str) -> Shelf:
        shelf = self._look().shelf
        if name not in shelf.skills:
            raise unknown_name("skill", name, shelf.skills)
        return shelf

    def _look(self) -> _Found:
        """Search the directories; skills that have not changed since the last search are not read again."""
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
        """Log what is new and relevant: skipped skills, conflicts, missing directories."""
        directories = {str(one.path) for one in self.directories}
        texts = [f"A skill was left out: {one}" for one in found.problems if one.level == "error"]
        texts += [f"A skill was left out: {conflict_problem(one)}" for one in found.shelf.conflicts]
        texts += [f"A directory of skills: {one}" for one in found.problems if one.path in directories]
        for text in texts:
            if text not in self._told:
                _LOGGER.warning("%s", written_out(text))  # Folder names may contain anything.
        self._told = frozenset(texts)


def _listed(folder: SkillFolder) -> _Read:
    skill, problems = read_skill(folder)
    return None if skill is None else without_instructions(skill), problems


def _paths(given: DirectoryLike | Sequence[DirectoryLike]) -> list[Path]:
    """Return the directories as absolute paths, which stay the same if the working directory changes."""
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
