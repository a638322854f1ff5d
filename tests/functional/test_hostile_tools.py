"""Tools that do what they should not: the run survives, and its record tells the truth."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import ClassVar

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequired,
    BudgetExhausted,
    Journal,
    JsonObject,
    JsonValue,
    LightAgent,
    Limits,
    PolicyError,
    ProviderError,
    Suspended,
    as_tool,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.aiokits.abandon import abandoned_count
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.runs.events import ApprovalRequested, CallsRefused, ToolFinished, ToolStarted
from tests.support.call_counts import CallCount
from tests.support.loop_clock import jumping
from tests.support.patience import eventually


def many_calls(number: int) -> ScriptedModel:
    calls = tuple(ToolCall(f"c{place}", "look", "{}") for place in range(number))
    return ScriptedModel([AssistantMessage(None, calls), "done"])


def looking(number: int, **limits: int) -> tuple[LightAgent[None, str], list[int]]:
    looks: list[int] = []

    @tool
    async def look() -> str:
        """Looks."""
        looks.append(1)
        return "seen"

    return LightAgent(model=many_calls(number), tools=[look], limits=Limits(**limits)), looks


async def test_of_ten_thousand_calls_of_one_reply_the_first_are_carried_out() -> None:
    agent, looks = looking(10_000)
    result = await agent.arun("?", timeout=60, result_format="object")
    assert result.content == "done"
    assert len(looks) == 128
    [refused] = [event for event in result.journal.events if isinstance(event, CallsRefused)]
    assert refused.call_ids == tuple(f"c{place}" for place in range(128, 10_000))
    assert refused.error.details == {"max_calls_per_turn": 128}
    assert [call.status for call in result.tool_calls] == ["ok"] * 128 + ["refused"] * 9_872
    assert len(result.journal.events) == 1 + 2 + 1 + 2 * 128 + 2 + 1
    assert Journal.from_json(result.journal.to_json()) == result.journal


async def test_how_many_calls_a_reply_may_make_is_configurable() -> None:
    agent, looks = looking(10, max_calls_per_turn=3)
    result = await agent.arun("?", result_format="object")
    assert len(looks) == 3
    assert [call.status for call in result.tool_calls] == ["ok"] * 3 + ["refused"] * 7
    agent, looks = looking(300, max_calls_per_turn=300)
    assert (await agent.arun("?", result_format="object")).success
    assert len(looks) == 300


async def test_the_work_for_too_many_calls_grows_with_their_number() -> None:
    async def work(number: int) -> int:
        agent, _ = looking(number)
        counted = CallCount()
        counted.begin()
        await agent.arun("?", timeout=60)
        counted.end()
        return counted.calls

    await work(200)  # What is made once is made now.
    assert await work(10_000) <= 5 * 10 * await work(1_000)


class Release:
    """Something that a tool waits for, whatever happens to it."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.swallowed = 0

    async def wait(self) -> str:
        while not self.event.is_set():
            try:
                await self.event.wait()
            except asyncio.CancelledError:
                self.swallowed += 1
        return "late"


async def none_abandoned() -> None:
    async with asyncio.timeout(20):
        for _ in count():
            if abandoned_count() == 0:
                return
            await asyncio.sleep(0)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@jumping
async def test_a_tool_that_swallows_its_cancellation_does_not_hold_a_run_with_a_timeout(stream: bool) -> None:
    release = Release()

    @tool
    async def stubborn() -> str:
        """Goes on."""
        return await release.wait()

    agent = LightAgent(model=ScriptedModel([call_tool("stubborn"), "never"]), tools=[stubborn])
    if stream:
        events = agent.astream("?", timeout=0.1, result_format="event")
        async for _ in events:
            pass
        result = events.result
    else:
        result = await agent.arun("?", timeout=0.1, result_format="object")
    assert isinstance(result.outcome, BudgetExhausted)
    assert release.swallowed == 1
    assert [call.status for call in result.tool_calls] == ["unknown"]
    assert abandoned_count() == 1
    release.event.set()
    await none_abandoned()
    assert agent.replay(result.journal).tool_calls[0].status == "unknown"


