"""The text of a SKILL.md: front matter and instructions, told apart; and front matter that is almost YAML, mended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.skills.skill import MOST_DESCRIPTION, Skill, SkillProblem
from lightagent.domain.text.characters import FILLERS

_FENCE: Final = "---"
_BOM: Final = "\ufeff"

# A key at the left margin with what stands behind it, and one of a table below a key.
_KEY: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*:(?:[ \t]+(.*))?")
_INNER_KEY: Final = re.compile(r"([ \t]+)([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*:[ \t]+(.*)")


@dataclass(frozen=True, slots=True)
class SkillDocument:
    """The two parts of the file.

    Attributes:
        front: the YAML between the two fences.
        first_line: of it, counted from 1.
        body: the instructions, without blank lines around them.
    """

    front: str
    first_line: int
    body: str


def split_document(text: str, path: str) -> SkillDocument | SkillProblem:
    """The two parts, or what is wrong; line ends of any system are taken, and a byte order mark."""
    lines = text.removeprefix(_BOM).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((place for place, line in enumerate(lines) if line.strip()), None)
    if start is None:
        return SkillProblem(path, "The file is empty.", "Begin it with front matter: a line `---`, name, description.")
    if lines[start].rstrip() != _FENCE:
        return SkillProblem(
            path,
            "The front matter is missing.",
            "Begin the file with a line `---`, then `name:` and `description:`, then another line `---`.",
            line=start + 1,
        )
    for place in range(start + 1, len(lines)):
        if lines[place].rstrip() in (_FENCE, "..."):
            front = "\n".join(lines[start + 1 : place])
            return SkillDocument(front, start + 2, "\n".join(lines[place + 1 :]).strip("\n").rstrip())
    return SkillProblem(
        path, "The front matter does not end.", "Put a line `---` between it and the instructions.", line=start + 1
    )


def mended(front: str) -> str:
    """Front matter in which plain texts that YAML may misread are quoted; each line keeps its number.

    Programs that read line by line take ``description: Use it when: …``, so people write that.
    """
    lines = front.split("\n")
    done: list[str] = []
    place = 0
    while place < len(lines):
        end = place + 1
        while end < len(lines) and not _KEY.fullmatch(lines[end]) and not lines[end].startswith("#"):
            end += 1
        done.extend(_mended_entry(lines[place:end]))
        place = end
    return "\n".join(done)


def _mended_entry(lines: list[str]) -> list[str]:
    """One key with its value, of the same number of lines."""
    found = _KEY.fullmatch(lines[0])
    if found is None:
        return lines
    value = (found[2] or "").strip()
    if not value:
        return [lines[0], *map(_mended_inner, lines[1:])]
    if value[0] in "|>":
        return lines
    whole = " ".join(part for part in (value, *(line.strip() for line in lines[1:])) if part)
    return [f"{found[1]}: {_quoted(whole)}", *[""] * (len(lines) - 1)]


def _mended_inner(line: str) -> str:
    found = _INNER_KEY.fullmatch(line)
    if found is None or not found[3].strip() or found[3].strip()[0] in "|>":
        return line
    return f"{found[1]}{found[2]}: {_quoted(found[3].strip())}"


def _quoted(value: str) -> str:
    """The value in quotes, unless it is quoted, a list or a table already."""
    first, last = value[0], value[-1]
    if len(value) > 1 and (first, last) in (("[", "]"), ("{", "}")):
        return value
    if len(value) > 1 and first == last and first in "\"'":
        inner = value[1:-1]
        if first == '"' and '"' not in inner.replace('\\"', ""):
            return value
        if first == "'" and "'" not in inner.replace("''", ""):
            return value
        value = inner
    return "'" + value.replace("'", "''") + "'"


MOST_LISTED: Final = 24_000
"""Characters of the list; about 6,000 tokens."""

_LEAST_DESCRIPTION: Final = 120
"""Characters of a description that are shown before a skill is left out of the list instead."""


def skills_listing(skills: Sequence[Skill], most: int = MOST_LISTED) -> str:
    """The skills, one a line, within `most` characters; where they are too many, descriptions are cut first."""
    lines = [_line(skill, MOST_DESCRIPTION) for skill in skills]
    for length in (400, _LEAST_DESCRIPTION):
        if sum(map(len, lines)) + len(lines) > most:
            lines = [_line(skill, length) for skill in skills]
    listed, used = list[str](), 0
    for line in lines:
        used += len(line) + 1
        if used > most:
            break
        listed.append(line)
    left = len(lines) - len(listed)
    return "\n".join([*listed, f"({left:,} more: call list_skills)"] if left else listed)


def _line(skill: Skill, length: int) -> str:
    name, description = one_line(skill.name), one_line(skill.description)
    if len(description) > length:
        description = description[: length - 1].rstrip() + "…"
    return f"<skill><name>{_escaped(name)}</name><description>{_escaped(description)}</description></skill>"


def _escaped(text: str) -> str:
    """A text without anything that could open or close an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def one_line(text: str) -> str:
    """A text on one line, without characters that are not seen or change how others are seen."""
    if not FILLERS.isdisjoint(text):  # Some of them can carry a text of their own.
        text = "".join(one for one in text if one not in FILLERS)
    seen = text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
    return " ".join(seen.split())
