"""Runs that are ended from elsewhere: from any thread, on every way to call, with a reason that is on record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from lightagent import (
    ApprovalDecision,
    CancellationToken,
    Cancelled,
    JournalStore,
    JsonObject,
    LightAgent,
    LightAgentError,
    RunInfo,
    RunResult,
    Runs,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.testing import ScriptedModel, call_tool

FAR_TOO_LONG = 30.0
"""Seconds that the work would take; a test that waits for it runs out of its own time."""


class Slow:
    """Tools that take long, each in another way; `begun` tells when one has begun, `over` lets a blocked one end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()

    async def nap(self) -> str:
        """Sleep."""
        self.begun.set()
        await asyncio.sleep(FAR_TOO_LONG)
        return "slept"

    async def deny(self) -> str:
        """Sleep, and refuse to be woken."""
        self.begun.set()
        for _ in range(3):
            try:
                await asyncio.sleep(FAR_TOO_LONG / 10)
            except asyncio.CancelledError:
                continue
        return "slept"

    def block(self) -> str:
        """Sleep in a thread."""
        self.begun.set()
        self.over.wait(FAR_TOO_LONG)
        return "slept"


def agent_of(slow: Slow, name: str) -> LightAgent:
    return LightAgent(
        model=ScriptedModel([call_tool(name), "Done."]), tools=[slow.nap, slow.deny, slow.block], name="sleeper"
    )


def cancelled_meanwhile(slow: Slow, token: CancellationToken) -> threading.Thread:
    def cancel() -> None:
        slow.begun.wait()
        token.cancel("the user left")

    thread = threading.Thread(target=cancel)
    thread.start()
    return thread


def by_result(agent: LightAgent, token: CancellationToken) -> RunResult:
    return agent.run_result("Sleep.", cancel=token)


def by_async_result(agent: LightAgent, token: CancellationToken) -> RunResult:
    return asyncio.run(agent.arun_result("Sleep.", cancel=token))


def by_events(agent: LightAgent, token: CancellationToken) -> RunResult:
    stream = agent.stream_events("Sleep.", cancel=token)
    assert [*stream][-1].type == "done"
    return stream.result


def by_async_events(agent: LightAgent, token: CancellationToken) -> RunResult:
    async def watch() -> RunResult:
        stream = agent.astream_events("Sleep.", cancel=token)
        _ = [event async for event in stream]
        return stream.result

    return asyncio.run(watch())


def by_format(agent: LightAgent, token: CancellationToken) -> RunResult:
    return agent.run("Sleep.", result_format="object", cancel=token)


@pytest.mark.parametrize("way", [by_result, by_async_result, by_events, by_async_events, by_format])
@pytest.mark.parametrize("name", ["nap", "deny", "block"])
def test_a_run_ends_with_the_reason(way: Callable[[LightAgent, CancellationToken], RunResult], name: str) -> None:
    slow, token = Slow(), CancellationToken()
    thread = cancelled_meanwhile(slow, token)
    result = way(agent_of(slow, name), token)
    slow.over.set()
    thread.join()
    assert result.outcome == Cancelled("the user left")
    assert (result.success, result.error) == (False, None)
    assert [call.status for call in result.tool_calls] != ["ok"]
    with pytest.raises(LightAgentError, match=r"The run was cancelled: the user left") as caught:
        result.unwrap()
    assert caught.value.details == {"reason": "the user left"}


def test_text_and_chunks_raise_it() -> None:
    for way in ("text", "chunks"):
        slow, token = Slow(), CancellationToken()
        thread = cancelled_meanwhile(slow, token)
        agent = agent_of(slow, "nap")
        with pytest.raises(LightAgentError, match="cancelled: the user left"):
            _ = agent.run("Sleep.", cancel=token) if way == "text" else [*agent.stream("Sleep.", cancel=token)]
        thread.join()