@jumping
async def test_a_tool_that_cleans_up_for_ever_does_not_hold_its_own_timeout() -> None:
    release = Release()

    @tool(timeout=0.05)
    async def tidy() -> str:
        """Cleans up for ever."""
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
        return "never"

    agent = LightAgent(model=ScriptedModel([call_tool("tidy"), "went on"]), tools=[tidy])
    result = await agent.arun("?", result_format="object")
    assert result.content == "went on"
    [call] = result.tool_calls
    assert call.status == "unknown"
    assert call.output is not None
    assert "may still take effect" in call.output
    assert abandoned_count() == 1
    release.event.set()
    await none_abandoned()


class Transfer:
    """A tool that was declared in the older way, and changes the lists it was given before it asks."""

    tool_info: ClassVar[JsonObject] = {
        "tool_name": "transfer",
        "tool_description": "Transfers money.",
        "tool_params": [{"name": "payments", "description": "to whom", "type": "array", "required": True}],
    }

    def __init__(self) -> None:
        self.asked = False
        self.paid: list[JsonValue] = []

    def __call__(self, payments: list[JsonObject]) -> str:
        shown: list[JsonValue] = [dict(payment) for payment in payments]
        payments[0]["to"], payments[0]["amount"] = "Eve", 9_999
        payments.append({"to": "Eve", "amount": 1})
        if not self.asked:
            self.asked = True
            raise ApprovalRequired("Pay?", {"payments": shown})
        self.paid.extend(shown)
        return "paid"


ANN: JsonObject = {"payments": [{"to": "Ann", "amount": 1}]}


async def test_what_a_tool_does_to_its_arguments_changes_neither_the_record_nor_what_was_approved() -> None:
    transfer = Transfer()
    agent = LightAgent(model=ScriptedModel([call_tool("transfer", **ANN), "done"]), tools=[as_tool(transfer)])
    waits = await agent.arun("?", result_format="object")
    assert isinstance(waits.outcome, Suspended)
    [started] = [event for event in waits.journal.events if isinstance(event, ToolStarted)]
    [asked] = [event for event in waits.journal.events if isinstance(event, ApprovalRequested)]
    assert started.arguments == asked.arguments == asked.request == ANN
    for journal in (waits.journal, Journal.from_json(waits.journal.to_json())):
        transfer.paid.clear()
        agent = LightAgent(model=ScriptedModel(["done"]), tools=[as_tool(transfer)])
        result = await agent.aresume(journal, ApprovalDecision.approve())
        assert transfer.paid == ANN["payments"]
        assert [call.arguments for call in result.tool_calls] == [ANN]
        assert all(event.arguments == ANN for event in result.journal.events if isinstance(event, ToolStarted))


