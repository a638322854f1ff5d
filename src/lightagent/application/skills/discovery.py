"""Find the skills of a directory: folders with a SKILL.md, up to a maximum depth, and never outside the directory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lightagent.application.skills.folders import Entry, FileState, Folder
from lightagent.domain.conversation.messages import Trust
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.skills.documents import split_document
from lightagent.domain.skills.skill import SKILL_FILE, Skill, SkillProblem, check_front_matter

MOST_DEPTH: Final = 6
"""The maximum depth of nested folders that are searched."""

MOST_FOLDERS: Final = 2_000
"""The maximum number of folders searched in one directory."""

MOST_SKILL_BYTES: Final = 256 * 1024
"""The maximum size of a `SKILL.md` in bytes; what a model should read at once is far smaller."""

_PASSED_BY: Final = frozenset({"node_modules", "__pycache__"})
_OF_A_SKILL: Final = frozenset({"scripts", "references", "assets"})


@dataclass(frozen=True, slots=True)
class SkillDirectory:
    """A directory that is searched for skills.

    Attributes:
        path: the absolute path.
        precedence: its position among all directories.
        trust: whether the application vouches for its contents.
    """

    path: Path
    precedence: int = 0
    trust: Trust = "trusted"


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A folder with a SKILL.md.

    Attributes:
        directory: the directory in which it was found.
        parts: the names of the folders from there to it.
        state: the state of its SKILL.md; None if it cannot be read.
        folders: the names of the folders inside it.
    """

    directory: SkillDirectory
    parts: tuple[str, ...]
    state: FileState | None
    folders: frozenset[str]

    @property
    def path(self) -> Path:
        """The path of the folder."""
        return self.directory.path.joinpath(*self.parts)


def find_skills(directory: SkillDirectory) -> tuple[list[SkillFolder], list[SkillProblem]]:
    """Return the folders of skills sorted by path, and the problems of what could not be searched."""
    problems: list[SkillProblem] = []
    try:
        root = Folder.open(directory.path)
    except OSError as exc:
        message = f"The skills directory cannot be read ({exc.strerror})."
        return [], [SkillProblem(str(directory.path), message, "Make it, or name another.", "warning")]
    with root:
        found = [*_walk(directory, root, problems)]
    return found, problems


def _walk(directory: SkillDirectory, root: Folder, problems: list[SkillProblem]) -> Iterator[SkillFolder]:
    waiting: list[tuple[str, ...]] = [()]
    looked_at = 0
    while waiting:
        parts = waiting.pop()
        place = directory.path.joinpath(*parts)
        looked_at += 1
        if looked_at > MOST_FOLDERS:
            message = f"It has more than {MOST_FOLDERS:,} folders; the others were not looked into."
            problems.append(SkillProblem(str(directory.path), message, "Name a directory of skills alone.", "warning"))
            return
        try:
            with root.at(parts) as folder:
                entries = folder.entries()
                marker = next((one for one in entries if one.name == SKILL_FILE), None)
                if marker is not None:
                    state = folder.state(SKILL_FILE) if marker.is_file else None
                    yield SkillFolder(directory, parts, state, frozenset(one.name for one in entries if one.is_folder))
        except OSError as exc:
            problems.append(SkillProblem(str(place), f"The folder cannot be read ({exc.strerror}).", "", "warning"))
            continue
        except ConfigurationError as exc:  # It became a link meanwhile.
            problems.append(SkillProblem(str(place), exc.message, exc.guidance, "warning"))
            continue
        if marker is not None and parts:
            continue  # A skill's subfolders belong to it. The top folder is still searched when it is a skill itself.
        if len(parts) < MOST_DEPTH:
            inner = (one.name for one in reversed(entries) if one.is_folder and _is_looked_into(one))
            waiting.extend((*parts, name) for name in inner if marker is None or name not in _OF_A_SKILL)
        if marker is None:
            problems.extend(_about(one, place) for one in entries if one.is_link or one.name.lower() == "skill.md")


def _is_looked_into(entry: Entry) -> bool:
    return not entry.name.startswith(".") and entry.name not in _PASSED_BY


def _about(entry: Entry, place: Path) -> SkillProblem:
    """Return the problem of a name that looks like a skill but is none."""
    path = str(place / entry.name)
    if entry.is_link:
        message = "It is a symbolic link, so it is not followed."
        return SkillProblem(path, message, "Name the folder to which it leads among the directories.", "warning")
    return SkillProblem(path, f"The file of a skill is called {SKILL_FILE}.", f"Rename it to {SKILL_FILE}.")


def read_skill(folder: SkillFolder) -> tuple[Skill | None, tuple[SkillProblem, ...]]:
    """Return the skill with its current instructions, or None if it is unusable, and its problems."""
    path = str(folder.path / SKILL_FILE)
    try:
        with Folder.open(folder.directory.path) as root, root.at(folder.parts) as inner:
            content = inner.read(SKILL_FILE, MOST_SKILL_BYTES)
        text = content.decode()
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        return None, (SkillProblem(path, "The file is not UTF-8 text.", "Save it as UTF-8.", line=line),)
    except OSError as exc:
        return None, (SkillProblem(path, f"The file cannot be read ({exc.strerror}).", "Check who may read it."),)
    except ConfigurationError as exc:
        return None, (SkillProblem(path, exc.message.removeprefix(f"{path}: "), exc.guidance),)
    return _parsed(folder, path, text)


def _parsed(folder: SkillFolder, path: str, text: str) -> tuple[Skill | None, tuple[SkillProblem, ...]]:
    from lightagent.application.skills.front_matter import read_front_matter  # Imports YAML: only for skills.

    document = split_document(text, path)
    if isinstance(document, SkillProblem):
        return None, (document,)
    table, problems = read_front_matter(document.front, document.first_line, path)
    if table is None:
        return None, tuple(problems)
    front = check_front_matter(table, path, folder.path.name)
    problems.extend(front.problems)
    if not document.body:
        problems.append(
            SkillProblem(path, "The instructions are missing.", "Write them below the front matter.", "warning")
        )
    if any(one.level == "error" for one in problems):
        return None, tuple(problems)
    directory = folder.directory
    skill = Skill(
        front.name,
        front.description,
        str(folder.path),
        document.body,
        front.license,
        front.compatibility,
        front.metadata,
        front.allowed_tools,
        "scripts" in folder.folders,
        "references" in folder.folders,
        "assets" in folder.folders,
        str(directory.path),
        directory.precedence,
        directory.trust,
    )
    return skill, tuple(problems)


def without_instructions(skill: Skill) -> Skill:
    """Return the skill as it is listed."""
    return replace(skill, instructions="")
