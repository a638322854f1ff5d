"""Flows over every store: order, failures, resumption, reruns, approvals, owners, cancellation and listings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    ConfigurationError,
    JournalStore,
    JsonLightFlowStore,
    JsonObject,
    LightFlow,
    LightFlowResult,
    StepContext,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from tests.servers.json_values import as_list, as_object
from tests.support.postgres_stores import Place
from tests.support.wrapped_journals import KEYS

pytestmark = pytest.mark.parametrize("store", ["memory", "files", "sqlite", "sealed", "postgres"], indirect=True)


@pytest.fixture
async def store(request: pytest.FixtureRequest) -> AsyncIterator[JournalStore]:
    store = _store(request)
    yield store
    await store.aclose()


def _store(request: pytest.FixtureRequest) -> JournalStore:
    kind: str = request.param
    if kind == "memory":
        return MemoryJournalStore()
    if kind == "postgres":
        return Place(request.getfixturevalue("postgres")).store()
    folder = request.getfixturevalue("tmp_path")
    if kind == "sealed":
        heads = FileHeads(folder / "heads", fsync=False)
        return SealedJournalStore(SqliteJournalStore(folder / "journals.db"), KEYS, heads)
    return JsonLightFlowStore(folder / "runs") if kind == "files" else SqliteJournalStore(folder / "journals.db")


class Desk:
    """Steps that note what they are asked, and fail as long as they are told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: list[str] = []
        self.failing = 0

    async def work(self, query: str, context: StepContext) -> str:
        self.asked.append(query)
        self.keys.append(context.idempotency_key)
        return f"{query}!"

    def shaky(self, query: str, context: StepContext) -> str:
        self.keys.append(context.idempotency_key)
        if self.failing:
            self.failing -= 1
            raise ValueError("not now")
        return "done"


def statuses(result: LightFlowResult) -> dict[str, str]:
    return {step.name: step.status for step in result.steps}


def recorded(record: JsonObject | None) -> dict[str, object]:
    assert record is not None
    return {str(as_object(step)["name"]): as_object(step)["status"] for step in as_list(record["steps"])}


async def test_a_step_gets_what_came_before_it(store: JournalStore) -> None:
    desk = Desk()
    flow = (
        LightFlow(store=store)
        .step("research", agent=desk.work)
        .step("write", agent=desk.work, depends_on=["research"])
        .step("title", agent=desk.work, depends_on=["write"], query=lambda context: context["outputs"]["research"][:2])
    )
    result = await flow.arun("tea", run_id="r")
    assert desk.asked == ["tea", "tea\n\nPrevious step outputs:\nresearch: tea!", "te"]
    assert (result.content, result.status, result.success, str(result)) == ("te!", "success", True, "te!")
    record = await flow.aget_run("r")
    assert recorded(record) == {"research": "success", "write": "success", "title": "success"}
    assert record is not None
    assert (record["status"], record["query"], record["content"]) == ("success", "tea", "te!")
    again = await flow.aresume("r")
    assert (again, len(desk.asked)) == (result, 3), "nothing of a run that has succeeded is done again"


async def test_independent_steps_run_at_the_same_time_and_not_more_than_are_allowed(store: JournalStore) -> None:
    now, most, together = 0, 0, asyncio.Event()

    async def wait(query: str) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == 3:
            together.set()
        await together.wait()
        await asyncio.sleep(0)
        now -= 1
        return query

    flow = LightFlow(store=store, max_parallel=3)
    for name in "abcdefg":
        flow.step(name, agent=wait)
    assert (await flow.arun("x")).success
    assert most == 3


async def test_a_failure_skips_what_rests_on_it_and_a_resumption_tries_it_again(store: JournalStore) -> None:
    desk = Desk()
    desk.failing = 1
    flow = (
        LightFlow(store=store)
        .step("first", agent=desk.work)
        .step("shaky", agent=desk.shaky, depends_on=["first"])
        .step("after", agent=desk.work, depends_on=["shaky"])
        .step("beside", agent=desk.work, depends_on=["first"])
    )
    failed = await flow.arun("x", run_id="r")
    assert statuses(failed) == {"first": "success", "shaky": "failed", "after": "skipped", "beside": "success"}
    assert failed.error is not None
    assert (failed.status, failed.error.message) == ("failed", "ValueError: not now")
    with pytest.raises(ConfigurationError, match="No flow run 'other'"):
        await flow.aresume("other")
    resumed = await flow.aresume("r")
    assert set(statuses(resumed).values()) == {"success"}
    assert len(desk.asked) == 3, "what was done stays done"
    assert desk.keys.count("r/shaky@1") == 2, "one key for all attempts"
    assert resumed.step("shaky").attempts == 2


async def test_a_rerun_does_a_step_and_what_rests_on_it_under_new_keys(store: JournalStore) -> None:
    desk = Desk()
    flow = (
        LightFlow(store=store)
        .step("a", agent=desk.work)
        .step("b", agent=desk.work, depends_on=["a"])
        .step("c", agent=desk.work, depends_on=["b"])
    )
    await flow.arun("x", run_id="r")
    again = await flow.arerun_step("r", "b")
    assert again.success
    assert desk.keys == ["r/a@1", "r/b@1", "r/c@1", "r/b@2", "r/c@2"]
    with pytest.raises(ConfigurationError, match="no step 'z'"):
        await flow.arerun_step("r", "z")


