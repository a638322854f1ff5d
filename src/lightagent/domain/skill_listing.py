"""The list of skills that a model is shown: names and descriptions as text that cannot pass for anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.domain.skills import MOST_DESCRIPTION, Skill
from lightagent.domain.unseen import FILLERS

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
