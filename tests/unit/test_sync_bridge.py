"""The one bridge from sync to async: it works wherever it is called, and leaves nothing running."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import traceback
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lightagent import LightAgent, tool
from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.testing import ScriptedModel, call_tool
from tests.support.patience import PATIENCE, eventually

USER: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


class Counter:
    """A generator of numbers that knows whether it ended."""

    def __init__(self, pause: float = 0) -> None:
        self.pause = pause
        self.made = 0
        self.closed = threading.Event()

    async def numbers(self, count: int) -> AsyncGenerator[int, None]:
        try:
            for number in range(count):
                await asyncio.sleep(self.pause)
                self.made += 1
                yield number
        finally:
            await asyncio.sleep(0.01)
            self.closed.set()


def loop_threads() -> int:
    return sum(thread.name == "lightagent-loop" for thread in threading.enumerate())


def test_a_plain_call() -> None:
    assert run_sync(answer(42)) == 42


async def test_inside_a_running_loop() -> None:
    assert run_sync(answer(42)) == 42
    assert list(iterate_sync(Counter().numbers(3))) == [0, 1, 2]


def test_many_threads_share_one_loop() -> None:
    run_sync(answer(0))
    before = loop_threads()
    together = asyncio.Barrier(16)  # of one loop, and lets nobody through before sixteen are there

    async def meet(number: int) -> int:
        await asyncio.wait_for(together.wait(), PATIENCE)
        return number

    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda number: run_sync(meet(number)), range(64)))
    assert got == list(range(64))
    assert loop_threads() == before


def test_many_threads_read_streams() -> None:
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda count: list(iterate_sync(Counter().numbers(count))), range(32)))
    assert got == [list(range(count)) for count in range(32)]


def test_the_callers_context_goes_along() -> None:
    async def who() -> str:
        return USER.get()

    async def several() -> AsyncGenerator[str, None]:
        yield USER.get()

    def ask(name: str) -> tuple[str, list[str]]:
        USER.set(name)
        return run_sync(who()), list(iterate_sync(several()))

    with ThreadPoolExecutor(4) as pool:
        names = [f"user {number}" for number in range(40)]
        assert list(pool.map(ask, names)) == [(name, [name]) for name in names]


def test_an_exception_comes_with_its_traceback() -> None:
    async def deep_inside() -> None:
        raise KeyError("found nothing")

    async def outer() -> None:
        await deep_inside()

    with pytest.raises(KeyError, match="found nothing") as caught:
        run_sync(outer())
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names.index("run_sync") < names.index("outer") < names.index("deep_inside")


def test_an_exception_in_a_stream_comes_after_its_items() -> None:
    async def breaks() -> AsyncGenerator[int, None]:
        yield 1
        yield 2
        raise KeyError("found nothing")

    items = iterate_sync(breaks())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(KeyError, match="found nothing") as caught:
        next(items)
    assert "breaks" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_items_come_as_they_are_made() -> None:
    seen = threading.Event()

    async def numbers() -> AsyncGenerator[int, None]:
        yield 0
        assert await eventually(seen.is_set)  # the first one arrives while the second is not even begun
        yield 1

    items = iterate_sync(numbers())
    assert next(items) == 0
    seen.set()
    assert list(items) == [1]


def test_closing_early_closes_the_generator() -> None:
    counter = Counter(0.001)
    items = iterate_sync(counter.numbers(1_000_000))
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert counter.closed.is_set()  # not merely asked to: its end was awaited
    made = counter.made
    run_sync(asyncio.sleep(0.01))
    assert counter.made == made < 1_000_000


def test_leaving_the_loop_closes_the_generator() -> None:
    counter = Counter(0.001)
    for number in iterate_sync(counter.numbers(1_000_000)):
        if number == 3:
            break
    assert counter.closed.wait(PATIENCE)


def test_a_stream_inside_the_bridges_own_loop_is_refused() -> None:
    async def reads() -> list[int]:
        return list(iterate_sync(Counter().numbers(2)))

    with pytest.raises(RuntimeError, match="use astream"):
        run_sync(reads())


def nested(depth: int, *, threads: bool) -> LightAgent:
    """An agent whose tool calls an agent whose tool calls …, each synchronously."""

    def go_on() -> str:
        return nested(depth - 1, threads=threads).run("deeper") if depth else f"bottom, for {USER.get()}"

    @tool
    async def blocks_the_loop() -> str:
        """Goes deeper."""
        return go_on()

    @tool
    def in_a_thread() -> str:
        """Goes deeper."""
        return go_on()

    name = "in_a_thread" if threads and depth % 2 else "blocks_the_loop"
    model = ScriptedModel([call_tool(name), lambda request: f"{depth} > {request.messages[-1].content}"])
    return LightAgent(model=model, tools=[blocks_the_loop, in_a_thread])


@pytest.mark.parametrize("threads", [False, True])
def test_async_tools_call_agents_synchronously_to_any_depth(threads: bool) -> None:
    token = USER.set("ada")
    try:
        wanted = "4 > 3 > 2 > 1 > 0 > bottom, for ada"
        assert nested(4, threads=threads).run("go") == wanted
    finally:
        USER.reset(token)


def test_nested_calls_of_many_threads_do_not_wait_for_each_other() -> None:
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda number: nested(2, threads=bool(number % 2)).run("go"), range(32)))
    assert got == ["2 > 1 > 0 > bottom, for nobody"] * 32


@pytest.mark.parametrize("fatal", [KeyboardInterrupt, SystemExit])
def test_what_stops_a_loop_ends_one_run_and_not_the_bridge(fatal: type[BaseException]) -> None:
    async def stops() -> None:
        raise fatal("in somebody's tool")

    with pytest.raises(fatal, match="in somebody's tool"):
        run_sync(stops())
    assert run_sync(answer(1)) == 1


async def _letters() -> AsyncGenerator[str, None]:
    for letter in "ab":
        yield letter


def test_a_stream_that_was_begun_elsewhere_is_not_waited_for_in_its_own_loop() -> None:
    stream = iterate_sync(_letters())
    assert next(stream) == "a"

    async def read_on() -> str:
        return next(stream)

    with pytest.raises(RuntimeError, match="use astream"):
        run_sync(read_on())


def test_a_stream_that_is_collected_in_its_own_loop_does_not_hold_it_up() -> None:
    closed = threading.Event()

    async def letters() -> AsyncGenerator[str, None]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.set()

    stream = iterate_sync(letters())
    assert next(stream) == "a"

    async def let_go() -> bool:
        stream.close()  # As the garbage collector does.
        return closed.is_set()

    assert run_sync(let_go()) is False  # It did not wait, since nothing could have happened meanwhile.
    assert closed.wait(30)
