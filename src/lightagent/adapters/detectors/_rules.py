"""A rule: an expression that proposes a place in a text, and a check that confirms it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.domain.policy.findings import Finding

Confirm = Callable[[str], int]
"""How many characters of what an expression proposed are the finding; 0 where the check does not hold."""


def whole(proposed: str) -> int:
    """All of it."""
    return len(proposed)


def if_true(check: Callable[[str], bool]) -> Confirm:
    """All of it, where the check holds."""
    return lambda proposed: len(proposed) if check(proposed) else 0


def groups_if(check: Callable[[str], bool]) -> Confirm:
    """The longest beginning that ends with a group of digits and for which the check holds."""

    def confirm(proposed: str) -> int:
        ends = [group.end() for group in _GROUP.finditer(proposed)]
        return next((end for end in reversed(ends) if check(proposed[:end])), 0)

    return confirm


_GROUP: Final = re.compile(r"\d+")

DIGITS: Final = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class Rule:
    """Finds one kind of thing.

    Attributes:
        kind: what it finds.
        pattern: proposes places; with a group ``value``, what that group matched. It takes linear time on any text.
        confirm: says how much of a proposal is a finding.
        window: characters from its start within which a finding shows.
        needs: texts without any of these cannot have a finding, which saves a search; empty if unknown.
        country: where alone it is written so; empty for what is the same everywhere.
    """

    kind: str
    pattern: re.Pattern[str]
    confirm: Confirm = whole
    window: int = 64
    needs: tuple[str, ...] = ()
    country: str = ""


def find_all(rules: Iterable[Rule], text: str) -> Iterator[Finding]:
    """What the rules find. Each place is looked at by itself, so that no finding depends on another one."""
    held: dict[tuple[str, ...], bool] = {(): True}
    for rule in rules:
        needs = rule.needs
        holds = held.get(needs)
        if holds is None:
            holds = held[needs] = any(needed in text for needed in needs)
        if not holds:
            continue
        group = "value" if "value" in rule.pattern.groupindex else 0
        proposal = rule.pattern.search(text)
        while proposal is not None:
            start = proposal.start(group)
            size = rule.confirm(proposal[group])
            if size:
                yield Finding(start, start + size, rule.kind)
            proposal = rule.pattern.search(text, proposal.start() + 1)
