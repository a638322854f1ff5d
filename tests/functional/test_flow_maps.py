"""Steps over a list: results in its order, a failure that leaves the others alone, and paths that name each item."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    FlowLimits,
    JournalStore,
    LightAgent,
    LightFlow,
    StepContext,
)
from lightagent.testing import ScriptedModel
from tests.support.flow_stores import KINDS, opener


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


class Work:
    """Steps that look at items; `backwards`, each waits until the next item has been looked at."""

    def __init__(self, *, backwards: bool = False) -> None:
        self.done: list[str] = []
        self.broken: set[object] = set()
        self._next = {0: asyncio.Event(), 1: asyncio.Event()} if backwards else {}

    async def look(self, query: str, context: StepContext) -> str:
        if context.index in self._next:
            await self._next[context.index].wait()
        self.done.append(context.path)
        if context.index is not None and context.index - 1 in self._next:
            self._next[context.index - 1].set()
        if context.item in self.broken:
            raise ValueError(f"{context.item} is broken")
        return f"{query}!"

    def flow(self, store: JournalStore | None = None) -> LightFlow:
        return (
            LightFlow(store=store)
            .step("plan", agent=lambda query: ["a", "b", "c"], output_type=list[str])
            .map("each", "plan", agent=self.look)
            .step("sum", agent=lambda query, context: context.output("each"), depends_on=["each"])
        )


async def test_results_are_in_the_order_of_the_list_and_not_of_their_ends() -> None:
    work = Work(backwards=True)
    result = await work.flow().arun("x")
    assert result.output("sum") == ["a!", "b!", "c!"]
    assert work.done == ["each[2]/each", "each[1]/each", "each[0]/each"]
    assert [one.content for one in result.step("each").inside] == ["a!", "b!", "c!"]
    assert result.step("each[1]/each").content == "b!"


async def test_only_failed_items_run_again_when_resumed(opened: Callable[[], JournalStore]) -> None:
    work = Work()
    work.broken = {"b"}
    result = await work.flow(opened()).arun("x", run_id="r")
    assert (result.status, result.step("sum").status) == ("failed", "skipped")
    assert result.error is not None
    assert result.error.message == "each[1]/each: ValueError: b is broken"
    assert [one.status for one in result.step("each").inside] == ["success", "failed", "success"]
    work.broken, work.done = set(), []
    result = await work.flow(opened()).aresume("r")
    assert (result.output("sum"), work.done) == (["a!", "b!", "c!"], ["each[1]/each"])
    assert [one.attempts for one in result.step("each").inside] == [1, 2, 1]
    record = await work.flow(opened()).aget_run("r")
    assert record is not None
    assert record["status"] == "success"


async def test_an_item_is_run_again_by_its_path() -> None:
    work = Work()
    flow = work.flow()
    await flow.arun("x", run_id="r")
    work.done = []
    result = await flow.arerun_step("r", "each[1]")
    assert (result.status, work.done) == ("success", ["each[1]/each"])
    with pytest.raises(ConfigurationError, match="has no step 'each\\[7\\]'"):
        await flow.arerun_step("r", "each[7]")


async def test_a_flow_is_done_for_each_item_and_its_steps_are_approved_by_path(
    opened: Callable[[], JournalStore],
) -> None:
    def declared() -> LightFlow:
        inner = (
            LightFlow()
            .step("draft", agent=lambda query, context: f"{context.index}:{query}")
            .step("send", agent=lambda query: f"sent {query}", depends_on=["draft"], requires_approval=True)
        )
        return LightFlow(store=opened()).map("letters", ["ann", "bob"], agent=inner)

    waiting = await declared().arun("x", run_id="r")
    assert waiting.status == "waiting_approval"
    assert waiting.error is not None
    assert "letters[0]/send, letters[1]/send" in waiting.error.message
    await declared().aapprove("r", "letters[0]/send")
    await declared().aapprove("r", "letters[1]/send", ApprovalDecision.edit({"query": "other"}))
    result = await declared().aresume("r")
    assert result.output("letters") == ["sent ann\n\nPrevious step outputs:\ndraft: 0:ann", "sent other"]


async def test_an_agent_is_asked_each_item() -> None:
    agent = LightAgent(name="a", model=ScriptedModel(lambda request: "seen"))
    flow = LightFlow().map("each", lambda context: [{"n": 1}, "two"], agent=agent, query="Look at this:")
    result = await flow.arun("x")
    assert [one.input_summary for one in result.step("each").inside] == [
        'Look at this:\n\n{"n": 1}',
        "Look at this:\n\ntwo",
    ]


async def test_maps_within_maps_and_an_empty_one() -> None:
    inner = LightFlow().map("column", lambda context: context.item, agent=lambda query: int(query) * 2)
    flow = LightFlow().map("row", [["1", "2"], [], ["3"]], agent=inner)
    assert (await flow.arun("x")).output("row") == [[2, 4], [], [6]]


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        (lambda context: "abc", "maps over a list, and was given a str"),
        (lambda context: {"a": 1}, "maps over a list, and was given a dict"),
        (lambda context: None, "maps over a list, and was given a NoneType"),
        (lambda context: [object()], "is not a JSON value"),
        (lambda context: 1 / 0, "division by zero"),
        (lambda context: range(9), "9 items are more than the 5"),
    ],
)
async def test_what_is_no_list_fails_the_map_and_is_asked_again(
    over: Callable[[StepContext], object], problem: str
) -> None:
    lists: list[Callable[[StepContext], object]] = [over]
    flow = LightFlow(limits=FlowLimits(max_items=5)).map("each", lambda context: lists[0](context), agent=str.upper)
    result = await flow.arun("x", run_id="r")
    assert result.error is not None
    assert problem in result.error.message
    lists[0] = lambda context: ("a",)
    assert (await flow.aresume("r")).output("each") == ["A"]


async def test_at_most_so_many_items_at_the_same_time() -> None:
    now: list[int] = []
    most: list[int] = [0]
    together = asyncio.Event()

    async def work(query: str) -> str:
        now.append(1)
        most[0] = max(most[0], len(now))
        if len(now) == 3:
            together.set()
        await together.wait()
        await asyncio.sleep(0)
        now.pop()
        return query

    assert (await LightFlow(max_parallel=3).map("each", list("abcdefghij"), agent=work).arun("x")).success
    assert most == [3]
