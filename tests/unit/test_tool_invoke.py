"""One call, whatever happens in it: an answer, a fault the run goes on from, or a signal to the run."""

import asyncio
import os
import re
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent.application.tools.decorator import tool
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.invoke import ToolAbandoned, invoke
from lightagent.application.tools.redaction import describe_failure, mask_secrets
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.origin import NO_ORIGIN
from lightagent.domain.runs.signals import ApprovalRequired, ControlSignal, RetryTool
from lightagent.ports.tools import RunContext
from tests.support.costs import grows_evenly, most_memory
from tests.support.loop_clock import eventually, held_clock

CASES = int(os.environ.get("TEST_CASES", "100"))
CONTEXT = RunContext(None, NO_ORIGIN, "c1", "run:1:c1", False, lambda _: None, lambda: False)


async def answer(tool: FunctionTool[object]) -> str:
    return (await invoke(tool, tool.check({}), CONTEXT)).output


async def failure(tool: FunctionTool[object]) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await answer(tool)
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value).encode()) <= 2048
    return caught.value


def raising(exc: BaseException) -> tuple[FunctionTool[object], FunctionTool[object]]:
    """The same failure in a thread and in the loop."""

    def pay() -> None:
        raise exc

    async def pay_slowly() -> None:
        await asyncio.sleep(0)
        raise exc

    return FunctionTool(pay), tool(name="pay")(pay_slowly)


async def test_an_answer_is_rendered_and_cut() -> None:
    @tool(output_limit=5)
    def numbers() -> list[int]:
        return [1, 2, 3]

    assert await answer(numbers) == "[1, 2\n[Cut after 5 characters; 4 more were left out.]"


class SpokenError(Exception):
    def __init__(self) -> None:
        super().__init__()

    def __str__(self) -> str:
        raise ValueError("cannot even speak")


@pytest.mark.parametrize("in_thread", [True, False], ids=["in a thread", "in the loop"])
def test_a_tool_with_a_timeout_cannot_end_the_program(in_thread: bool) -> None:
    def leave() -> None:
        raise SystemExit(3)

    async def leave_slowly() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    limited = tool(name="leave", timeout=10)
    one = limited(leave) if in_thread else limited(leave_slowly)
    # A program of its own: out of a task, the exit would leave `asyncio.run` itself.
    told = asyncio.run(failure(one))
    assert str(told) == "[LA-TOOL] leave failed: SystemExit: 3"
    assert isinstance(told.__cause__, SystemExit)


async def test_a_tool_that_exits_when_its_time_is_up_took_too_long() -> None:
    @tool(timeout=0.01)
    async def leave() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            raise SystemExit(3)

    assert "took longer than 0.01 s and was cancelled" in str(await failure(leave))


@pytest.mark.parametrize(
    ("exc", "told"),
    [
        (ValueError("no such city"), "[LA-TOOL] pay failed: ValueError: no such city"),
        (KeyError("city"), "[LA-TOOL] pay failed: KeyError: 'city'"),
        (ZeroDivisionError(), "[LA-TOOL] pay failed: ZeroDivisionError"),
        (TimeoutError("the server's"), "[LA-TOOL] pay failed: TimeoutError: the server's"),
        (SystemExit(3), "[LA-TOOL] pay failed: SystemExit: 3"),
        (asyncio.CancelledError(), "[LA-TOOL] pay failed: something it waited for was cancelled."),
        (RecursionError("maximum"), "[LA-TOOL] pay failed: RecursionError: maximum"),
        (MemoryError(), "[LA-TOOL] pay failed: MemoryError"),
        (ConfigurationError("wrong"), "[LA-TOOL] pay failed: ConfigurationError: [LA-CONFIG] wrong"),
        (RetryTool("use a date after today"), "[LA-TOOL] pay asks for another try: use a date after today"),
        (ToolError("said so itself", guidance=""), "[LA-TOOL] said so itself"),
        (ExceptionGroup("g", [ValueError("inner")]), "[LA-TOOL] pay failed: ValueError: inner"),
        (ExceptionGroup("g", [RetryTool("again")]), "[LA-TOOL] pay asks for another try: again"),
        (
            ExceptionGroup("g", [ValueError("a"), KeyError("b")]),
            "[LA-TOOL] pay failed: ExceptionGroup: g: ValueError: a; KeyError: 'b'",
        ),
        (SpokenError(), "[LA-TOOL] pay failed: SpokenError"),
        (ValueError("half \ud800"), "[LA-TOOL] pay failed: ValueError: half ?"),
    ],
)
async def test_a_failure_is_told_without_a_traceback(exc: BaseException, told: str) -> None:
    for one in raising(exc):
        error = await failure(one)
        assert str(error).startswith(told)
        assert error.code == "LA-TOOL"
        if not isinstance(exc, ToolError):
            assert error.__cause__ is not None


async def test_a_stop_iteration_is_a_failure_like_any_other() -> None:
    for one in raising(StopIteration()):
        assert "RuntimeError: " in str(await failure(one))


async def test_a_long_failure_is_shortened() -> None:
    for one in raising(ValueError("x" * 1_000_000)):
        assert len(str(await failure(one))) < 600


@pytest.mark.parametrize(
    "signal", [ApprovalRequired("costs 500", {"amount": 500}), ControlSignal("of the author's own")]
)
async def test_signals_are_for_the_run(signal: ControlSignal) -> None:
    for one in raising(signal):
        with pytest.raises(ControlSignal) as caught:
            await answer(one)
        assert caught.value is signal


