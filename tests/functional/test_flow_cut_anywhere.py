"""Random flows that are cut anywhere: what goes on from what is on record ends as what was never cut.

TEST_FLOWS sets how many flows are made up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lightagent import JournalStore
from lightagent.application.flow.flow_drafts import flow_drafts
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import FlowEvent
from tests.support.failing_journals import FailingStore
from tests.support.flow_stores import KINDS, opener
from tests.support.flow_worlds import KEY, RUN, FlowWorld, record_of

FLOWS = int(os.environ.get("TEST_FLOWS", "9"))
FAILING = max(FLOWS // 5, 1)
"""Flows whose store fails; each is run twice for each append."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FLOWS))
async def test_a_flow_that_is_cut_after_any_event_ends_as_one_that_is_not(seed: int, tmp_path: Path) -> None:
    whole = FlowWorld(seed, opener(_kind(seed), tmp_path / "whole"))
    await whole.begin()
    expected, events = await record_of(whole), await whole.events()
    for place in range(1, len(events)):
        cut = FlowWorld(seed, opener(_kind(seed), tmp_path / str(place)))
        await keep(cut.opened(), events[:place])
        await cut.finish()
        assert await record_of(cut) == expected, place
        assert max(cut.done.values(), default=0) <= 1, "no attempt is made twice after one crash"


def _kind(seed: int) -> str:
    """The store of a flow: mostly in memory, since files take their time."""
    return KINDS[0] if seed % 8 else KINDS[1 + seed // 8 % 2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FAILING))
async def test_a_flow_whose_store_fails_at_any_append_ends_as_one_that_was_not_cut(seed: int) -> None:
    counting = FailingStore(0)
    whole = FlowWorld(seed, lambda: counting)
    await whole.begin()
    expected = await record_of(whole)
    for place in range(1, counting.appends + 1):
        for wrote in (False, True):
            store = FailingStore(place, wrote=wrote)
            cut = FlowWorld(seed, _always(store))
            with suppress(StoreError):  # What ends at the same time may be written together, so there may be fewer.
                await cut.begin()
            if not await cut.events():
                continue
            await cut.finish()
            assert await record_of(cut) == expected, (place, wrote)
            assert max(cut.done.values(), default=0) <= 2


def _always(store: JournalStore) -> Callable[[], JournalStore]:
    """Gives the same store to each process that is asked for one."""
    return lambda: store


async def keep(store: JournalStore, events: list[FlowEvent]) -> None:
    """A run whose process died after these events."""
    labels = {"status": "running", "flow": RUN}
    await store.append(KEY, flow_drafts(events), expected=0, at=0.0, labels=labels)
