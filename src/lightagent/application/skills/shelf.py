"""Decide which of the discovered skills are used: one of those with the same name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from typing_extensions import TypedDict

from lightagent.application.skills.discovery import SkillFolder
from lightagent.domain.skills.skill import Skill, SkillProblem


class SkillConflict(TypedDict):
    """Two skills of one name, of which only one is used.

    Attributes:
        name: of both.
        winner: the folder of the one that is used.
        shadowed: the folder of the other.
        rule: why.
    """

    name: str
    winner: str
    shadowed: str
    rule: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """The skills of some directories at one moment, by name."""

    skills: Mapping[str, Skill]
    folders: Mapping[str, SkillFolder]
    conflicts: tuple[SkillConflict, ...]


def shelve(found: Iterable[tuple[SkillFolder, Skill]]) -> Shelf:
    """Return the skills to use, from those found in the order of their directories and paths."""
    used: dict[str, tuple[SkillFolder, Skill]] = {}
    conflicts: list[SkillConflict] = []
    for folder, skill in found:
        other = used.get(skill.name)
        if other is None:
            used[skill.name] = folder, skill
            continue
        replaces, rule = _decide(other[1], skill)
        winner, shadowed = (skill, other[1]) if replaces else (other[1], skill)
        conflicts.append(SkillConflict(name=skill.name, winner=winner.path, shadowed=shadowed.path, rule=rule))
        if replaces:
            used[skill.name] = folder, skill
    ordered = sorted(used)
    return Shelf({name: used[name][1] for name in ordered}, {name: used[name][0] for name in ordered}, tuple(conflicts))


def _decide(known: Skill, later: Skill) -> tuple[bool, str]:
    """Return whether the later skill replaces the known one, and by which rule."""
    if known.precedence == later.precedence:
        return False, "of two in one directory the first by path is used"
    if later.trust == "untrusted":
        return False, "a skill of an untrusted directory takes no other's place"
    return True, "a later directory takes the place of an earlier one"


def conflict_problem(conflict: SkillConflict) -> SkillProblem:
    """Return the conflict as a problem of the skill that is not used."""
    message = f"The skill {conflict['name']!r} is not used, but that of {conflict['winner']}: {conflict['rule']}."
    return SkillProblem(conflict["shadowed"], message, "Rename or remove one of them.", "warning")
