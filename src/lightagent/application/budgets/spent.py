"""What a run has spent, in the units of budgets."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.application.budgets.meter import weighed
from lightagent.application.journals.journal import Journal
from lightagent.domain.budgets.budget import NOTHING_SPENT, Spent
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.budgets.spending import all_used, seconds_taken
from lightagent.domain.runs.events import Event


def spent_in(journal: Journal, prices: PriceTable = NO_PRICES, *, nested: bool = True) -> Spent:
    """Return what a run has spent according to its journal; a budget continues from there when the run is resumed.

    Args:
        prices: the prices of models; a model without a price costs nothing.
        nested: include the runs of the agents that it called.

    Raises:
        ConfigurationError: the events do not form a valid run.
    """
    return spent_by(journal.events, prices, nested=nested) + Spent(seconds=seconds_taken(journal.events))


def spent_by(events: Iterable[Event], prices: PriceTable, *, nested: bool) -> Spent:
    """Return what the events have spent, without the seconds."""
    return sum((weighed(used, prices) for used in all_used(events, nested=nested)), NOTHING_SPENT)
