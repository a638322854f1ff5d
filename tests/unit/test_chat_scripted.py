"""chat/scripted: told replies of every kind, and how it refuses to run dry."""

import asyncio
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.registry import open_adapter
from lightagent.domain.conversation.deltas import Delta, ModelReply, ReplyEnd, TextDelta, fold_deltas
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import ManualClock, Reply, ScriptedModel, SequentialIds, call_tool, split_into_deltas

QUESTION = ChatRequest((SystemMessage("You answer."), UserMessage("What is it?")))
STREAMED = ChatRequest(QUESTION.messages, stream=True)


async def deltas(model: ChatModel, request: ChatRequest = QUESTION) -> list[Delta]:
    return [delta async for delta in model.stream(request)]


async def ask(model: ChatModel, request: ChatRequest = QUESTION) -> ModelReply:
    return fold_deltas(await deltas(model, request))


@pytest.mark.parametrize("request_", [QUESTION, STREAMED], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("told", "message", "reason"),
    [
        ("Hello there,  you.\n", AssistantMessage("Hello there,  you.\n"), "stop"),
        ("", AssistantMessage(""), "stop"),
        (AssistantMessage("Hi", reasoning="Hm, so."), AssistantMessage("Hi", reasoning="Hm, so."), "stop"),
        (AssistantMessage(None, refusal="I will not."), AssistantMessage("", refusal="I will not."), "stop"),
        (ToolCall("a", "add", "{}"), AssistantMessage(None, (ToolCall("a", "add", "{}"),)), "tool_calls"),
        (
            [call_tool("add", a=1), call_tool("add", a="ü")],
            AssistantMessage(
                None, (ToolCall("call_1_1", "add", '{"a": 1}'), ToolCall("call_1_2", "add", '{"a": "ü"}'))
            ),
            "tool_calls",
        ),
        (ModelReply(AssistantMessage("Cut"), ReplyEnd("length")), AssistantMessage("Cut"), "length"),
    ],
)
async def test_replies_are_returned_in_order(
    told: Reply, message: AssistantMessage, reason: str, request_: ChatRequest
) -> None:
    reply = await ask(ScriptedModel([told]), request_)
    assert (reply.message, reply.end.finish_reason, reply.end.model) == (message, reason, "scripted")


async def test_a_text_is_streamed_in_words_for_a_stream() -> None:
    model = ScriptedModel(["One two three."] * 2)
    assert [delta.text for delta in await deltas(model, STREAMED) if isinstance(delta, TextDelta)] == [
        "One ",
        "two ",
        "three.",
    ]
    assert await ask(model) == fold_deltas(await deltas(ScriptedModel("One two three."), STREAMED))


async def test_usage_counts_words_unless_the_reply_has_one() -> None:
    assert (await ask(ScriptedModel(["One two three."]))).end.usage == Usage(5, 3, 8)
    told = ModelReply(AssistantMessage("Hi"), ReplyEnd("stop", Usage(1, 2, 3)))
    assert (await ask(ScriptedModel([told]))).end.usage == Usage(1, 2, 3)


async def test_an_exception_is_raised_also_in_the_middle() -> None:
    failure = ProviderError(code="LA-429")
    model = ScriptedModel([failure, [TextDelta("Half"), failure], "Whole"])
    with pytest.raises(ProviderError):
        await ask(model)
    heard: list[Delta] = []
    stream = model.stream(QUESTION)
    heard.append(await anext(stream))
    with pytest.raises(ProviderError):
        heard.append(await anext(stream))
    assert heard == [TextDelta("Half")]
    assert (await ask(model)).message.content == "Whole"


async def test_deltas_are_streamed_as_they_are() -> None:
    told = (TextDelta("a"), TextDelta("b"), ReplyEnd("content_filter"))
    assert tuple(await deltas(ScriptedModel([told, []]))) == told


