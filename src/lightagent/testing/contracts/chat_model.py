"""What every chat model does, as tests to subclass.

    class TestMine(ChatModelContract):
        kind = "mine"

        def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
            return {"base_url": start_something_that_answers(replies)}

The adapter is reached through the registry, by its kind and options, as an application reaches it. The tests run event
loops of their own, so they need no plugin of pytest.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, TypeVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.conversation.deltas import Delta, ModelReply, ReplyEnd, fold_deltas
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatModel, ChatRequest

T = TypeVar("T")

TEXT = AssistantMessage("The answer is 42. Grüße 👋🏽, 漢字.")
CALLS = AssistantMessage(None, (ToolCall("call_1", "add", '{"a": 1, "b": 2}'), ToolCall("call_2", "add", "{}")))
BOTH = AssistantMessage("Let me see.", (ToolCall("call_1", "add", '{"a": "\\u00fc"}'),))
QUESTION = (SystemMessage("You answer."), UserMessage("What is 6 times 7?"))
ADD = ToolSpec(
    "add",
    "Add two integers.",
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
)


class ChatModelContract:
    """Subclass it, name the `kind`, and override `prepare` where the adapter needs a backend or can be told replies."""

    kind: ClassVar[str]
    """The adapter's kind, as settings name it."""

    tells: ClassVar[bool] = True
    """Whether `prepare` can make the backend give the replies it is told; else any well-formed answer is right."""

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        """The options with which the adapter reaches a backend that answers its next requests with `replies` in order.

        An adapter that cannot be told (`tells = False`) ignores them.
        """
        raise NotImplementedError(f"{type(self).__name__}.prepare({len(replies)} replies)")

    def open(self, *replies: AssistantMessage) -> ChatModel:
        """The adapter under test, opened by its kind."""
        model = open_adapter("chat", self.kind, self.prepare(*replies))
        assert isinstance(model, ChatModel)
        return model

    @pytest.fixture(autouse=True)
    def nothing_is_left_open(self) -> Iterator[None]:
        """Whatever a test does, no connection and no task may be left for the garbage collector to complain of."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            yield
            gc.collect()
        left = [str(warning.message) for warning in caught if issubclass(warning.category, ResourceWarning)]
        assert not left

    def test_it_has_the_shape_of_a_chat_model(self) -> None:
        model = self.open(TEXT)
        assert isinstance(model.name, str)
        assert model.name

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    @pytest.mark.parametrize("promised", [TEXT, CALLS, BOTH], ids=["text", "calls", "both"])
    def test_it_gives_the_reply_it_was_told(self, promised: AssistantMessage, stream: bool) -> None:
        reply = run(lambda: ask(self.open(promised), stream=stream))
        if self.tells:
            assert reply.message == promised
        assert_well_formed(reply)

    def test_a_plain_and_a_streamed_answer_fold_to_the_same(self) -> None:
        async def both() -> list[ModelReply]:
            model = self.open(TEXT, TEXT)
            return [await ask(model, stream=stream, tools=()) for stream in (False, True)]

        plain, streamed = run(both)
        assert plain.message == streamed.message
        assert plain.end.finish_reason == streamed.end.finish_reason

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    def test_the_last_delta_says_how_the_answer_ended(self, stream: bool) -> None:
        deltas = run(lambda: collect(self.open(TEXT), ChatRequest(QUESTION, stream=stream)))
        last = deltas[-1]
        assert isinstance(last, ReplyEnd)
        assert last.finish_reason == "stop"

    def test_a_turn_after_tools_is_a_request_like_any_other(self) -> None:
        calls = CALLS.tool_calls[:1]

        async def next_turn() -> ModelReply:
            messages = (*QUESTION, AssistantMessage(None, calls), ToolMessage(calls[0].id, "3"))
            return fold_deltas(await collect(self.open(TEXT), ChatRequest(messages, tools=(ADD,))))

        assert_well_formed(run(next_turn))

    def test_requests_at_once_do_not_mix(self) -> None:
        told = [AssistantMessage(f"answer {number} " * 20) for number in range(20)]

        async def at_once() -> list[ModelReply]:
            model = self.open(*told)
            return await asyncio.gather(*(ask(model, stream=bool(number % 2), tools=()) for number in range(20)))

        replies = run(at_once)
        assert len(replies) == len(told)
        if self.tells:
            assert {reply.message.content for reply in replies} == {message.content for message in told}

    def test_an_abandoned_stream_leaves_nothing_behind(self) -> None:
        async def abandon() -> ModelReply:
            model = self.open(*[TEXT] * 6)
            for _ in range(5):
                async for _ in model.stream(ChatRequest(QUESTION, stream=True)):
                    break
            await settled()
            return await ask(model, stream=True)

        assert_well_formed(run(abandon))

    def test_a_cancelled_request_leaves_nothing_behind(self) -> None:
        async def cancel() -> ModelReply:
            model = self.open(*[TEXT] * 4)
            for turn in range(3):
                task = asyncio.create_task(ask(model, stream=True))
                for _ in range(turn):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            await settled()
            return await ask(model, stream=False)

        # How many of the told replies the cancelled requests took is up to chance; that one is there is not.
        assert_well_formed(run(cancel))

    def test_a_closed_model_opens_again(self) -> None:
        async def close_between() -> list[ModelReply]:
            model = self.open(TEXT, TEXT)
            await model.aclose()
            first = await ask(model, stream=False)
            await model.aclose()
            await model.aclose()
            second = await ask(model, stream=True)
            await model.aclose()
            return [first, second]

        for reply in run(close_between):
            assert_well_formed(reply)

    def test_one_model_serves_one_event_loop_after_another(self) -> None:
        model = self.open(*[TEXT] * 4)
        for _ in range(2):
            for reply in run(lambda: both_ways(model)):
                assert_well_formed(reply)

    def test_one_model_serves_several_threads(self) -> None:
        model = self.open(*[TEXT] * 8)
        together = threading.Barrier(4)

        def in_thread(_: int) -> list[ModelReply]:
            together.wait(10)
            return run(lambda: both_ways(model))

        with ThreadPoolExecutor(4) as pool:
            replies = [reply for pair in pool.map(in_thread, range(4)) for reply in pair]
        assert len(replies) == 8
        for reply in replies:
            assert_well_formed(reply)


def assert_well_formed(reply: ModelReply) -> None:
    """The form that a run relies on, whatever the model says."""
    assert reply.message.content or reply.message.tool_calls
    assert reply.end.finish_reason in ("stop", "tool_calls", "length", "content_filter")
    ids = [call.id for call in reply.message.tool_calls]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert all(call.name for call in reply.message.tool_calls)


async def ask(model: ChatModel, *, stream: bool, tools: tuple[ToolSpec, ...] = (ADD,)) -> ModelReply:
    """One question, and the whole reply."""
    return fold_deltas(await collect(model, ChatRequest(QUESTION, tools=tools, stream=stream)))


async def both_ways(model: ChatModel) -> list[ModelReply]:
    """The same question twice."""
    return [await ask(model, stream=False), await ask(model, stream=True)]


async def collect(model: ChatModel, request: ChatRequest) -> list[Delta]:
    """All deltas of an answer."""
    return [delta async for delta in model.stream(request)]


async def settled(within: float = 15.0) -> None:
    """Fails unless this task is soon the only one of its loop."""
    deadline = asyncio.get_running_loop().time() + within
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        assert asyncio.get_running_loop().time() < deadline, f"left behind: {others}"
        await asyncio.sleep(0.01)


def run(main: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run `main` in a new event loop, which ends with it."""
    return asyncio.run(main())
