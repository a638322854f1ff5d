"""What a rule is: a name, where it is documented, and what it complains of."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tests.servers.strict.request import Request

Check: TypeAlias = Callable[[Request], Iterator[str]]
"""Gives one sentence for each place that breaks the rule."""


@dataclass(frozen=True)
class Rule:
    """A rule of one provider.

    Attributes:
        source: the page of its documentation, or the public thread that quotes its error.
    """

    name: str
    check: Check
    source: str


@dataclass(frozen=True)
class Complaint:
    """The rule that a request breaks, and how."""

    rule: str
    text: str


def first_complaint(rules: Iterable[Rule], request: Request) -> Complaint | None:
    """What is wrong with a request; None where nothing is."""
    return next((Complaint(rule.name, text) for rule in rules for text in rule.check(request)), None)