async def test_a_step_waits_for_a_person_whatever_process_goes_on(store: JournalStore) -> None:
    def declared() -> LightFlow:
        flow = LightFlow(store=store).step("draft", agent=lambda query: f"{query}?")
        return flow.step("publish", agent=lambda query: query.upper(), depends_on=["draft"], requires_approval=True)

    waiting = await declared().arun("x", run_id="r")
    assert statuses(waiting) == {"draft": "success", "publish": "waiting_approval"}
    assert (waiting.status, waiting.success) == ("waiting_approval", False)
    assert waiting.step("publish").approval_decision == "pending"
    assert waiting.step("publish").approval_request_id
    still = await declared().aresume("r")
    assert still.status == "waiting_approval"
    other = declared()
    decided = await other.aapprove("r", "publish", ApprovalDecision.edit({"query": "mended"}, actor="ann"))
    assert decided.actor == "ann"
    with pytest.raises(ConfigurationError, match="publish"):
        await declared().aapprove("r", "publish", False)
    with pytest.raises(ConfigurationError, match="no step 'print'"):
        await declared().aapprove("r", "print")
    result = await declared().aresume("r")
    assert (result.content, result.step("publish").approval_decision) == ("MENDED", "edit")


async def test_what_a_person_declines_is_asked_again_by_a_rerun_alone(store: JournalStore) -> None:
    desk = Desk()
    flow = LightFlow(store=store).step("pay", agent=desk.work, requires_approval=True)
    await flow.arun("x", run_id="r")
    await flow.aapprove("r", "pay", "too dear")
    declined = await flow.aresume("r")
    assert statuses(declined) == {"pay": "failed"}
    assert declined.error is not None
    assert "too dear" in declined.error.message
    assert (await flow.aresume("r")).status == "failed"
    assert (await flow.arerun_step("r", "pay")).status == "waiting_approval"
    await flow.aapprove("r", "pay", {"action": "respond", "response": "paid by hand"})
    result = await flow.aresume("r")
    assert (result.content, desk.asked) == ("paid by hand", [])


async def test_of_many_decisions_at_once_the_first_one_counts_and_the_others_are_told(store: JournalStore) -> None:
    def declared() -> LightFlow:
        return LightFlow(store=store).step("a", agent=lambda query: query, requires_approval=True)

    await declared().arun("x", run_id="r")

    async def decide(name: str) -> str:
        try:
            await declared().aapprove("r", "a", ApprovalDecision.respond(name, actor=name))
        except (AlreadyDecided, ConfigurationError):
            return ""
        return name

    won = [name for name in await asyncio.gather(*(decide(name) for name in "abcdefgh")) if name]
    assert len(won) == 1
    assert (await declared().aresume("r")).content == won[0]


async def test_nobody_finds_the_run_of_somebody_else(store: JournalStore) -> None:
    desk = Desk()
    flow = LightFlow(store=store).step("a", agent=desk.work, requires_approval=True)
    await flow.arun("x", run_id="r", user_id="ann", tenant="acme")
    for user, tenant in (("bob", "acme"), ("ann", ""), ("", ""), ("ann", "other")):
        assert await flow.aget_run("r", user_id=user, tenant=tenant) is None
        assert await flow.alist_runs(user_id=user, tenant=tenant) == []
        with pytest.raises(ConfigurationError, match="No flow run 'r'"):
            await flow.aresume("r", user_id=user, tenant=tenant)
        with pytest.raises(ConfigurationError, match="No flow run 'r'"):
            await flow.aapprove("r", "a", user_id=user, tenant=tenant)
        with pytest.raises(ConfigurationError, match="No flow run 'r'"):
            await flow.acancel("r", user_id=user, tenant=tenant)
    assert [run["run_id"] for run in await flow.alist_runs(user_id="ann", tenant="acme")] == ["r"]
    assert desk.asked == []


async def test_a_cancelled_run_stays_so_until_it_is_resumed(store: JournalStore) -> None:
    began, desk = asyncio.Event(), Desk()

    async def slow(query: str) -> str:
        began.set()
        await asyncio.sleep(0 if began.is_set() and desk.asked else 60)
        return "slow"

    def declared() -> LightFlow:
        flow = LightFlow(store=store).step("slow", agent=slow)
        return flow.step("after", agent=desk.work, depends_on=["slow"])

    running = asyncio.create_task(declared().arun("x", run_id="r"))
    await began.wait()
    record = await declared().aget_run("r")
    assert record is not None
    assert (record["status"], recorded(record)["slow"]) == ("running", "running")
    await declared().acancel("r", reason="enough")
    result = await running
    assert (result.status, result.success) == ("cancelled", False)
    assert (statuses(result), desk.asked) == ({"slow": "pending", "after": "pending"}, [])
    with pytest.raises(ConfigurationError, match="cancelled before"):
        await declared().acancel("r")
    desk.asked.append("be quick")
    resumed = await declared().aresume("r")
    assert (resumed.status, resumed.step("slow").attempts) == ("success", 1)


async def test_a_run_id_is_taken_until_its_run_is_over(store: JournalStore) -> None:
    flow = LightFlow(store=store).step("a", agent=lambda query: query, requires_approval=True)
    await flow.arun("one", run_id="r")
    with pytest.raises(ConfigurationError, match="is not over"):
        await flow.arun("two", run_id="r")
    await flow.aapprove("r", "a")
    assert (await flow.aresume("r")).content == "one"
    await flow.arun("three", run_id="r")
    await flow.aapprove("r", "a")
    assert (await flow.aresume("r")).content == "three"
