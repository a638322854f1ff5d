"""However a stream is left, each span that began ends once, with its outcome and what had been used, in silence."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.trace import StatusCode, get_current_span

from lightagent import LightAgent, LightAgentError, tool
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import jumping
from tests.support.recorded_spans import RecordedSpans, attribute

AsyncWay = Callable[[RecordedSpans], Awaitable[None]]
SyncWay = Callable[[RecordedSpans], None]


class SlowTeller(ChatModel):
    """Tells the tokens of the request first, then words, and at last the tokens of the answer."""

    name = "slow"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield ReplyEnd(usage=Usage(11, 0, 11))
        for word in ("one ", "two ", "three "):
            await asyncio.sleep(0)
            yield TextDelta(word)
        yield ReplyEnd("stop", Usage(11, 6, 17), "slow-1")

    async def aclose(self) -> None:
        """Nothing is open."""


def agent(seen: RecordedSpans) -> LightAgent[None, str]:
    return LightAgent(name="teller", model=SlowTeller(), telemetry=[seen.sink])


async def left_by_break(seen: RecordedSpans) -> None:
    async with aclosing(agent(seen).astream("Count.")) as stream:
        async for _ in stream:
            break


async def broken_off_while_the_loop_goes_on(seen: RecordedSpans) -> None:
    async for _ in agent(seen).astream("Count."):
        break
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)


async def left_by_an_exception(seen: RecordedSpans) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with aclosing(agent(seen).astream("Count.")) as stream:
            async for _ in stream:
                raise ZeroDivisionError


async def cancelled_while_it_holds_an_item(seen: RecordedSpans) -> None:
    held = asyncio.Event()

    async def consume() -> None:
        async with aclosing(agent(seen).astream("Count.")) as stream:
            async for _ in stream:
                held.set()
                await asyncio.sleep(60)

    task = asyncio.create_task(consume())
    await held.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def closed_by_another_task(seen: RecordedSpans) -> None:
    stream = agent(seen).astream("Count.")
    await anext(aiter(stream))
    await asyncio.create_task(stream.aclose())


async def left_in_other_contexts(seen: RecordedSpans) -> None:
    stream = agent(seen).astream("Count.")
    items = aiter(stream)

    async def take() -> None:
        await anext(items)

    for _ in range(2):
        await asyncio.create_task(take(), context=contextvars.Context())
    await asyncio.create_task(stream.aclose(), context=contextvars.Context())


async def dropped_after_one_item(seen: RecordedSpans) -> None:
    stream = agent(seen).astream("Count.")
    await anext(aiter(stream))
    del stream
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0.01)


ASYNC_WAYS: list[AsyncWay] = [
    left_by_break,
    broken_off_while_the_loop_goes_on,
    left_by_an_exception,
    cancelled_while_it_holds_an_item,
    closed_by_another_task,
    left_in_other_contexts,
    dropped_after_one_item,
]


def sync_break(seen: RecordedSpans) -> None:
    with agent(seen).stream("Count.") as stream:
        for _ in stream:
            break


def sync_exception(seen: RecordedSpans) -> None:
    with contextlib.suppress(ZeroDivisionError), agent(seen).stream("Count.") as stream:
        for _ in stream:
            raise ZeroDivisionError


def sync_closed_in_another_thread(seen: RecordedSpans) -> None:
    stream = agent(seen).stream("Count.")
    next(iter(stream))
    thread = threading.Thread(target=stream.close)
    thread.start()
    thread.join()


def loop_that_ends_at_once(seen: RecordedSpans) -> None:
    async def main() -> None:
        async for _ in agent(seen).astream("Count."):
            break

    asyncio.run(main())


SYNC_WAYS: list[SyncWay] = [
    sync_break,
    sync_exception,
    sync_closed_in_another_thread,
    loop_that_ends_at_once,
]


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    loud = [one for one in caplog.records if one.levelno >= logging.WARNING and one.name != "asyncio"]
    assert not loud


def check_left(seen: RecordedSpans) -> None:
    """Being left is no error: the spans say `cancelled`, and what had been used; nobody told of output tokens."""
    assert seen.starts.count == len(seen.ended) == 2
    (chat,) = seen.of("chat")
    (run,) = seen.of("invoke_agent")
    for span in (chat, run):
        assert span.status.status_code is StatusCode.UNSET
        assert attribute(span, "error.type") is None
    assert attribute(run, "lightagent.outcome") == "cancelled"
    assert attribute(chat, "gen_ai.usage.input_tokens") == 11
    assert attribute(chat, "gen_ai.usage.output_tokens") in (None, 0)
    assert run.context is not None
    assert chat.parent is not None
    assert chat.parent.span_id == run.context.span_id


@pytest.mark.parametrize("way", ASYNC_WAYS, ids=lambda way: way.__name__)
async def test_a_stream_that_is_left(way: AsyncWay) -> None:
    seen = RecordedSpans()
    with seen.provider.get_tracer("test").start_as_current_span("around") as around:
        await way(seen)
        assert get_current_span() is around
    seen.starts.count -= 1
    around_id = around.get_span_context().span_id
    assert [one for one in seen.ended if one.context is not None and one.context.span_id == around_id]
    (run,) = seen.of("invoke_agent")
    assert run.parent is not None
    assert run.parent.span_id == around_id
    seen.starts.count += 1
    assert seen.starts.count == len(seen.ended) == 3
    assert attribute(run, "lightagent.outcome") == "cancelled"


@pytest.mark.parametrize("way", ASYNC_WAYS, ids=lambda way: way.__name__)
async def test_a_stream_that_is_left_as_a_root(way: AsyncWay) -> None:
    seen = RecordedSpans()
    await way(seen)
    check_left(seen)


@pytest.mark.parametrize("way", SYNC_WAYS, ids=lambda way: way.__name__)
def test_a_synchronous_stream_that_is_left(way: SyncWay) -> None:
    seen = RecordedSpans()
    way(seen)
    check_left(seen)


async def test_a_stream_that_nobody_reads_has_no_span() -> None:
    seen = RecordedSpans()
    agent(seen).astream("Count.")
    agent(seen).stream("Count.")
    gc.collect()
    await asyncio.sleep(0.01)
    assert seen.starts.count == 0


async def test_a_stream_to_its_end_has_all_of_its_usage() -> None:
    seen = RecordedSpans()
    items = 0
    with seen.provider.get_tracer("test").start_as_current_span("around") as around:
        async for _ in agent(seen).astream("Count."):
            assert get_current_span() is around
            items += 1
    assert items > 2
    (chat,) = seen.of("chat")
    assert attribute(chat, "gen_ai.usage.output_tokens") == 6
    assert attribute(chat, "gen_ai.request.stream") is True
    (run,) = seen.of("invoke_agent")
    assert attribute(run, "lightagent.outcome") == "completed"


async def test_a_run_that_is_cancelled_in_a_tool() -> None:
    seen = RecordedSpans()
    begun = asyncio.Event()

    @tool
    async def sleep() -> str:
        """Sleep."""
        begun.set()
        await asyncio.sleep(60)
        return "awake"

    model = ScriptedModel([call_tool("sleep")])
    task = asyncio.create_task(LightAgent(model=model, tools=[sleep], telemetry=[seen.sink]).arun("Sleep."))
    await begun.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert seen.starts.count == len(seen.ended) == 3
    assert {span.status.status_code for span in seen.ended} == {StatusCode.UNSET}


@jumping
async def test_a_run_whose_time_is_over_while_the_model_speaks() -> None:
    seen = RecordedSpans()

    class Hanging(SlowTeller):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            yield ReplyEnd(usage=Usage(11, 0, 11))
            await asyncio.sleep(60)

    hanging = LightAgent(model=Hanging(), telemetry=[seen.sink])
    with pytest.raises(LightAgentError):
        await hanging.arun("Count.", timeout=0.1)
    assert seen.starts.count == len(seen.ended) == 2
    (run,) = seen.of("invoke_agent")
    assert run.status.status_code is StatusCode.ERROR
    assert attribute(run, "error.type") == "LA-BUDGET"
    (chat,) = seen.of("chat")
    assert attribute(chat, "gen_ai.usage.input_tokens") == 11
