"""Rankings of tools, and how several of them become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

FUSION_CONSTANT: Final = 10
"""How far the first places of a ranking stand out: the constant of reciprocal rank fusion (Cormack et al., 2009).

Theirs is 60, for lists of hundreds of which all is read. Where ten or twenty are taken, it lets what two rankers find
middling push out what one of them is sure of: for each embedder that was tried, 5 to 20 did better than 30 and more."""


@dataclass(frozen=True, slots=True)
class RankedTool:
    """A tool and how well it fits; scores of one ranking can be compared with each other, and with nothing else."""

    name: str
    score: float


def as_ranking(values: Sequence[object]) -> tuple[RankedTool, ...] | None:
    """The values as a ranking that a journal can hold; None if they are none."""
    ranked = tuple(one for one in values if isinstance(one, RankedTool))
    right = all(_is_text(one.name) and _is_score(one.score) for one in ranked)
    return ranked if right and len(ranked) == len(values) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_score(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def fuse(
    rankings: Iterable[Sequence[RankedTool]], weights: Sequence[float] | None = None, constant: int = FUSION_CONSTANT
) -> tuple[RankedTool, ...]:
    """One ranking of several, by reciprocal rank fusion: only the places count, since the scores have no common scale.

    Tools of equal score stand in the order in which they were first named, so that the result is the same at each run.

    Args:
        weights: how much each ranking counts; None: as much as any other.
    """
    scores: dict[str, float] = {}
    for number, ranking in enumerate(rankings):
        weight = 1.0 if weights is None else weights[number]
        for place, tool in enumerate(ranking, 1):
            scores[tool.name] = scores.get(tool.name, 0.0) + weight / (constant + place)
    return tuple(RankedTool(name, scores[name]) for name in sorted(scores, key=scores.__getitem__, reverse=True))
