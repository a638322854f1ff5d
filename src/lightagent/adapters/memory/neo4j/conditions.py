"""What a search looks at, in the terms of the graph: as Cypher, and as a query of the full-text index."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from lightagent.adapters.memory.neo4j.encoding import FOR_EVER, LATEST, UNKNOWN, digest, marks_of, sortable
from lightagent.domain.memory.recall_filter import RecallFilter

_MOST_MARKS: Final = 500
"""That are looked up at once in the full-text index, which takes 1,024 conditions in all."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a search looks at, in the terms of the graph.

    Attributes:
        owner: the key of the owner.
        groups: of each group, a record has a mark.
        after, until: between which texts its time of expiry lies; the first is excluded.
        confidence: its confidence is not before this text.
        moment: it begins not after this text and ends after it; empty: whenever it does.
    """

    owner: str
    groups: tuple[tuple[str, ...], ...]
    after: str
    until: str
    confidence: str
    moment: str

    @property
    def is_indexed(self) -> bool:
        """Whether the full-text index can be asked for all of it."""
        return len(self._indexed) == len(self.groups)

    @property
    def _indexed(self) -> list[tuple[str, ...]]:
        """The smallest groups, as many as there is room for."""
        by_size = sorted(self.groups, key=len)
        sizes = accumulate(len(group) for group in by_size)
        return [group for group, size in zip(by_size, sizes, strict=True) if size <= _MOST_MARKS]

    @property
    def parameters(self) -> dict[str, object]:
        """For `FITS`."""
        return {
            "owner": self.owner,
            "groups": [list(group) for group in self.groups],
            "after": self.after,
            "until": self.until,
            "confidence": self.confidence,
            "moment": self.moment,
        }

    def lucene(self, terms: list[str]) -> str:
        """The same for the full-text index; what it finds has one of these terms, which alone decide about the rank.

        Groups for which the index has no room are left out, so unless `is_indexed` this is only part of the condition.
        """
        groups = (" ".join(f'marks:"{mark}"' for mark in group) for group in (("o" + self.owner,), *self._indexed))
        return " ".join(
            [
                *(f"+({group})^0" for group in groups),
                f'+expires:{{"{self.after}" TO "{self.until}"]^0',
                *([f'+begins:["{UNKNOWN}" TO "{self.moment}"]^0'] if self.moment else []),
                *([f'+ends:{{"{self.moment}" TO "{FOR_EVER}"]^0'] if self.moment else []),
                *([f'+confidence:["{self.confidence}" TO "{FOR_EVER}"]^0'] if self.confidence else []),
                "+(" + " ".join(f'terms:"{_quoted(term)}"' for term in terms) + ")",
            ]
        )


FITS: Final = (
    "m.owner = $owner AND m.expires > $after AND m.expires <= $until AND m.confidence >= $confidence "
    "AND ($moment = '' OR (m.begins <= $moment AND m.ends > $moment)) "
    "AND all(marks IN $groups WHERE any(mark IN marks WHERE mark IN m.marks))"
)
"""`Conditions` as Cypher, about a memory `m`."""


def conditions(owner: str, wanted: RecallFilter) -> Conditions | None:
    """What a filter means in the graph; None: nothing can fit it."""
    lists = (("s", wanted.sources), ("c", wanted.scopes), ("a", wanted.agent_names), ("t", wanted.trust_levels))
    named = [tuple(letter + digest(value) for value in dict.fromkeys(allowed)) for letter, allowed in lists if allowed]
    if any(allowed is not None and not allowed for _, allowed in lists):
        return None
    groups = [
        ("injectable",),
        *([] if wanted.with_internal else [("promoted",)]),
        *named,
        *((found,) for found in marks_of(wanted.metadata)),
    ]
    return Conditions(
        owner,
        tuple(groups),
        sortable(wanted.now),
        LATEST if wanted.needs_expiry else FOR_EVER,
        "" if wanted.min_confidence is None else sortable(wanted.min_confidence),
        "" if wanted.moment is None else sortable(wanted.moment),
    )


def _quoted(term: str) -> str:
    return term.replace("\\", "\\\\").replace('"', '\\"')
