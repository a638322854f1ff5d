"""Whether a lesson is of use: how often runs were told of it, took something from it and were rated well, and what
follows from that.

Each entry of a lesson's stream holds the counts as they are after it, so that the last ones tell everything and older
ones may be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

Stale: TypeAlias = Literal["max_age", "expires_after", "useless_after", "unused_after"]
"""Why a lesson is not recalled any more: the name of the setting of `SelfLearning`."""

MOST_RECENT: Final = 32
"""How many of the last entries of a lesson are checked. A use is counted twice only if a process died while counting
it, and others have written this many entries before it is resumed."""

_PRIOR: Final = 2
"""A new lesson is ranked as if this many runs had received and used it, so that it gets a chance."""

_LEAST: Final = 0.5
_MOST: Final = 2.0
"""Bounds of what the use of a lesson does to its rank: what the search says is never without weight."""

_FLAT: Final = 10
"""Added to the place of a hit before its worth is divided by it: the greater it is, the less the place counts."""


@dataclass(frozen=True, slots=True)
class LessonTally:
    """How often a lesson was of use.

    Attributes:
        kept_at: when it became a memory, in seconds since 1970.
        recalled: the runs that were given the lesson and ended with an answer.
        used: those whose answer took something from it, judged by its words.
        rated: those that were rated as helpful or not.
        helped: those that were.
        useful_at: when it was last used or of help; `kept_at` where it never was.
        ended: why it is recalled no more; empty while it is.
    """

    kept_at: float
    recalled: int = 0
    used: int = 0
    rated: int = 0
    helped: int = 0
    useful_at: float = 0.0
    ended: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "useful_at", max(self.useful_at, self.kept_at))

    def of_use_at(self, now: float) -> LessonTally:
        """The same once it was of use; a clock that was set back makes no use older."""
        return replace(self, useful_at=max(self.useful_at, now))

    def worth(self) -> float:
        """What its use does to its rank: 1 for a new one, down to a half and up to the double."""
        good, told = self.used + 2 * self.helped, self.recalled + self.rated
        return min(max((good + _PRIOR) / (told + _PRIOR), _LEAST), _MOST)


@dataclass(frozen=True, slots=True)
class LessonUse:
    """What happened to a lesson.

    Attributes:
        what: a run was told of it, a run was rated, or it is recalled no more.
        tally: the counts after that.
        run_id, trace_id: of the run, where it is about one.
        helped: whether the run that was rated was of help.
        at: seconds since 1970.
    """

    what: Literal["told", "rated", "ended"]
    tally: LessonTally
    run_id: str = ""
    trace_id: str = ""
    helped: bool = False
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class LessonRules:
    """When a lesson is stale. None: never for that reason.

    Attributes:
        max_age: seconds after it was promoted.
        expires_after: seconds in which it was of no use.
        useless_after: runs that were rated, none of which was of help.
        unused_after: runs that were told of it, none of which used it or was of help.
    """

    max_age: float | None = None
    expires_after: float | None = None
    useless_after: int | None = None
    unused_after: int | None = None

    def why_stale(self, tally: LessonTally, now: float) -> Stale | None:
        """The first of them that holds."""
        if self.max_age is not None and now - tally.kept_at >= self.max_age:
            return "max_age"
        if self.expires_after is not None and now - tally.useful_at >= self.expires_after:
            return "expires_after"
        if self.useless_after is not None and tally.rated >= self.useless_after and not tally.helped:
            return "useless_after"
        if self.unused_after is not None and tally.recalled >= self.unused_after and not tally.used + tally.helped:
            return "unused_after"
        return None


@dataclass(frozen=True, slots=True)
class LessonsOfRun:
    """The lessons that a run was told of, once they are counted, so that a later rating of the run finds them.

    Attributes:
        lessons: the user that each belongs to, empty for one for everybody, and its id.
        helped: what was said last, and is counted: whether the run was of help.
    """

    lessons: tuple[tuple[str, str], ...]
    helped: bool | None = None


def record_use(
    tally: LessonTally, recent: Iterable[LessonUse], run_id: str, trace_id: str, now: float, *, used: bool
) -> LessonUse | None:
    """Return the entry of a run that was given the lesson; None if the run is counted already, or the lesson has ended.

    Args:
        tally: as it is.
        recent: the last entries.
    """
    if tally.ended or any(one.what == "told" and one.run_id == run_id for one in recent):
        return None
    after = replace(tally, recalled=tally.recalled + 1, used=tally.used + used)
    return LessonUse("told", after.of_use_at(now) if used else after, run_id, trace_id, at=now)


def note_rated(
    tally: LessonTally, recent: Iterable[LessonUse], trace_id: str, before: bool | None, now: float, *, helped: bool
) -> LessonUse | None:
    """Return the entry of a run that was rated, or None if that changes nothing. The last rating of a run counts.

    Args:
        before: the previous rating.
    """
    for one in recent:
        if one.what == "rated" and one.trace_id == trace_id:
            before = one.helped
    if tally.ended or before is helped:
        return None
    after = replace(tally, rated=tally.rated + (before is None), helped=tally.helped + helped - bool(before))
    return LessonUse("rated", after.of_use_at(now) if helped else after, "", trace_id, helped, now)


def note_ended(tally: LessonTally, why: str, now: float) -> LessonUse | None:
    """Return the entry that ends the lesson, or None if it has ended already."""
    return None if tally.ended else LessonUse("ended", replace(tally, ended=why), at=now)


def ranked_by_worth(tallies: list[LessonTally]) -> list[int]:
    """Return the places of search results, best first by their rank and by how useful each was."""
    scores = [tally.worth() / (_FLAT + place) for place, tally in enumerate(tallies)]
    return sorted(range(len(tallies)), key=lambda place: -scores[place])