async def test_it_records_what_it_was_asked() -> None:
    model = ScriptedModel(["1", "2"])
    await ask(model)
    await ask(model, STREAMED)
    assert model.requests == (QUESTION, STREAMED)
    silent = ScriptedModel(["1"], record=False)
    await ask(silent)
    assert silent.requests == ()


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([], "The scripted model 'mine' has 0 replies and was asked for number 1"),
        (["One"], "The scripted model 'mine' has 1 reply and was asked for number 2"),
    ],
)
async def test_running_out_of_replies_is_an_error(replies: list[str], said: str) -> None:
    model = ScriptedModel(replies, "mine")
    for _ in replies:
        await ask(model)
    with pytest.raises(ConfigurationError) as caught:
        await ask(model)
    assert said in str(caught.value)
    assert "the request ends with user: 'What is it?'." in str(caught.value)


async def test_one_program_answers_every_request() -> None:
    def echo(request: ChatRequest) -> Reply:
        last = request.messages[-1]
        assert isinstance(last, UserMessage)
        return call_tool("greet", name=last.text) if len(request.messages) == 1 else f"Hello {last.text}"

    model = ScriptedModel(echo)
    users = [ChatRequest((SystemMessage(""), UserMessage(f"user {number}"))) for number in range(200)]
    replies = await asyncio.gather(*(ask(model, user) for user in users))
    assert [reply.message.content for reply in replies] == [f"Hello user {number}" for number in range(200)]
    calls = [(await ask(model, ChatRequest((UserMessage("x"),)))).message.tool_calls[0] for _ in range(2)]
    assert calls[0].id != calls[1].id
    assert (await ask(ScriptedModel([echo, "Then"]), users[0])).message.content == "Hello user 0"


def test_threads_share_a_script_without_loss() -> None:
    model = ScriptedModel([str(number) for number in range(400)])
    together = threading.Barrier(8)

    def take(_: int) -> list[str | None]:
        together.wait(10)
        return [asyncio.run(ask(model)).message.content for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        said = [content for part in pool.map(take, range(8)) for content in part]
    assert sorted(said, key=str) == sorted(map(str, range(400)))
    assert len(model.requests) == 400


@given(
    content=st.text(),
    reasoning=st.text(),
    arguments=st.lists(st.dictionaries(st.text(), st.integers()), max_size=3),
    sizes=st.lists(st.integers(-1, 9), max_size=5),
)
def test_any_split_folds_to_the_same(
    content: str, reasoning: str, arguments: Sequence[dict[str, int]], sizes: list[int]
) -> None:
    calls = tuple(ToolCall(f"id{n}", "tool", json.dumps(one)) for n, one in enumerate(arguments))
    message = AssistantMessage(content if content or not calls else None, calls, reasoning or None)
    reply = ModelReply(message, ReplyEnd("stop", Usage(1, 1, 2)))
    assert fold_deltas(split_into_deltas(reply, sizes)) == reply
    assert fold_deltas(asyncio.run(deltas(ScriptedModel([split_into_deltas(reply, sizes)])))) == reply


async def test_replies_can_come_from_settings() -> None:
    call = {"name": "add", "arguments": {"a": 1}}
    told: list[object] = ["Hi", {"tool_calls": [call, {"name": "add", "arguments": "{oops"}]}, {"content": "Bye"}]
    model = open_adapter("chat", "scripted", {"replies": told, "name": "mine"})
    assert isinstance(model, ScriptedModel)
    assert model.name == "mine"
    assert [(await ask(model)).message for _ in told] == [
        AssistantMessage("Hi"),
        AssistantMessage(None, (ToolCall("call_2_1", "add", '{"a": 1}'), ToolCall("call_2_2", "add", "{oops"))),
        AssistantMessage("Bye"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "model.replies: Field required"),
        ({"replies": ["a"], "nam": "x"}, "model.nam: 'scripted' has no option 'nam'; did you mean 'name'?"),
        ({"replies": [{"content": "a", "calls": []}]}, "calls"),
        ({"replies": "a"}, "model.replies: Input should be a valid list"),
    ],
)
def test_wrong_settings_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_adapter("chat", "scripted", options, at="model")
    assert said in str(caught.value)


def test_a_test_decides_time_and_identity() -> None:
    clock, ids = ManualClock(100.0), SequentialIds()
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)
    with pytest.raises(ValueError, match="Time does not go back"):
        clock.advance(-1)
    assert [ids.new(), ids.new()] == ["0" * 31 + "1", "0" * 31 + "2"]