async def test_an_answer_that_cannot_be_shown_is_a_failure() -> None:
    class Silent:
        def __str__(self) -> str:
            raise ValueError("no words")

    def binary() -> bytes:
        return b"abc"

    def silent() -> Silent:
        return Silent()

    assert "3 bytes of binary data" in str(await failure(FunctionTool(binary)))
    assert str(await failure(FunctionTool(silent))) == "[LA-TOOL] silent failed: ValueError: no words"


async def test_a_timeout_cancels() -> None:
    cancelled: list[str] = []

    release = threading.Event()

    @tool(timeout=0.05)
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("wait")
            raise

    @tool(timeout=0.05)
    def block() -> None:
        release.wait()

    @tool(timeout=0.05)
    def count() -> Iterator[str]:
        release.wait()
        yield "1"

    given_up = "given up; it may still take effect, so do not call it again without checking"
    try:
        for one, end in ((wait, "cancelled"), (block, given_up), (count, given_up)):
            error = await failure(one)  # though the function has not ended
            assert str(error) == f"[LA-TOOL] {one.spec.name} took longer than 0.05 s and was {end}."
            assert isinstance(error, ToolAbandoned) is (end is given_up)
    finally:
        release.set()
    assert cancelled == ["wait"]


async def test_a_timeout_comes_when_it_is_due_and_not_before() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with held_clock() as clock:
        call = asyncio.create_task(failure(tool(timeout=5)(wait)))
        await clock.advance(4.99)
        assert not call.done()
        await clock.advance(0.02)
        assert call.done()
    assert "took longer than 5 s" in str(await call)


async def test_a_timeout_of_the_tools_own_is_its_own() -> None:
    @tool(timeout=600)
    async def wait() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    assert str(await failure(wait)) == "[LA-TOOL] wait failed: TimeoutError"


class Endless:
    """Functions that never end by themselves, and whether one of them was begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()

    async def waiting(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()

    async def swallowing(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as exc:
            raise asyncio.CancelledError("again") from exc

    def blocking(self) -> None:
        self.begun.set()
        self.release.wait()


@pytest.mark.parametrize("name", ["waiting", "swallowing", "blocking"])
@pytest.mark.parametrize("limit", [None, 600])
async def test_a_cancelled_run_is_cancelled_at_once(name: str, limit: float | None) -> None:
    endless = Endless()
    function: Callable[[], Awaitable[None] | None] = getattr(endless, name)
    task = asyncio.create_task(answer(tool(timeout=limit)(function)))
    try:
        await eventually(endless.begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task  # though the function has not ended
    finally:
        endless.release.set()
    assert task.cancelled()


async def test_what_a_tool_cancelled_itself_does_not_cancel_the_run() -> None:
    async def lose() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
        await task

    error = await failure(FunctionTool(lose))
    assert str(error) == "[LA-TOOL] lose failed: something it waited for was cancelled."
    assert await asyncio.sleep(0, "still here") == "still here"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://app:hunter2@db:5432/x refused", "postgres://app:***@db:5432/x refused"),
        ("redis://:hunter2@cache/0", "redis://:***@cache/0"),
        ("https://user:p@ss@host/", "https://user:***@host/"),
        ("GET https://host/v1?api_key=hunter2&page=1", "GET https://host/v1?api_key=***&page=1"),
        ("hf_hunter2hunter2hunter2 and gsk_hunter2hunter2hunter2", "*** and ***"),
        ("connect(host=db, password=hunter2, port=1)", "connect(host=db, password=***, port=1)"),
        ("{'db_password': 'hun ter2', 'a': 1}", "{'db_password': ***, 'a': 1}"),
        ('{"access_token":"hunter2"}', '{"access_token":***}'),
        ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
        ("got Bearer hunter2hunter2.x", "got Bearer ***"),
        ("key sk-proj-hunter2hunter2 is wrong", "key *** is wrong"),
        ("openai_api_key=hunter2", "openai_api_key=***"),
        ("AKIAIOSFODNN7EXAMPLE denied", "*** denied"),
        ("no such city: Rome", "no such city: Rome"),
        ("https://example.org:8080/path", "https://example.org:8080/path"),
        ("unexpected token '}' at 5", "unexpected token '}' at 5"),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked
    assert describe_failure(ValueError(text)) == f"ValueError: {masked}"


@settings(max_examples=CASES, deadline=None)
@given(st.text(max_size=3000) | st.text(":/@=' ab", max_size=3000))
def test_describing_is_short_whatever_the_text(text: str) -> None:
    described = describe_failure(ValueError(text))
    assert len(described) <= 500
    assert re.match("ValueError", described)


@pytest.mark.parametrize(
    "part", ["a", "a:", "@", "=", "'", " ", "x://", "a://b:", "password", "password='", "bearer ", "token=", "sk-", "_"]
)
def test_masking_costs_no_more_than_the_length_of_the_text(part: str) -> None:
    assert grows_evenly(lambda parts: mask_secrets(part * parts), 2_000 // len(part))


def test_of_a_long_text_only_the_beginning_is_looked_at() -> None:
    error = ValueError("password" * 1_000_000)
    assert most_memory(lambda: describe_failure(error)) < 100_000
