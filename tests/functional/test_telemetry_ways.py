"""More ways to leave a run than by closing its stream: in other tasks and threads, by deadlines, with its loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import get_current_span

from lightagent import ContextBudget, InProcessMemory, JsonObject, LightAgent, LightAgentError, tool
from lightagent.adapters.telemetry.otel.waiting_spans import later
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.errors import ProviderError
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.test_telemetry_streams import SlowTeller
from tests.support.log_records import warnings_of
from tests.support.loop_clock import JumpingLoop, play
from tests.support.patience import eventually
from tests.support.recorded_spans import RecordedSpans, attribute

Way = Callable[[RecordedSpans], None]
Ended = tuple[str, str | None, object]
"""Of one span: its operation, its error.type, and what it says of how it ended: input and output tokens of a model."""


class Silent(ChatModel):
    """Tells the tokens of the request, and nothing more."""

    name = "silent"

    def __init__(self) -> None:
        self.told = threading.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield ReplyEnd(usage=Usage(11, 0, 11))
        self.told.set()
        await asyncio.sleep(60)
        yield TextDelta("late")

    async def aclose(self) -> None:
        """Nothing is open."""


@tool
async def sleep() -> str:
    """Sleep."""
    await asyncio.sleep(60)
    return "awake"


def teller(seen: RecordedSpans, model: ChatModel | None = None) -> LightAgent[None, str]:
    return LightAgent(name="teller", model=model or SlowTeller(), telemetry=[seen.sink])


def sleeper(seen: RecordedSpans) -> LightAgent[None, str]:
    return LightAgent(model=ScriptedModel([call_tool("sleep"), "done"]), tools=[sleep], telemetry=[seen.sink])


def in_a_loop(way: Callable[[RecordedSpans], Awaitable[None]]) -> Way:
    async def main(seen: RecordedSpans) -> None:
        around = get_current_span()
        await way(seen)
        assert get_current_span() is around

    def run(seen: RecordedSpans) -> None:
        play(main(seen))

    run.__name__ = way.__name__
    return run


def to_the_end(seen: RecordedSpans) -> None:
    for _ in teller(seen).stream("Count."):
        pass


def to_the_end_in_a_thread(seen: RecordedSpans) -> None:
    thread = threading.Thread(target=to_the_end, args=(seen,))
    thread.start()
    thread.join()


async def each_item_in_another_task(seen: RecordedSpans) -> None:
    items = aiter(teller(seen).astream("Count."))

    async def take() -> None:
        await anext(items)

    with contextlib.suppress(StopAsyncIteration):
        while True:
            await asyncio.create_task(take(), context=contextvars.Context())


async def closed_while_it_is_read(seen: RecordedSpans) -> None:
    stream = teller(seen).astream("Count.")
    items = aiter(stream)
    await anext(items)

    async def take() -> None:
        await anext(items)

    reading = asyncio.create_task(take())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already running"):
        await stream.aclose()
    await reading
    async for _ in stream:
        pass


async def cancelled_while_it_waits(seen: RecordedSpans) -> None:
    model = Silent()

    async def consume() -> None:
        async for _ in teller(seen, model).astream("Count."):
            pass

    task = asyncio.create_task(consume())
    assert await eventually(model.told.is_set)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def waited_for_too_long(seen: RecordedSpans) -> None:
    async with aclosing(teller(seen, Silent()).astream("Count.")) as stream:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)


async def left_before_the_request(seen: RecordedSpans) -> None:
    async with aclosing(teller(seen).aevents("Count.")) as stream:
        await anext(stream)


async def left_at_the_call_of_a_tool(seen: RecordedSpans) -> None:
    async with aclosing(sleeper(seen).astream("Sleep.", result_format="event")) as stream:
        async for event in stream:
            if event.type == "tool_call":
                break


async def timed_out_around(seen: RecordedSpans) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await sleeper(seen).arun("Sleep.")


async def out_of_time_in_a_tool(seen: RecordedSpans) -> None:
    with pytest.raises(LightAgentError):
        await sleeper(seen).arun("Sleep.", timeout=0.05)


async def out_of_time_at_the_model(seen: RecordedSpans) -> None:
    with pytest.raises(LightAgentError):
        await teller(seen, Silent()).arun("Count.", timeout=0.05)


def failed_at_the_model(seen: RecordedSpans) -> None:
    with pytest.raises(LightAgentError):
        teller(seen, ScriptedModel([ProviderError("no", code="LA-400")])).run("Count.")


@dataclass(frozen=True)
class Expected:
    """How a way ends.

    Attributes:
        outcome: of the run, with its error.type.
        chat: tokens of the request and of the answer, and the error.type.
        call: the error.type of the call of a tool; empty where there is none.
    """

    outcome: tuple[str, str | None]
    chat: tuple[int | None, int | None, str | None] | None
    calls: tuple[str | None, ...] = ()


CANCELLED = ("cancelled", None)
COMPLETED = Expected(("completed", None), (11, 6, None))
WAYS: dict[Way, Expected] = {
    to_the_end: COMPLETED,
    to_the_end_in_a_thread: COMPLETED,
    in_a_loop(each_item_in_another_task): COMPLETED,
    in_a_loop(closed_while_it_is_read): COMPLETED,
    in_a_loop(cancelled_while_it_waits): Expected(CANCELLED, (11, None, None)),
    in_a_loop(waited_for_too_long): Expected(CANCELLED, (11, None, None)),
    in_a_loop(left_before_the_request): Expected(CANCELLED, None),
    in_a_loop(left_at_the_call_of_a_tool): Expected(CANCELLED, (8, 2, None), (None,)),
    in_a_loop(timed_out_around): Expected(CANCELLED, (8, 2, None), (None,)),
    in_a_loop(out_of_time_in_a_tool): Expected(("budget_exhausted", "LA-BUDGET"), (8, 2, None), ("LA-BUDGET",)),
    in_a_loop(out_of_time_at_the_model): Expected(("budget_exhausted", "LA-BUDGET"), (11, None, "LA-BUDGET")),
    failed_at_the_model: Expected(("failed", "LA-400"), (None, None, "LA-400")),
}


def error_type(span: ReadableSpan) -> str | None:
    found = attribute(span, "error.type")
    assert (found is None) == span.status.is_unset
    return None if found is None else str(found)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("below", [False, True])
def test_each_span_that_began_ends_once(way: Way, *, below: bool, caplog: pytest.LogCaptureFixture) -> None:
    seen, expected = RecordedSpans(), WAYS[way]
    with caplog.at_level(logging.INFO):
        if below:
            with seen.provider.get_tracer("test").start_as_current_span("around") as around:
                way(seen)
                assert get_current_span() is around
        else:
            way(seen)
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []
    assert seen.starts.count == len(seen.ended) == len({one.context.span_id for one in seen.ended if one.context})
    (run,) = seen.of("invoke_agent")
    assert (attribute(run, "lightagent.outcome"), error_type(run)) == expected.outcome
    tokens = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
    chats = [(*(attribute(span, name) for name in tokens), error_type(span)) for span in seen.of("chat")]
    assert chats == ([] if expected.chat is None else [expected.chat])
    assert tuple(map(error_type, seen.of("execute_tool"))) == expected.calls


class Hanging(InProcessMemory):
    """Never finds anything."""

    async def search(self, *args: object, **kwargs: object) -> list[object]:
        await asyncio.sleep(60)
        return []


def long_history() -> list[JsonObject]:
    history: list[JsonObject] = []
    for number in range(40):
        history += [
            {"role": "user", "content": f"Question {number} " + "word " * 30},
            {"role": "assistant", "content": f"Answer {number} " + "word " * 30},
        ]
    return history


async def at_the_model(seen: RecordedSpans) -> None:
    await teller(seen, Silent()).arun("Count.")


async def in_a_tool(seen: RecordedSpans) -> None:
    await sleeper(seen).arun("Sleep.")


async def at_a_summary(seen: RecordedSpans) -> None:
    agent = LightAgent(model=Silent(), context_budget=ContextBudget(1500, "summarize"), telemetry=[seen.sink])
    await agent.arun("Count.", history=long_history())


async def at_a_search(seen: RecordedSpans) -> None:
    agent = LightAgent(model=Silent(), memory=Hanging(), telemetry=[seen.sink])
    await agent.arun("Count.", user_id="ann")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", [at_the_model, in_a_tool, at_a_summary, at_a_search])
def test_a_task_that_is_dropped_with_its_loop(
    way: Callable[[RecordedSpans], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """The collector ends it: nothing of the SDK's is called then, but at the next run, with the time of the end."""
    seen = RecordedSpans()

    async def wait() -> None:
        await way(seen)

    def begin() -> None:
        loop = JumpingLoop()
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0.2))  # Ends when the task can only wait.
        loop.close()
        assert not task.done()

    begin()
    before = len(seen.ended)
    asyncio.run(teller(RecordedSpans()).arun("Count."))  # Sees to what waits, of which there is nothing yet.
    gc.collect()
    ended = time.time()
    assert len(seen.ended) == before
    assert seen.starts.count > before
    time.sleep(0.1)
    asyncio.run(teller(RecordedSpans()).arun("Count."))
    assert seen.starts.count == len(seen.ended)
    for span in seen.ended:
        assert error_type(span) is None
        assert (span.end_time or 0) <= ended * 1e9
    assert [attribute(span, "lightagent.outcome") for span in seen.of("invoke_agent")] == ["cancelled"]
    ours = [one for one in caplog.records if one.name.startswith(("opentelemetry", "lightagent"))]
    assert [one for one in ours if one.levelno >= logging.WARNING] == []


def test_what_cannot_be_ended_is_no_fault_of_the_run_that_sees_to_it(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    done: list[bool] = []
    later(broken)
    later(partial(done.append, True))
    seen = RecordedSpans()
    teller(seen).run("Count.")
    assert done == [True]
    assert seen.starts.count == len(seen.ended) == 2
    (loud,) = warnings_of(caplog)
    assert loud.endswith(": A span could not be ended.")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()