def test_one_that_was_cancelled_before_asks_nobody() -> None:
    token = CancellationToken()
    token.cancel("too late")
    token.cancel("later still")
    model = ScriptedModel(["Hi."])
    result = LightAgent(model=model).run_result("Hello", cancel=token)
    assert result.outcome == Cancelled("too late")
    assert model.requests == ()
    assert (token.cancelled, token.reason) == (True, "too late")


def test_a_guardrail_that_never_answers_is_left() -> None:
    asked, token = threading.Event(), CancellationToken()

    async def silent(query: str, context: JsonObject) -> bool:
        asked.set()
        await asyncio.sleep(FAR_TOO_LONG)
        return True

    def cancel() -> None:
        asked.wait()
        token.cancel("no patience")

    agent = LightAgent(model=ScriptedModel([]), input_guardrails=[silent])
    threading.Thread(target=cancel).start()
    assert agent.run_result("Hello", cancel=token).outcome == Cancelled("no patience")


def test_it_is_on_record() -> None:
    store: JournalStore = MemoryJournalStore()
    slow, token = Slow(), CancellationToken()
    thread = cancelled_meanwhile(slow, token)
    result = agent_of(slow, "nap").run_result("Sleep.", cancel=token, journal=store, user_id="ann")
    thread.join()
    (info,) = asyncio.run(_listed(store))
    assert (info.run_id, info.status) == (result.run_id, "cancelled")
    kept = asyncio.run(Runs(store).journal(result.run_id, "ann"))
    assert kept is not None
    assert kept.run.outcome == Cancelled("the user left")


async def _listed(store: JournalStore) -> list[RunInfo]:
    return [info async for info in Runs(store).list("ann")]


def test_a_run_that_is_resumed() -> None:
    slow, token = Slow(), CancellationToken()

    @tool(requires_approval=True)
    async def rest() -> str:
        """Rest."""
        return await slow.nap()

    agent = LightAgent(model=ScriptedModel([call_tool("rest"), "Done."]), tools=[rest])
    waiting = agent.run_result("Rest.")
    thread = cancelled_meanwhile(slow, token)
    result = agent.resume(waiting.journal, ApprovalDecision.approve(), cancel=token)
    thread.join()
    assert result.outcome == Cancelled("the user left")


def test_one_token_ends_many_runs_and_no_others() -> None:
    slow, token = Slow(), CancellationToken()

    async def run_all() -> list[RunResult]:
        agents = [agent_of(slow, "nap") for _ in range(20)]
        work = [agent.arun_result("Sleep.", cancel=token) for agent in agents]
        other = LightAgent(model=ScriptedModel(["Hi."])).arun_result("Hello", cancel=CancellationToken())
        return [*await asyncio.gather(*work, other)]

    thread = cancelled_meanwhile(slow, token)
    *ended, other = asyncio.run(run_all())
    thread.join()
    assert {result.outcome for result in ended} == {Cancelled("the user left")}
    assert other.content == "Hi."


def test_a_run_that_is_over_does_not_mind() -> None:
    token = CancellationToken()
    result = LightAgent(model=ScriptedModel(["Hi."])).run_result("Hello", cancel=token)
    token.cancel("late")
    assert result.content == "Hi."


def test_an_agent_that_another_calls() -> None:
    slow, token = Slow(), CancellationToken()
    inner = agent_of(slow, "nap")
    outer = LightAgent(
        model=ScriptedModel([call_tool("ask", query="Sleep."), "Done."]), tools=[inner.as_tool("ask", "Sleeps.")]
    )
    thread = cancelled_meanwhile(slow, token)
    result = outer.run_result("Sleep.", cancel=token)
    thread.join()
    assert result.outcome == Cancelled("the user left")


def test_what_is_no_token_is_refused() -> None:
    agent = LightAgent(model=ScriptedModel(["Hi."]))
    names: dict[str, object] = {"agent": agent, "CancellationToken": CancellationToken}
    with pytest.raises(LightAgentError, match=r"cancel must be CancellationToken, got Event"):
        exec("import threading; agent.run('Hello', cancel=threading.Event())", names)
