"""A listing of runs on an engine, some of which cannot be read: the others are listed all the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lightagent import LightFlow
from lightagent.domain.errors import ConfigurationError, IncompleteListing, StoreError
from lightagent.domain.flow.events import FlowEvent
from lightagent.entrypoints.cli.flow.texts import run_line
from lightagent.ports.flow_engine import FlowRun, OutlinesRuns, RunOutline
from tests.support.folding_engine import FoldingEngine


class PartlyAway(FoldingEngine):
    """Cannot tell what is on record of some runs."""

    def __init__(self, *away: str) -> None:
        super().__init__()
        self.away = away

    async def events(self, run: FlowRun) -> Sequence[FlowEvent]:
        if run.run_id in self.away:
            raise StoreError("No worker tells of it.", guidance="Start one.")
        return await super().events(run)


class Outlining(PartlyAway, OutlinesRuns):
    """Knows something of those runs itself."""

    async def outline(self, run: FlowRun) -> RunOutline | None:
        return RunOutline("w", "waiting", 12.5)


async def begun(engine: FoldingEngine) -> LightFlow:
    flow = LightFlow(engine=engine, name="w").wait_for("paid", event="payment")
    for run_id in ("a", "b", "c"):
        await flow.arun("x", run_id=run_id)
    return flow


async def test_a_run_that_nothing_tells_of_is_listed_with_what_the_engine_knows() -> None:
    engine = Outlining()
    flow = await begun(engine)
    engine.away = ("b",)
    listed = {str(one["run_id"]): one for one in await flow.alist_runs()}
    assert {name: one["status"] for name, one in listed.items()} == {"a": "waiting", "b": "waiting", "c": "waiting"}
    away = listed["b"]
    assert (away["flow"], away["created_at"], away["steps"]) == ("w", 12.5, [])
    assert isinstance(away["error"], dict)
    assert away["error"]["message"] == "No worker tells of it."
    assert run_line(away) == "b · waiting · No worker tells of it."
    assert "No worker" not in run_line(listed["a"])


async def test_without_an_outline_it_is_unreadable() -> None:
    engine = PartlyAway()
    flow = await begun(engine)
    engine.away = ("a", "c")
    assert [one["status"] for one in await flow.alist_runs()].count("unreadable") == 2


async def test_the_held_runs_are_told_before_those_that_cannot_be_read() -> None:
    engine = Outlining()
    await begun(engine)
    engine.away = ("b",)
    changed = LightFlow(engine=engine, name="w").step("other", agent=str.upper)
    with pytest.raises(IncompleteListing, match=r"The run 'b' cannot be read: No worker tells of it\."):
        await changed.aheld_runs()
    elsewhere = LightFlow(engine=engine, name="v").step("other", agent=str.upper)
    assert await elsewhere.aheld_runs() == [], "the run that cannot be read is of another flow"


async def test_an_engine_that_is_away_has_no_listing() -> None:
    class Gone(Outlining):
        async def outline(self, run: FlowRun) -> RunOutline | None:
            raise StoreError("The engine does not answer.")

    engine = Gone()
    flow = await begun(engine)
    engine.away = ("b",)
    with pytest.raises(StoreError, match="The engine does not answer"):
        await flow.alist_runs()
    with pytest.raises((StoreError, ConfigurationError)):
        await flow.aheld_runs()
