"""The files of a skill: its instructions, the list of its files, and their contents. All are inside its folder."""

from __future__ import annotations

from typing import Final

from lightagent.application.skills.discovery import MOST_DEPTH, MOST_FOLDERS, SkillFolder, read_skill
from lightagent.application.skills.folders import Folder
from lightagent.application.tools.arguments import clip, refused
from lightagent.domain.code.programs import is_inner_path
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.skills.skill import SKILL_FILE, Skill

MOST_FILES: Final = 500
"""The maximum number of files that are listed for a skill."""

MOST_FILE_BYTES: Final = 5 * 1024 * 1024
"""The maximum size of a file that is read, in bytes."""


def load_skill(folder: SkillFolder, name: str) -> Skill:
    """Return the skill with its current instructions.

    Raises:
        ToolError: the skill has become unusable; the message names file and line.
    """
    skill, problems = read_skill(folder)
    if skill is None or skill.name != name:
        wrong = "; ".join(str(one) for one in problems if one.level == "error")
        raise refused(f"The skill {clip(name, 80)!r} was changed and cannot be used. {wrong}")
    return skill


def list_files(skill: SkillFolder) -> list[str]:
    """Return the paths of its files, separated by ``/``, without its `SKILL.md`, hidden files and links."""
    found: list[str] = []
    waiting: list[tuple[str, ...]] = [()]
    looked_at = 0
    try:
        with Folder.open(skill.directory.path) as root, root.at(skill.parts) as top:
            while waiting and len(found) < MOST_FILES and looked_at < MOST_FOLDERS:
                looked_at += 1
                parts = waiting.pop()
                with top.at(parts) as folder:
                    entries = [one for one in folder.entries() if not one.name.startswith((".", "__pycache__"))]
                found.extend("/".join((*parts, one.name)) for one in entries if one.is_file)
                if len(parts) < MOST_DEPTH:
                    waiting.extend((*parts, one.name) for one in reversed(entries) if one.is_folder)
    except (OSError, ConfigurationError):
        pass  # It is changing or gone: return what was found.
    return sorted(path for path in found if path != SKILL_FILE)[:MOST_FILES]


def read_file(skill: SkillFolder, path: str, usual: str) -> bytes:
    """Return the content of a file of the skill.

    Args:
        path: the path relative to the skill's folder.
        usual: a folder in which the file is searched as well.

    Raises:
        ToolError: the file does not exist or must not be read; the message is for a model.
    """
    return _find(skill, path, usual)[1]


def read_text(skill: SkillFolder, path: str) -> str:
    """Return a text file of the skill, which is also searched in `references`.

    Raises:
        ToolError: as for `read_file`, or the file is not text.
    """
    content = read_file(skill, path, "references")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise refused(f"{clip(path, 200)} is not text, but a file of {len(content):,} bytes.") from None


def find_file(skill: SkillFolder, path: str, usual: str) -> str:
    """Return the path of a file relative to the skill's folder; arguments and errors are those of `read_file`."""
    return _find(skill, path, usual)[0]


def _find(skill: SkillFolder, path: str, usual: str) -> tuple[str, bytes]:
    written = path.strip().removeprefix("./")
    if not is_inner_path(written):
        raise refused(f"{clip(path, 200)!r} is not a path in the skill.", _HINT)
    parts = tuple(written.split("/"))
    if any(part.startswith(".") for part in parts):
        raise refused(f"{clip(path, 200)!r} is hidden, so it is not read.", _HINT)
    places = (parts,) if parts[0] == usual else (parts, (usual, *parts))
    try:
        with Folder.open(skill.directory.path) as root, root.at(skill.parts) as top:
            for place in places:
                if (content := _content(top, place)) is not None:
                    return "/".join(place), content
    except OSError as exc:
        raise refused(f"The skill cannot be read ({exc.strerror}).") from exc
    raise refused(f"The skill has no file {clip(path, 200)!r}.", _listed(skill))


_HINT: Final = "Give the path from the skill's folder on, without '..', such as references/guide.md."


def _content(top: Folder, parts: tuple[str, ...]) -> bytes | None:
    """Return the content of a file; None if it does not exist."""
    try:
        with top.at(parts[:-1]) as folder:
            return folder.read(parts[-1], MOST_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as exc:
        raise refused(f"{clip('/'.join(parts), 200)} cannot be read ({exc.strerror}).") from exc
    except ConfigurationError as exc:
        raise _without_place(exc, "/".join(parts)) from exc


def _without_place(exc: ConfigurationError, path: str) -> ToolError:
    """Return the error for a model, without the skill's location on the machine."""
    why = exc.message.rpartition(": ")[2]
    return refused(f"{clip(path, 200)}: {why}")


def _listed(skill: SkillFolder) -> str:
    files = list_files(skill)
    if not files:
        return "It has no files besides its instructions."
    more = f" and {len(files) - 20} more" if len(files) > 20 else ""
    return f"Its files: {', '.join(clip(one, 100) for one in files[:20])}{more}."
