"""Which tool a clause asks for, by the words that the tool describes itself with."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.arithmetic import wants_number
from lightagent.adapters.chat.offline.find_values import mask
from lightagent.adapters.chat.offline.roles import STRONG, Parameter, parameters
from lightagent.adapters.chat.offline.take import take
from lightagent.adapters.chat.offline.words import GENERIC, kin, stem, stem_set, stems, words
from lightagent.domain.tools import ToolSpec

_NAME, _DESCRIPTION, _PARAMETER, _DETAIL = 1.0, 0.6, 0.5, 0.3
_NEAR = 0.6
_ENOUGH = 0.5
_FULLY_NAMED = 0.5
_LACKING = 0.35
_UNNAMED = frozenset({""})
_GENERIC = frozenset(stem(word) for word in GENERIC)
# A tool that changes the world is never chosen for the looks of a value alone: the clause must name the deed.
_DEEDS = stem_set(
    "send delete remove write create update drop execute pay buy cancel move rename post book transfer kill refund "
    "set insert overwrite publish deploy reset erase purge grant revoke"
)
_SIGNS = (("+", "plus"), ("*", "times"), ("-", "minus"), ("/", "divide"), ("%", "percent"))


@dataclass(frozen=True, slots=True)
class Profile:
    """A tool as the rules compare it: how much each stem says for it, what it wants, its name's stems."""

    tool: ToolSpec
    weights: tuple[tuple[str, float], ...]
    parameters: tuple[Parameter, ...]
    named: frozenset[str]

    @property
    def deeds(self) -> frozenset[str]:
        """The words of its name that say what it changes."""
        return self.named & _DEEDS

    @property
    def required(self) -> tuple[Parameter, ...]:
        """What it cannot be called without."""
        return tuple(one for one in self.parameters if one.required)


class Offer:
    """The offered tools, and how rare each of their words is among them."""

    def __init__(self, tools: tuple[ToolSpec, ...]) -> None:
        self.profiles: tuple[Profile, ...] = tuple(map(_profile, tools))
        self._seen = Counter(word for profile in self.profiles for word, _ in profile.weights)

    @property
    def vocabulary(self) -> frozenset[str]:
        """The stems of the tools' names."""
        return frozenset(word for one in self.profiles for word in stems(one.tool.name)) - _GENERIC

    def ranked(self, clause: str) -> list[Profile]:
        """The tools that fit `clause`, the best first; among equals the order in which they are offered."""
        said = _said(clause)
        scored = [(self._score(profile, said, clause), profile) for profile in self.profiles]
        return [profile for score, profile in sorted(scored, key=lambda one: -one[0]) if score >= _ENOUGH]

    def _score(self, profile: Profile, said: frozenset[str], clause: str) -> float:
        weights = dict(profile.weights)
        by_words = sum(self._match(word, weights) for word in said)
        if profile.deeds and not any({deed, *kin(deed)} & said for deed in profile.deeds):
            return 0.0
        looks = sum(_looks(one, clause) for one in profile.required)
        if by_words < _ENOUGH and looks < 1:
            return 0.0
        named = _FULLY_NAMED if profile.named <= said else 0.0
        return by_words + named + looks - _LACKING * sum(not _looks(one, clause) for one in profile.required)

    def _match(self, word: str, weights: dict[str, float]) -> float:
        direct = weights.get(word, 0.0) * self._rarity(word)
        near = max((weights.get(other, 0.0) * self._rarity(other) for other in kin(word)), default=0.0)
        return max(direct, near * _NEAR)

    def _rarity(self, word: str) -> float:
        """1 for a word of one tool, less for a word that many share."""
        total = len(self.profiles)
        return math.log1p(total / max(1, self._seen[word])) / math.log1p(total)


def _said(clause: str) -> frozenset[str]:
    """The stems of a clause; the signs of its arithmetic are words too."""
    # To look for something is to find it; to look into something is to read it.
    plain = re.sub(r"\b(?:look|take a look)\s+(?:in|into|at|inside)\b", "read", mask(clause), flags=re.IGNORECASE)
    found = {word for word in stems(plain) if not word.isdigit()} - _GENERIC
    if take(Parameter("expression", {"type": "string"}, True, "expression", ""), clause):
        found |= {stem(word) for sign, word in _SIGNS if sign in mask(clause)}
    lowered = clause.lower()
    if "where" in words(lowered):
        found.add(stem("where"))
    return frozenset(found)


def _looks(parameter: Parameter, clause: str) -> float:
    if parameter.role == "pattern" and not find_values.globs(clause):
        return 0.5 if take(parameter, clause) else 0.0
    if parameter.role == "expression" and wants_number(clause):
        return 1.0
    if not take(parameter, clause):
        return 0.0
    if parameter.role in STRONG:
        return 1.0
    return {"choice": 0.6, "place": 0.4, "number": 0.3}.get(parameter.role, 0.1)


def _profile(tool: ToolSpec) -> Profile:
    wanted = parameters(tool)
    weights: dict[str, float] = {}
    _weigh(weights, stems(tool.name), _NAME)
    _weigh(weights, stems(tool.description), _DESCRIPTION)
    for one in wanted:
        _weigh(weights, stems(one.name), _PARAMETER)
        _weigh(weights, stems(one.about), _DETAIL)
    useful = tuple((word, weight) for word, weight in weights.items() if word not in _GENERIC)
    return Profile(tool, useful, wanted, frozenset(stems(tool.name)) - _GENERIC or _UNNAMED)


def _weigh(weights: dict[str, float], found: Iterable[str], weight: float) -> None:
    for word in found:
        weights[word] = max(weight, weights.get(word, 0.0))
