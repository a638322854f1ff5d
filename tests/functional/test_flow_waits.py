"""Steps that wait for a time or for an event from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lightagent import Backoff, ConfigurationError, JournalStore, LightFlow, RetryPolicy, StepContext
from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.domain.flow.events import AttemptStarted
from lightagent.domain.scopes import Scope
from tests.support.flow_stores import KINDS, opener
from tests.support.patience import eventually


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


def paid(store: JournalStore | None = None, timeout: float | None = None) -> LightFlow:
    return (
        LightFlow(store=store)
        .step("order", agent=lambda query: query)
        .wait_for("payment", "paid", timeout=timeout, depends_on=["order"])
        .step("ship", agent=lambda query, context: context.output("payment"), depends_on=["payment"])
    )


async def test_a_run_waits_for_an_event_from_any_process(opened: Callable[[], JournalStore]) -> None:
    result = await paid(opened()).arun("x", run_id="r")
    assert (result.status, [step.status for step in result.steps]) == ("waiting", ["success", "running", "pending"])
    assert result.error is not None
    assert "waits for a time or an event: payment" in result.error.message
    assert (await paid(opened()).aresume("r")).status == "waiting"
    assert await paid(opened()).asignal("r", "paid", {"amount": 3}, key="delivery 1")
    assert not await paid(opened()).asignal("r", "paid", {"amount": 4}, key="delivery 1"), "it comes twice, counts once"
    result = await paid(opened()).aresume("r")
    assert (result.status, result.output("ship")) == ("success", {"amount": 3})
    with pytest.raises(ConfigurationError, match="The run is over"):
        await paid(opened()).asignal("r", "paid")


async def test_an_event_that_comes_early_is_kept(opened: Callable[[], JournalStore]) -> None:
    go, began = asyncio.Event(), asyncio.Event()

    async def order(query: str) -> str:
        began.set()
        await go.wait()
        return query

    def declared() -> LightFlow:
        return LightFlow(store=opened()).step("order", agent=order).wait_for("p", "paid", depends_on=["order"])

    running = asyncio.create_task(declared().arun("x", run_id="r"))
    await began.wait()
    await declared().asignal("r", "paid", "early")
    go.set()
    result = await running
    if result.status == "waiting":  # It had not heard of it yet.
        result = await declared().aresume("r")
    assert (result.status, result.content) == ("success", "early")


async def test_a_run_that_goes_on_hears_of_an_event_at_once() -> None:
    flow = paid(timeout=60)
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    assert await eventually(lambda: (flow.get_run("r") or {}).get("status") == "waiting")
    await flow.asignal("r", "paid", "now")
    assert (await running).content == "now"


async def test_an_event_that_does_not_come_in_time_fails_the_wait() -> None:
    flow = paid(timeout=0.05)
    result = await flow.arun("x", run_id="r")
    assert result.error is not None
    assert (result.error.code, result.steps[1].status) == ("LA-FLOW-TIMEOUT", "failed")
    assert "'paid' that payment waits for did not come in time" in result.error.message


async def test_two_waits_of_one_run_each_have_their_event() -> None:
    flow = LightFlow().wait_for("a", "first").wait_for("b", "second").step("c", agent=str.upper, depends_on=["a", "b"])
    assert (await flow.arun("x", run_id="r")).status == "waiting"
    await flow.asignal("r", "second", "2")
    assert (await flow.aresume("r")).status == "waiting"
    await flow.asignal("r", "first", "1")
    result = await flow.aresume("r")
    assert [step.content for step in result.steps] == ["1", "2", "X\n\nPREVIOUS STEP OUTPUTS:\nA: 1\nB: 2"]


@pytest.mark.parametrize("payload", [object(), {1: 2}, float("nan")])
async def test_a_payload_is_plain_json(payload: object) -> None:
    flow = paid()
    await flow.arun("x", run_id="r")
    signal: Callable[..., object] = flow.signal
    with pytest.raises(ConfigurationError, match="this is not plain JSON"):
        await asyncio.to_thread(signal, "r", "paid", payload)
    with pytest.raises(ConfigurationError, match="No flow run"):
        await flow.asignal("other", "paid")
    with pytest.raises(ConfigurationError, match="No flow run"):
        await flow.asignal("r", "paid", user_id="bob")


@pytest.mark.parametrize(
    "until",
    [
        lambda context: timedelta(seconds=0.05),
        lambda context: time.time() + 0.05,
        lambda context: datetime.now(UTC) + timedelta(seconds=0.05),
    ],
)
async def test_a_step_sleeps_until_a_moment(until: Callable[[StepContext], datetime | timedelta | float]) -> None:
    began = time.time()
    result = await LightFlow().sleep("s", until=until).step("a", agent=str.upper, depends_on=["s"]).arun("x")
    assert (result.content, time.time() - began >= 0.04) == ("X", True)


async def test_a_moment_that_has_passed_is_no_wait() -> None:
    assert (await LightFlow().sleep("s", until=datetime(2020, 1, 1, tzinfo=UTC)).arun("x")).success


async def test_a_long_wait_leaves_the_run_and_does_not_begin_anew(opened: Callable[[], JournalStore]) -> None:
    def declared(most: float) -> LightFlow:
        flow = LightFlow(store=opened(), max_wait=most).sleep("s", 0.4)
        return flow.step("a", agent=str.upper, depends_on=["s"])

    began = time.time()
    result = await declared(0).arun("x", run_id="r")
    assert (result.status, result.steps[0].status) == ("waiting", "running")
    assert (await declared(0).aget_run("r") or {})["status"] == "waiting"
    result = await declared(60).aresume("r")
    assert (result.content, time.time() - began >= 0.39) == ("X", True)


async def test_a_retry_that_is_far_away_leaves_the_run_too() -> None:
    tried: list[str] = []

    def work(query: str) -> str:
        tried.append(query)
        raise ConnectionError("no")

    flow = LightFlow(max_wait=1).step("a", agent=work, retry=RetryPolicy(2, (), Backoff(first=3600, longest=3600)))
    result = await flow.arun("x", run_id="r")
    assert (result.status, tried) == ("waiting", ["x"])
    assert (await flow.aresume("r")).status == "waiting"
    assert tried == ["x"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (datetime.now(UTC).replace(tzinfo=None), "a datetime without a time zone"),
        ("tomorrow", "was given a str"),
        (True, "was given a bool"),
        (None, "was given a NoneType"),
    ],
)
async def test_what_is_no_moment_fails_the_wait(said: object, problem: str) -> None:
    wait: Callable[..., LightFlow] = LightFlow().sleep
    result = await wait("s", until=lambda context: said).arun("x")
    assert result.error is not None
    assert problem in result.error.message


async def test_a_wait_that_is_run_again_needs_another_event() -> None:
    flow = paid()
    await flow.arun("x", run_id="r")
    await flow.asignal("r", "paid", 1)
    await flow.aresume("r")
    assert (await flow.arerun_step("r", "payment")).status == "waiting"
    await flow.asignal("r", "paid", 2)
    assert (await flow.aresume("r")).output("ship") == 2


async def test_a_flow_that_is_a_step_is_told_what_it_waits_for(opened: Callable[[], JournalStore]) -> None:
    def declared() -> LightFlow:
        inner = LightFlow().wait_for("p", "paid").step("q", agent=lambda query: query, depends_on=["p"])
        outer = LightFlow().step("inner", agent=inner)
        return LightFlow(store=opened()).wait_for("first", "begin").step("outer", agent=outer, depends_on=["first"])

    assert (await declared().arun("x", run_id="r")).status == "waiting"
    with pytest.raises(ConfigurationError, match=r"Nothing in the run 'r' waits for the event 'paid'.*begin"):
        await declared().asignal("r", "paid")
    await declared().asignal("r", "begin")
    await declared().aresume("r")
    assert await declared().asignal("r", "paid", 3, key="k")
    assert not await declared().asignal("r", "paid", 4, key="k")
    result = await declared().aresume("r")
    assert (result.status, result.content.splitlines()[-1]) == ("success", "p: 3")


async def test_a_flow_that_is_a_step_says_that_it_waits_for_an_event_and_is_begun_once_for_each_word(
    opened: Callable[[], JournalStore],
) -> None:
    def declared() -> LightFlow:
        inner = LightFlow().step("ok", agent=lambda query: query, requires_approval=True)
        inner.wait_for("p", "paid", depends_on=["ok"]).step("q", agent=lambda query: query, depends_on=["p"])
        around = LightFlow().step("inner", agent=inner)
        return LightFlow(store=opened()).step("outer", agent=around)

    async def begun() -> int:
        _, events = await read_flow(opened(), flow_key("r", Scope()))
        return sum(isinstance(event, AttemptStarted) for event in events)

    result = await declared().arun("x", run_id="r")
    assert (result.status, result.steps[0].status, await begun()) == ("waiting_approval", "waiting_approval", 1)
    await declared().aapprove("r", "outer/inner/ok")
    result = await declared().aresume("r")
    assert (result.status, result.steps[0].status, await begun()) == ("waiting", "running", 2)
    assert result.error is not None
    assert "waits for a time or an event: outer" in result.error.message
    assert (await declared().aget_run("r") or {})["status"] == "waiting"
    assert await declared().asignal("r", "paid", 3)
    result = await declared().aresume("r")
    assert (result.status, result.content.splitlines()[-1], await begun()) == ("success", "p: 3", 3)


async def test_people_who_are_asked_beside_an_event_below_are_waited_for() -> None:
    inner = LightFlow().wait_for("p", "paid").step("ok", agent=lambda query: query, requires_approval=True)
    flow = LightFlow().step("asks", agent=inner).step("told", agent=LightFlow().wait_for("p", "sent"))
    result = await flow.arun("x", run_id="r")
    assert (result.status, [step.status for step in result.steps]) == (
        "waiting_approval",
        ["waiting_approval", "running"],
    )
    await flow.aapprove("r", "asks/ok")
    result = await flow.aresume("r")
    assert (result.status, [step.status for step in result.steps]) == ("waiting", ["running", "running"])