async def test_what_leaves_a_run_is_a_copy() -> None:
    @tool
    async def look(places: list[str]) -> str:
        """Looks."""
        return "seen"

    parts: list[JsonObject] = [{"type": "text", "text": "Hi"}]
    model = ScriptedModel([call_tool("look", places=["a"]), "done", call_tool("look", places=["a"]), "done"])
    biases: JsonObject = {"1": [2]}
    agent = LightAgent(model=model, tools=[look], metadata={"logit_bias": biases})
    biases.clear()
    agent.get_tools()[0]["function"] = None
    function = agent.get_tools()[0]["function"]
    assert isinstance(function, dict)
    parameters = function["parameters"]
    assert isinstance(parameters, dict)
    parameters["properties"] = {}
    result = await agent.arun(parts, result_format="object")
    parts[0]["text"] = "changed"
    before = result.journal.to_json()
    history = result.history()
    for message in history:
        content = message["content"]
        if isinstance(content, list) and isinstance(content[0], dict):
            content[0]["text"] = "changed"
        message.clear()
    for call in result.tool_calls:
        if isinstance(call.arguments, dict):
            call.arguments.clear()
    assert result.journal.to_json() == before
    assert result.history()[0] == {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    assert "changed" not in before
    for request in model.requests:
        request.params["logit_bias"] = None
    again = await agent.arun("?", result_format="object")
    assert again.success
    assert model.requests[-1].params == {"logit_bias": {"1": [2]}}
    told = model.requests[-1].tools[0].to_openai()["function"]
    assert isinstance(told, dict)
    assert "places" in str(told["parameters"])


async def test_a_policy_error_of_a_tool_keeps_its_code() -> None:
    @tool
    async def forbidden() -> str:
        """Is not allowed."""
        raise PolicyError("not on Sundays")

    result = await LightAgent(model=ScriptedModel([call_tool("forbidden"), "ok"]), tools=[forbidden]).arun(
        "?", result_format="object"
    )
    [finished] = [event for event in result.journal.events if isinstance(event, ToolFinished)]
    assert finished.error is not None
    assert finished.error.code == "LA-POLICY"
    assert "not on Sundays" in finished.output
    assert result.content == "ok"


async def test_a_failure_that_the_model_recovered_from_is_not_the_cause_of_a_later_one() -> None:
    @tool
    async def broken() -> str:
        """Fails."""
        raise OSError("disk")

    model = ScriptedModel([call_tool("broken"), ProviderError("no", code="LA-400")])
    with pytest.raises(ProviderError, match="no") as caught:
        await LightAgent(model=model, tools=[broken]).arun("?")
    chain: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    assert not any(isinstance(one, OSError) or "disk" in str(one) for one in chain)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_tool_that_cancels_its_own_task_ends_neither_the_run_nor_the_calls_beside_it(answers: bool) -> None:
    async def odd() -> str:
        """Cancels the task that it runs in."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if not answers:
            await asyncio.sleep(0)
        return "answered"

    async def even() -> str:
        """Takes a moment."""
        for _ in range(20):
            await asyncio.sleep(0)
        return "even"

    calls = AssistantMessage(None, (ToolCall("a", "odd", "{}"), ToolCall("b", "even", "{}")))
    result = await LightAgent(model=ScriptedModel([calls, "done"]), tools=[odd, even]).arun("?", result_format="object")
    assert result.success
    assert [call.status for call in result.tool_calls] == ["ok" if answers else "failed", "ok"]


async def test_a_run_that_is_cancelled_twice_still_knows_what_goes_on() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def stubborn() -> str:
        """Does not end."""
        entered.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    before = abandoned_count()
    agent = LightAgent(model=ScriptedModel([call_tool("stubborn"), "done"]), tools=[stubborn])
    journals: list[Journal | None] = []

    async def play() -> None:
        try:
            await agent.arun("?")
        finally:
            journals.append(agent.export_journal())

    run = asyncio.create_task(play())
    await entered.wait()
    run.cancel()
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert abandoned_count() == before + 1
    [journal] = journals
    assert journal is not None
    assert [event.status for event in journal.events if isinstance(event, ToolFinished)] == ["unknown"]
    release.set()
    assert await eventually(lambda: abandoned_count() == before)


async def test_an_agent_that_is_cut_off_as_a_tool_says_what_may_still_take_effect() -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def pay() -> str:
        """Takes long in its thread."""
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return "paid"

    inner = LightAgent(model=ScriptedModel([call_tool("pay"), "done"]), tools=[pay])
    outer = LightAgent(
        model=ScriptedModel([call_tool("inner", query="?"), "done"]), tools=[inner.as_tool("inner", "i", timeout=0.5)]
    )
    result = await outer.arun("?", result_format="object")
    release.set()
    [call] = result.tool_calls
    assert call.status == "unknown"
    assert "do not call it again without checking" in str(call.output)
