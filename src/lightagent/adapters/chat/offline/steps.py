"""The steps of a question: its clauses, each with the tool that fits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.choose import Offer, Profile
from lightagent.adapters.chat.offline.clauses import begins_with_verb, split_clauses
from lightagent.adapters.chat.offline.fill import Sources, fill
from lightagent.adapters.chat.offline.words import STOP, stem, stem_set, words

_MOST_CLAUSES = 12
_MOST_SEARCHES = 3
_NO_TOPICS = stem_set(
    "explain describe work mean show tell list happen where about thing file project repository repo package code"
)
_HERE = re.compile(r"\b(?:repository|repo|project|package|code)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\s*(?:please\s+)?(?:how|what|where|which|why|who|explain|describe|tell me about|show me)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Step:
    """A clause and the tool that fits it."""

    number: int
    clause: str
    profile: Profile | None


def plan_steps(question: str, offer: Offer) -> list[Step]:
    """Each clause with its tool; a clause that fits none and orders nothing goes with the clause beside it."""
    steps: list[Step] = []
    loose = ""
    for clause in split_clauses(question, offer.vocabulary)[:_MOST_CLAUSES]:
        whole = f"{loose}{clause}"
        ranked = offer.ranked(whole)
        if not ranked and not begins_with_verb(clause):
            loose = f"{whole}, "
            continue
        loose = ""
        steps.append(Step(len(steps), whole, _choose(ranked, steps, whole)))
    return steps


def explore(question: str, offer: Offer) -> list[Step]:
    """Where no tool fits a question but files can be searched and read: look for files named like what it asks of."""
    search = next((one for one in offer.profiles if is_search(one) and not one.deeds), None)
    reader = next((one for one in offer.profiles if _is_reader(one)), None)
    if search is None or reader is None or not _ASKS.match(question):
        return []
    asked = [stem(word) for word in words(find_values.mask(question)) if word not in STOP and len(word) > 2]
    named = [word for word in dict.fromkeys(asked) if word not in _NO_TOPICS][:_MOST_SEARCHES]
    if not named and _HERE.search(question):
        named = ["README"]
    steps = [Step(number, f"find '*{word}*'", search) for number, word in enumerate(named)]
    return [*steps, Step(len(steps), question, reader)] if steps else []


def _choose(ranked: list[Profile], steps: list[Step], clause: str) -> Profile | None:
    """The best tool; the next best where the best has served already and this clause has nothing new for it."""
    used = {id(step.profile) for step in steps}
    for profile in ranked:
        if id(profile) not in used or fill(profile, Sources(clause, clause)).items:
            return profile
    return ranked[0] if ranked else None


def is_search(profile: Profile) -> bool:
    """Whether a tool looks for files."""
    return any(one.role == "pattern" for one in profile.required)


def _is_reader(profile: Profile) -> bool:
    return [one.role for one in profile.required] == ["file"] and not profile.deeds
