"""Tools in a run: every kind of function, notes as they happen, and whatever goes wrong in them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest

from lightagent import FunctionTool, LightAgent, Limits, ProviderError, RetryTool, RunContext, RunResult, tool
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.support.loop_clock import advance, jumping


@tool
def plain(n: int) -> int:
    """A function."""
    assert threading.current_thread().name.startswith("lightagent-worker")
    return 2 * n


@tool
async def coroutine(n: int) -> dict[str, int]:
    """A coroutine."""
    await asyncio.sleep(0)
    return {"n": n}


@tool
def generator(n: int) -> Iterator[str]:
    """A generator."""
    for number in range(n):
        yield f"{number};"


@tool
async def stream(n: int) -> AsyncIterator[int]:
    """An async generator."""
    for number in range(n):
        yield number


@tool
def nothing(n: int) -> None:
    """Returns nothing."""


def legacy(n: int) -> str:
    return f"legacy {n}"


vars(legacy)["tool_info"] = {
    "tool_name": "legacy",
    "tool_description": "Declared the old way.",
    "tool_params": [{"name": "n", "description": "a number", "type": "integer", "required": True}],
}


def undecorated(n: int) -> str:
    """Plain, typed."""
    return f"undecorated {n}"


EVERY: list[Callable[..., object]] = [plain, coroutine, generator, stream, nothing, legacy, undecorated]


def run(tools: list[Callable[..., object]], *replies: Reply) -> tuple[RunResult[str], ScriptedModel]:
    model = ScriptedModel([*replies, "done"])
    agent = LightAgent(model=model, tools=tools, limits=Limits(timeout=50))
    return agent.run("?", result_format="object"), model


def test_every_kind_of_function_works_in_one_turn_and_in_call_order() -> None:
    names = ["plain", "coroutine", "generator", "stream", "nothing", "legacy", "undecorated"]
    result, model = run(EVERY, [call_tool(name, n=3) for name in names])
    wanted = [
        "6",
        '{"n": 3}',
        "0;1;2;",
        "[0, 1, 2]",
        "The tool finished and returned nothing.",
        "legacy 3",
        "undecorated 3",
    ]
    assert [call.output for call in result.tool_calls] == wanted
    assert [call.status for call in result.tool_calls] == ["ok"] * 7
    told = [message for message in model.requests[-1].messages if isinstance(message, ToolMessage)]
    assert [message.content for message in told] == wanted
    assert [message.tool_call_id for message in told] == [call.id for call in result.tool_calls]


def test_calls_of_one_turn_run_at_once() -> None:
    meet = threading.Barrier(4)

    @tool
    def together(n: int) -> int:
        """Waits for the others."""
        return meet.wait(30) * 0 + n

    @tool
    async def slow(n: int) -> int:
        """The first one takes longest."""
        await asyncio.sleep((4 - n) / 20)
        return n

    result, _ = run([together], [call_tool("together", n=n) for n in range(4)])
    assert [call.output for call in result.tool_calls] == ["0", "1", "2", "3"]
    result, _ = run([slow], [call_tool("slow", n=n) for n in range(4)])
    assert [call.output for call in result.tool_calls] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("threaded", [False, True])
def test_notes_are_seen_while_the_tool_still_works(threaded: bool) -> None:
    seen = threading.Event()

    @tool
    def in_a_thread(ctx: RunContext[None]) -> str:
        """Reports."""
        ctx.report("half way")
        return "watched" if seen.wait(30) else "nobody looked"

    @tool
    async def in_the_loop(ctx: RunContext[None]) -> str:
        """Reports."""
        ctx.report("half way")
        return "watched" if await asyncio.to_thread(seen.wait, 10) else "nobody looked"

    name = "in_a_thread" if threaded else "in_the_loop"
    agent = LightAgent(model=ScriptedModel([call_tool(name), "done"]), tools=[in_a_thread, in_the_loop])
    results = []
    for event in agent.run("?", stream=True, result_format="event"):
        if event.type == "note":
            assert event.data == {"kind": "tool_progress", "id": "call_1_1", "name": name, "text": "half way"}
            seen.set()
        if event.type == "tool_result":
            results.append(event.data["output"])
    assert results == ["watched"]


def test_notes_come_before_the_result_and_none_after() -> None:
    @tool
    def talks(ctx: RunContext[None]) -> str:
        """Reports much."""
        for number in range(200):
            ctx.report(f"{number}")
        return "end"

    agent = LightAgent(model=ScriptedModel([[call_tool("talks")] * 3, "done"]), tools=[talks])
    events = list(agent.run("?", stream=True, result_format="event"))
    for call_id in ("call_1_1", "call_1_2", "call_1_3"):
        mine = [event for event in events if event.data.get("id") == call_id]
        assert [event.type for event in mine] == ["tool_call", *["note"] * 200, "tool_result"]
        assert [event.data.get("text") for event in mine[1:-1]] == [str(number) for number in range(200)]


class Fatal(BaseException):
    """Not an Exception: whoever raises it does not want to be caught."""


@tool
def fails(n: int) -> str:
    """Raises."""
    raise KeyError("no such city")


@tool
async def hints(n: int) -> str:
    """Wants something else."""
    raise RetryTool("n must be even")


@tool
def exits(n: int) -> str:
    """Tries to end the process."""
    raise SystemExit(3)


@tool
async def cancels_itself(n: int) -> str:
    """Confuses."""
    raise asyncio.CancelledError


@tool(timeout=0.05)
async def slow(n: int) -> str:
    """Takes too long."""
    await asyncio.sleep(30)
    return "never"


for_ever = threading.Event()


@tool(timeout=0.05)
def slow_in_a_thread(n: int) -> str:
    """Takes too long."""
    for_ever.wait()
    return "never"


@tool(output_limit=10)
def long(n: int) -> str:
    """Says too much."""
    return "x" * 1000


FAILURES: dict[str, tuple[Callable[..., object], str, str]] = {
    "raises": (fails, "failed", "fails failed: KeyError: 'no such city'"),
    "asks for another try": (hints, "failed", "hints asks for another try: n must be even"),
    "ends the process": (exits, "failed", "exits failed: SystemExit: 3"),
    "cancels itself": (cancels_itself, "failed", "was cancelled"),
    "takes too long": (slow, "failed", "slow took longer than 0.05 s"),
    "takes too long in a thread": (slow_in_a_thread, "unknown", "it may still take effect"),
}


@pytest.mark.parametrize(("function", "status", "text"), FAILURES.values(), ids=FAILURES.keys())
def test_what_goes_wrong_is_told_to_the_model_and_the_run_goes_on(
    function: Callable[..., object], status: str, text: str
) -> None:
    result, model = run([function, plain], [call_tool(vars(function)["__name__"], n=1), call_tool("plain", n=2)])
    wrong, right = result.tool_calls
    assert result.content == "done"
    assert (right.output, wrong.status) == ("4", status)
    assert wrong.output is not None
    assert wrong.output.startswith("[LA-TOOL] ")
    assert text in wrong.output
    assert "Traceback" not in wrong.output
    assert wrong.output == model.requests[-1].messages[-2].content


def test_a_long_answer_is_cut() -> None:
    result, _ = run([long], call_tool("long", n=1))
    assert result.tool_calls[0].output == "x" * 10 + "\n[Cut after 10 characters; 990 more were left out.]"


BAD_ARGUMENTS = {
    '{"n": "3"}': "LA-TOOL",
    "{}": "LA-TOOL",
    '{"n": 1, "m": 2}': "LA-TOOL",
    "{n: 1}": "LA-JSON",
    '{"n": NaN}': "LA-JSON",
}


@pytest.mark.parametrize(("arguments", "code"), BAD_ARGUMENTS.items())
def test_bad_arguments_are_told_to_the_model_and_run_nothing(arguments: str, code: str) -> None:
    result, _ = run([plain], ToolCall("", "plain", arguments))
    (call,) = result.tool_calls
    assert (call.status, call.arguments, call.raw_arguments) == ("refused", None, arguments)
    assert call.output is not None
    assert call.output.startswith(f"[{code}] ")


@pytest.mark.parametrize("ids", [("", ""), ("same", "same"), ("a", "")])
def test_calls_without_ids_of_their_own_get_some(ids: tuple[str, str]) -> None:
    calls = tuple(ToolCall(call_id, "plain", f'{{"n": {n}}}') for n, call_id in enumerate(ids))
    result, _ = run([plain], AssistantMessage(None, calls))
    assert [call.output for call in result.tool_calls] == ["0", "2"]
    assert len({call.id for call in result.tool_calls}) == 2


@pytest.mark.parametrize("fatal", [Fatal, KeyboardInterrupt])
@pytest.mark.parametrize("threaded", [False, True])
def test_what_must_not_be_caught_ends_the_run_and_only_this_run(fatal: type[BaseException], threaded: bool) -> None:
    cancelled = threading.Event()

    @tool
    async def in_the_loop(n: int) -> str:
        """Raises."""
        raise fatal("stop everything")

    @tool
    def in_a_thread(n: int) -> str:
        """Raises."""
        raise fatal("stop everything")

    @tool
    async def beside(n: int) -> str:
        """Is left behind by nobody."""
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return ""

    name = "in_a_thread" if threaded else "in_the_loop"
    with pytest.raises(fatal, match="stop everything"):
        run([in_the_loop, in_a_thread, beside], [call_tool(name, n=1), call_tool("beside", n=1)])
    assert cancelled.wait(30)
    assert run([plain], call_tool("plain", n=1))[0].content == "done"


def test_the_cause_of_a_failed_run_is_what_ended_it() -> None:
    behind = ProviderError("no", code="LA-400")
    agent = LightAgent(model=ScriptedModel([call_tool("fails", n=1), behind]), tools=[fails])
    with pytest.raises(ProviderError) as caught:
        agent.run("?")
    assert caught.value.__cause__ is behind


def functions(count: int) -> list[Callable[..., object]]:
    """Distinct functions, so many that an agent reads only their names at first."""
    namespace: dict[str, Callable[..., object]] = {}
    for number in range(count):
        exec(f"def tool_{number}(x: int) -> str:\n    'Do it.'\n    return str(x)", namespace)
    return [namespace[f"tool_{number}"] for number in range(count)]


@pytest.mark.parametrize("whose", ["the agent's", "the run's"])
async def test_while_many_functions_are_described_others_go_on(whose: str) -> None:
    model, tools = ScriptedModel(["done"]), functions(400)
    if whose == "the agent's":
        run = asyncio.create_task(LightAgent(model=model, tools=tools, tool_selection=False).arun("?"))
    else:
        run = asyncio.create_task(LightAgent(model=model, tool_selection=False).arun("?", tools=tools))
    turns = 0
    while not run.done():
        await asyncio.sleep(0)
        turns += 1
    assert await run == "done"
    assert turns > 30
    assert len(model.requests[0].tools) == 400


@jumping
async def test_a_deadline_is_heard_while_many_functions_are_described() -> None:
    described: list[str] = []

    class Slow(FunctionTool[object]):
        """Its description takes a hundredth of a second by the clock of the loop."""

        def describe(self) -> None:
            described.append(self.name)
            advance(0.01)

    tools = [Slow(function, deferred=True) for function in functions(100)]
    model = ScriptedModel(["never"])
    result = await LightAgent(model=model, tools=tools).arun("?", timeout=0.35, result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    assert model.requests == ()
    assert 35 <= len(described) < 60


def test_notes_of_a_tools_own_threads_do_not_disturb_its_run() -> None:
    """A quick function is waited for on the spot; its threads may still report while its notes are told."""
    threads: list[threading.Thread] = []

    @tool
    def busy(ctx: RunContext[None]) -> str:
        """Starts threads that report for a while."""
        mine = [threading.Thread(target=talk, args=(ctx,)) for _ in range(3)]
        threads.extend(mine)
        for thread in mine:
            thread.start()
        return "begun"

    def talk(ctx: RunContext[None]) -> None:
        for _ in range(100):
            ctx.report("more")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            result, _ = run([busy], *[call_tool("busy")] * 3)
            assert [call.status for call in result.tool_calls] == ["ok"] * 3
    finally:
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join(30)


async def test_a_function_that_returns_a_coroutine_is_given_up_like_any_other() -> None:
    ended = asyncio.Event()

    async def work() -> str:
        while stubborn and not ended.is_set():
            with suppress(asyncio.CancelledError):
                await ended.wait()
        return "ended"

    @tool
    def begins() -> object:
        """Hands back what has yet to be awaited."""
        return work()

    stubborn = False
    model = ScriptedModel([call_tool("begins"), "done", call_tool("begins"), "done"])
    agent = LightAgent(model=model, tools=[begins])
    assert await agent.arun("?") == "done"
    stubborn = True
    async with asyncio.timeout(20):
        result = await agent.arun("?", timeout=0.2, result_format="object")
    ended.set()
    assert result.outcome.kind == "budget_exhausted"
