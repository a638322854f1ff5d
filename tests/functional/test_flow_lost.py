"""A step that ends its process: it takes down so many and no more, and then it has failed, on record for people."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lightagent import FlowLimits, FlowWorker, LightAgent, LightFlow, LightFlowResult, RunContext, tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.flow_deaths import DIED, RUN, make_flow
from tests.support.wrapped_journals import WrappedStore

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_a_step_that_ends_its_process_takes_three_workers_down_and_no_other_step_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.flow_deaths", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(done.stdout) == [DIED] * 3, "the process that began it, and two workers"
    flow = make_flow(tmp_path, deadly=False)
    steps = {step["name"]: step for step in _steps(flow)}
    assert [step["status"] for step in steps.values()] == ["success", "failed", "success", "skipped"]
    error = steps["deadly"]["error"]
    assert isinstance(error, dict)
    assert error["code"] == "LA-FLOW-LOST"
    assert "was begun 3 times, and each time its process ended before it did (max_lost)" in str(error["message"])
    assert error["details"] == {"step": "deadly", "unknown": True, "lost": 3}
    begun = [event for event in flow.events(RUN) if event["type"] == "attempt_started" and event["path"] == "deadly"]
    assert len(begun) == 3
    seen = list[object]()
    FlowWorker(flow, on_run=seen.append).run(once=True)
    assert seen == [], "what has failed is left to people"
    assert flow.rerun_step(RUN, "deadly").status == "success"


def _steps(flow: LightFlow) -> list[dict[str, object]]:
    record = flow.get_run(RUN)
    assert record is not None
    steps = record["steps"]
    assert isinstance(steps, list)
    return [dict(step) for step in steps if isinstance(step, dict)]


class Mortal(WrappedStore):
    """A store whose process dies: after that nothing is written any more, until the next one."""

    dead = False

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        if self.dead:
            raise StoreError("The process is gone.")
        return await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )


class Scene:
    """A step that takes its process down as often as it is told to."""

    def __init__(self, deaths: int) -> None:
        self.store = Mortal(MemoryJournalStore())
        self.deaths = deaths
        self.calls = 0

    def deadly(self, query: str) -> str:
        self.calls += 1
        self.store.dead = self.calls <= self.deaths
        return "lived"

    async def go_on(self, flow: LightFlow) -> LightFlowResult:
        """Begin the run, and go on with it in as many processes as it takes."""
        for again in range(self.deaths + 5):
            self.store.dead = False
            try:
                return await (flow.aresume("r") if again else flow.arun("x", run_id="r"))
            except StoreError:
                continue
        raise AssertionError("It never ends.")


@pytest.mark.parametrize(("deaths", "most", "status"), [(2, 3, "success"), (3, 3, "failed"), (1, 1, "failed")])
async def test_an_attempt_may_be_lost_so_often(deaths: int, most: int, status: str) -> None:
    scene = Scene(deaths)
    flow = LightFlow(store=scene.store, limits=FlowLimits(max_lost=most)).step("a", agent=scene.deadly, max_retry=3)
    result = await scene.go_on(flow)
    assert (result.status, scene.calls, result.step("a").attempts) == (status, min(deaths, most) + (deaths < most), 1)
    if status == "failed":
        assert (await flow.aresume("r")).status == "success", "who resumes it gives it another budget"


async def test_the_fallback_does_what_was_lost() -> None:
    scene = Scene(3)
    flow = LightFlow(store=scene.store).step("a", agent=scene.deadly, fallback_agent=lambda query: "instead")
    result = await scene.go_on(flow)
    assert (result.content, result.step("a").used_fallback) == ("instead", True)


async def test_of_a_flow_that_is_a_step_the_step_inside_is_given_up() -> None:
    scene = Scene(3)
    inner = LightFlow().step("before", agent=lambda query: query)
    inner.step("deadly", agent=scene.deadly, depends_on=["before"])
    result = await scene.go_on(LightFlow(store=scene.store).step("outer", agent=inner))
    assert (result.status, scene.calls) == ("failed", 3)
    assert result.error is not None
    assert result.error.code == "LA-FLOW-LOST"
    assert "The step 'deadly' was begun 3 times" in result.error.message


@pytest.mark.parametrize("nested", [False, True])
async def test_what_is_left_in_good_order_is_not_lost(*, nested: bool) -> None:
    store, began, free = MemoryJournalStore(), asyncio.Event(), False

    async def long(query: str) -> str:
        began.set()
        await asyncio.sleep(0 if free else 3600)
        return "done"

    inner = LightFlow().step("long", agent=long)
    flow = LightFlow(store=store, limits=FlowLimits(max_lost=2)).step("a", agent=inner if nested else long)
    for again in range(5):
        began.clear()
        running = asyncio.create_task(flow.aresume("r") if again else flow.arun("x", run_id="r"))
        await began.wait()
        running.cancel()
        await asyncio.wait((running,))
    record = await flow.aget_run("r")
    assert record is not None
    assert record["status"] == "interrupted"
    free = True
    result = await flow.aresume("r")
    assert (result.status, result.step("a").attempts) == ("success", 1)


async def test_a_step_that_waits_for_people_often_is_not_lost() -> None:
    @tool(requires_approval=True)
    def publish(page: int, context: RunContext[None]) -> str:
        """Publish a page."""
        return "published"

    pages = iter(range(1, 6))

    def reply(request: ChatRequest) -> str | ToolCall:
        page = next(pages, None)
        return "all published" if page is None else call_tool("publish", page=page)

    agent = LightAgent(name="a", model=ScriptedModel(reply), tools=[publish])
    flow = LightFlow(store=MemoryJournalStore(), limits=FlowLimits(max_lost=1)).step("a", agent=agent)
    result = await flow.arun("x", run_id="r")
    for _ in range(5):
        assert result.status == "waiting_approval"
        await flow.aapprove("r", "a")
        result = await flow.aresume("r")
    assert (result.status, result.content) == ("success", "all published")
