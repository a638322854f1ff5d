"""What a run has spent, in the units of budgets."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.application.journal import Journal
from lightagent.application.meter import weighed
from lightagent.domain.budgets import NOTHING_SPENT, Spent
from lightagent.domain.events import Event
from lightagent.domain.prices import NO_PRICES, PriceTable
from lightagent.domain.spending import all_used, seconds_taken


def spent_in(journal: Journal, prices: PriceTable = NO_PRICES, *, nested: bool = True) -> Spent:
    """What a run has spent by its journal, which is what a budget goes on from when the run is resumed.

    Args:
        prices: of models; one that is not among them costs nothing.
        nested: with the runs of the agents that it called.

    Raises:
        ConfigurationError: the events do not form a possible run.
    """
    return spent_by(journal.events, prices, nested=nested) + Spent(seconds=seconds_taken(journal.events))


def spent_by(events: Iterable[Event], prices: PriceTable, *, nested: bool) -> Spent:
    """The same without the seconds."""
    return sum((weighed(used, prices) for used in all_used(events, nested=nested)), NOTHING_SPENT)
