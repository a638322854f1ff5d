"""Forks of runs from any event, runs beside each other, what happened in one, and flows as charts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import ConfigurationError, JournalStore, JsonLightFlowStore, LightFlow, StepContext
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from tests.servers.json_values import as_list, as_object


@pytest.fixture(params=["memory", "files", "sqlite"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[JournalStore]:
    folder = request.getfixturevalue("tmp_path")
    made: dict[str, JournalStore] = {
        "memory": MemoryJournalStore(),
        "files": JsonLightFlowStore(folder / "runs"),
        "sqlite": SqliteJournalStore(folder / "journals.db"),
    }
    store = made[request.param]
    yield store
    await store.aclose()


class Desk:
    """A flow of three steps that notes what its steps do, and under which keys."""

    def __init__(self, store: JournalStore) -> None:
        self.keys: list[str] = []
        self.flow = (
            LightFlow(store=store)
            .step("plan", agent=self.work)
            .step("left", agent=self.work, depends_on=["plan"])
            .step("right", agent=self.work, depends_on=["plan"])
            .step("join", agent=self.work, depends_on=["left", "right"], query=lambda context: context.input)
        )

    async def work(self, query: str, context: StepContext) -> str:
        self.keys.append(context.idempotency_key)
        name = context.idempotency_key.rpartition("/")[2].partition("@")[0]
        return f"{name}:{context.input}"


async def numbers(flow: LightFlow, run_id: str) -> list[tuple[object, object, object]]:
    return [(one["number"], one["type"], one.get("path", "")) for one in await flow.aevents(run_id)]


async def test_the_events_of_a_run_have_numbers(store: JournalStore) -> None:
    desk = Desk(store)
    await desk.flow.arun("x", run_id="r")
    events = await numbers(desk.flow, "r")
    assert events[:3] == [(1, "flow_started", ""), (2, "attempt_started", "plan"), (3, "attempt_finished", "plan")]
    assert events[-1] == (len(events), "flow_finished", "")


async def test_a_run_can_be_forked_from_every_event(store: JournalStore) -> None:
    desk = Desk(store)
    await desk.flow.arun("x", run_id="r")
    before = await desk.flow.aget_run("r")
    told = await numbers(desk.flow, "r")
    for number, _, _ in told:
        assert isinstance(number, int)
        desk.keys.clear()
        done = {path for at, kind, path in told if kind == "attempt_finished" and int(str(at)) <= number}
        fork = await desk.flow.afork("r", from_event=number, input="y", new_run_id=f"fork-{number}")
        assert fork.status == "success"
        assert {step.name: step.content for step in fork.steps} == {
            name: f"{name}:{'x' if name in done else 'y'}" for name in ("plan", "left", "right", "join")
        }
        assert sorted(desk.keys) == sorted(
            f"fork-{number}/{name}@1" for name in ("plan", "left", "right", "join") if name not in done
        )
        record = await desk.flow.aget_run(f"fork-{number}")
        assert record is not None
        assert (record["forked_from"], record["query"], record["run_id"]) == ("r", "y", f"fork-{number}")
    assert await desk.flow.aget_run("r") == before


async def test_a_run_can_be_forked_from_before_a_step_as_it_was_done_last(store: JournalStore) -> None:
    desk = Desk(store)
    await desk.flow.arun("x", run_id="r")
    await desk.flow.arerun_step("r", "left")
    desk.keys.clear()
    fork = await desk.flow.afork("r", step="join", input="y", new_run_id="f")
    assert desk.keys == ["f/join@2"]
    assert (fork.content, fork.step("left").content) == ("join:y", "left:x")
    again = await desk.flow.afork("f", step="plan", new_run_id="g")
    assert (again.content, again.step("plan").content) == ("join:x", "plan:x")
    record = await desk.flow.aget_run("g")
    assert record is not None
    assert record["forked_from"] == "r"  # What came before that step is of the first run.


async def test_a_fork_asks_people_again_and_leaves_the_run_as_it_is(store: JournalStore) -> None:
    flow = LightFlow(store=store).step("send", agent=lambda query: f"sent {query}", requires_approval=True)
    await flow.arun("x", run_id="r")
    assert (await flow.afork("r", input="y", new_run_id="f")).status == "waiting_approval"
    await flow.aapprove("f", "send")
    assert (await flow.aresume("f")).content == "sent y"
    waiting = await flow.aget_run("r")
    assert waiting is not None
    assert waiting["status"] == "waiting_approval"


@pytest.mark.parametrize("hangs", [False, True], ids=["failed", "under way"])
async def test_a_fork_asks_anew_about_a_step_that_was_approved_in_the_other_run(
    store: JournalStore, *, hangs: bool
) -> None:
    paid: list[str] = []
    begun = asyncio.Event()

    async def pay(query: str) -> str:
        paid.append(query)
        begun.set()
        if query == "pay Ann":
            await asyncio.sleep(3600 if hangs else 0)
            raise ConnectionError("the bank is down")
        return query

    flow = LightFlow(store=store).step(
        "pay", agent=pay, query=lambda context: f"pay {context.input}", requires_approval=True
    )
    await flow.arun("Ann", run_id="r")
    await flow.aapprove("r", "pay")
    first = asyncio.create_task(flow.aresume("r"))
    await begun.wait()
    if not hangs:
        assert (await first).status == "failed"
    fork = await flow.afork("r", input="Bob", new_run_id="f")
    assert (fork.status, paid) == ("waiting_approval", ["pay Ann"])
    (waiting,) = await flow.awaiting_steps("f")
    assert "pay Bob" in str(waiting)
    await flow.aapprove("f", "pay")
    assert (await flow.aresume("f")).content == "pay Bob"
    first.cancel()
    await asyncio.wait((first,))
    assert paid == ["pay Ann", "pay Bob"]


async def test_a_fork_is_refused_where_there_is_no_such_point(store: JournalStore) -> None:
    desk = Desk(store)
    flow = desk.flow
    await flow.arun("x", run_id="r")
    await flow.arun("z", run_id="other", user_id="ann")
    with pytest.raises(ConfigurationError, match="has the events 1 to 10, not 11"):
        await flow.afork("r", from_event=11)
    with pytest.raises(ConfigurationError, match="not 0"):
        await flow.afork("r", from_event=0)
    with pytest.raises(ConfigurationError, match="no step 'wrong'"):
        await flow.afork("r", step="wrong")
    with pytest.raises(ConfigurationError, match="two points"):
        await flow.afork("r", from_event=1, step="plan")
    with pytest.raises(ConfigurationError, match="another run_id"):
        await flow.afork("r", new_run_id="r")
    with pytest.raises(ConfigurationError, match="No flow run 'wrong'"):
        await flow.afork("wrong")
    with pytest.raises(ConfigurationError, match="No flow run 'other'"):
        await flow.afork("other")
    kept = await flow.aget_run("r")
    assert kept is not None
    assert kept["status"] == "success"


async def test_a_step_that_has_not_begun_is_no_point_to_fork_from(store: JournalStore) -> None:
    def failing(query: str) -> str:
        raise ValueError(query)

    flow = LightFlow(store=store).step("a", agent=failing).step("b", agent=failing, depends_on=["a"])
    await flow.arun("x", run_id="r")
    with pytest.raises(ConfigurationError, match="'b' has not begun"):
        await flow.afork("r", step="b")


async def test_two_runs_are_compared_step_by_step(store: JournalStore) -> None:
    desk = Desk(store)
    await desk.flow.arun("x", run_id="a")
    await desk.flow.afork("a", step="join", input="y", new_run_id="b")
    found = await desk.flow.acompare("a", "b")
    assert (found.left_status, found.right_status) == ("success", "success")
    assert [(one.path, one.differs) for one in found.differing] == [("join", ("output",))]
    (join,) = found.differing
    assert join.left is not None
    assert join.right is not None
    assert (join.left.content, join.right.content) == ("join:x", "join:y")
    assert join.left.duration_ms is not None
    other = LightFlow(store=store).step("plan", agent=lambda query: 1).step("more", agent=lambda query: 2)
    await other.arun("x", run_id="c")
    told = (await desk.flow.acompare("a", "c")).to_dict()
    steps = [as_object(one) for one in as_list(told["steps"])]
    assert [(one["path"], one["differs"], one["left"] is None, one["right"] is None) for one in steps] == [
        ("plan", ["output"], False, False),
        ("left", ["status"], False, True),
        ("right", ["status"], False, True),
        ("join", ["status"], False, True),
        ("more", ["status"], True, False),
    ]


async def test_a_flow_is_a_chart_with_the_states_of_a_run(store: JournalStore) -> None:
    desk = Desk(store)
    chart = await desk.flow.agraph()
    assert chart == (
        'flowchart TD\n    s0["plan"]\n    s1["left"]\n    s2["right"]\n    s3["join"]\n'
        "    s0 --> s1\n    s0 --> s2\n    s1 --> s3\n    s2 --> s3\n"
    )
    flow = LightFlow(store=store).step("a", agent=lambda query: query)
    flow.step('say "hi"]', agent=lambda query: query, depends_on=["a"], requires_approval=True)
    await flow.arun("x", run_id="r")
    told = await flow.agraph("r")
    assert 's0["a<br/>success"]:::success' in told
    assert 's1{{"say #34;hi#34;#93;<br/>waiting approval"}}:::waiting_approval' in told
    assert "classDef success " in told
    assert "classDef failed" not in told
    with pytest.raises(ConfigurationError, match="No flow run"):
        await flow.agraph("wrong")


def test_a_flow_without_a_store_is_moved_to_another_one(store: JournalStore) -> None:
    flow = LightFlow().step("a", agent=lambda query: query)
    moved = flow.with_store(store)
    assert (flow.keeps_runs, moved.keeps_runs) == (False, not isinstance(store, MemoryJournalStore))
    moved.step("b", agent=lambda query: query, depends_on=["a"])
    assert [step.name for step in flow.steps] == ["a"]
    moved.run("x", run_id="r")
    assert flow.get_run("r") is None
    assert [one["run_id"] for one in moved.list_runs()] == ["r"]


async def test_a_fork_has_large_values_of_its_own(store: JournalStore) -> None:
    flow = LightFlow(store=store).step("a", agent=lambda query: "x" * 200_000)
    flow.step("b", agent=lambda query: f"{len(query)} {query[-1]}", depends_on=["a"], query=lambda c: c.outputs["a"])
    await flow.arun("x", run_id="r")
    await flow.afork("r", step="b", new_run_id="f")
    await flow.arun("y", run_id="r")  # The former run and its values are gone.
    record = await flow.aget_run("f")
    assert record is not None
    assert record["content"] == "200000 x"
    glimpse = await anext(flow.awatch("f"))
    assert (glimpse.status, len(glimpse.record.steps[0].content)) == ("success", 200_000)


async def test_who_watches_sees_the_run_that_takes_the_place_of_one_that_is_over() -> None:
    """The new one has as many events, or more, by the time at which it is looked again."""
    flow = LightFlow(store=MemoryJournalStore()).step("a", agent=str.upper)
    await flow.arun("first", run_id="r")
    seen = flow.awatch("r")
    assert (await anext(seen)).record.content == "FIRST"
    flow.step("b", agent=str.lower, depends_on=["a"], query=lambda context: context.input)
    await flow.arun("Second", run_id="r")
    assert (await anext(seen)).record.content == "second"
