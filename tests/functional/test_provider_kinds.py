"""Tables of what providers send, by kind: the right value is written down, and every reader of answers must give it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from lightagent import ChatModel, JsonObject, LightAgent, Limits, ProviderError
from lightagent.domain.conversation.deltas import ModelReply, fold_deltas
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.json_types import JsonValue
from lightagent.ports.models import ChatRequest
from tests.functional.agents import MODES
from tests.support.answering_endpoint import READERS, AnsweringEndpoint, Told, answering_endpoint


@pytest.fixture
async def endpoint() -> AsyncIterator[AnsweringEndpoint]:
    async with answering_endpoint() as opened:
        yield opened


async def reply(model: ChatModel, *, stream: bool) -> ModelReply:
    return fold_deltas([delta async for delta in model.stream(ChatRequest((UserMessage("Hi"),), stream=stream))])


async def outcome(model: ChatModel, *, stream: bool) -> str:
    """How an answer ended, or the code of its error and whether it passes."""
    try:
        return str((await reply(model, stream=stream)).end.finish_reason)
    except ProviderError as error:
        return f"{error.code} {'again' if error.retryable else 'final'}"


def refused(status: int, message: str, **more: JsonValue) -> Told:
    return Told(status=status, body=json.dumps({"error": {"message": message, **more}}))


HALF: Final[JsonObject] = {"content": "Half an ans"}
DIED: Final[JsonObject] = {"code": 502, "message": "upstream died"}
ENDINGS: Final[dict[str, tuple[Told, str]]] = {
    "a gateway's provider was cut": (Told(HALF, choice={"native_finish_reason": "MAX_TOKENS"}), "length"),
    "a gateway's provider withheld": (Told(HALF, choice={"native_finish_reason": "SAFETY"}), "content_filter"),
    "MiniMax says so beside": (Told(HALF, beside={"output_sensitive": True}), "content_filter"),
    "MiniMax, a filter": (Told(HALF, beside={"base_resp": {"status_code": 1027, "status_msg": "s"}}), "LA-403 final"),
    "MiniMax, no balance": (Told(HALF, beside={"base_resp": {"status_code": 1008, "status_msg": "b"}}), "LA-429 final"),
    "MiniMax, all is well": (Told(HALF, beside={"base_resp": {"status_code": 0, "status_msg": "success"}}), "stop"),
    "Groq gave up": (Told(HALF, finish=None, beside={"x_groq": {"id": "r", "error": "over capacity"}}), "LA-503 again"),
    "Groq, all is well": (Told(HALF, beside={"x_groq": {"id": "r"}}), "stop"),
    "an error in the choice": (Told(HALF, choice={"error": DIED}), "LA-503 again"),
    "an error and its word": (Told(HALF, choice={"error": DIED, "finish_reason": "error"}), "LA-503 again"),
    "Zhipu withheld": (Told(HALF, finish="sensitive"), "content_filter"),
    "DeepSeek gave up": (Told(HALF, finish="insufficient_system_resource"), "LA-503 again"),
    "Mistral was cut": (Told(HALF, finish="model_length"), "length"),
    "a word of tomorrow": (Told(HALF, finish="half_done"), "LA-500 final"),
    "calls that never came": (Told({"content": ""}, finish="tool_calls"), "LA-500 again"),
    "nothing": (Told({"content": ""}), "LA-500 again"),
    "blanks": (Told({"content": " \n"}), "LA-500 again"),
}


@MODES
@READERS
async def test_no_answer_is_taken_for_whole_that_is_not(endpoint: AnsweringEndpoint, reader: str, stream: bool) -> None:
    model = endpoint.model(reader)
    found: dict[str, str] = {}
    for name, (told, _) in ENDINGS.items():
        endpoint.tell(told)
        found[name] = await outcome(model, stream=stream)
    await model.aclose()
    assert found == {name: right for name, (_, right) in ENDINGS.items()}


GATEWAY: Final[dict[str, tuple[str, str]]] = {
    "completed_ok": ("stop", "stop"),
    "STOP": ("stop", "stop"),
    "end_turn": ("stop", "stop"),
    "MAX_TOKENS": ("stop", "length"),
    "max_output_tokens": ("stop", "length"),
    "SAFETY": ("stop", "content_filter"),
    "refusal": ("stop", "content_filter"),
    "weird_word": ("length", "length"),
}
"""The word of a gateway's provider, the gateway's own, and what both mean."""


@MODES
@pytest.mark.parametrize(
    "reader",
    [
        "aiohttp",
        pytest.param("sdk", marks=pytest.mark.openai),
        pytest.param("litellm:openrouter", marks=(pytest.mark.litellm, pytest.mark.filterwarnings("default"))),
    ],
)
async def test_the_word_of_a_gateways_provider_counts_where_it_is_known(
    endpoint: AnsweringEndpoint, reader: str, stream: bool
) -> None:
    model = endpoint.model(reader)
    found: dict[str, str] = {}
    for word, (own, _) in GATEWAY.items():
        endpoint.tell(Told(HALF, finish=own, choice={"native_finish_reason": word}))
        found[word] = await outcome(model, stream=stream)
    await model.aclose()
    assert found == {word: right for word, (_, right) in GATEWAY.items()}


ERRORS: Final[dict[str, tuple[Told, str]]] = {
    "Anthropic, too long": (refused(400, "prompt is too long: 205000 tokens > 200000 maximum"), "LA-413 final"),
    "Gemini, too long": (
        refused(400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        "LA-413 final",
    ),
    "vLLM, too long": (
        refused(400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),
        "LA-413 final",
    ),
    "Moonshot, too long": (
        refused(400, "Your request exceeded model token limit: 8192"),
        "LA-413 final",
    ),
    "Mistral, too long": (
        refused(400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
        "LA-413 final",
    ),
    "llama.cpp, too long": (
        refused(400, "the request exceeds the available context size", type="exceed_context_size_error"),
        "LA-413 final",
    ),
    "Azure, a filter": (refused(400, "The response was filtered", code="content_filter"), "LA-403 final"),
    "Qwen, a filter": (
        refused(400, "It may be inappropriate.", code="data_inspection_failed"),
        "LA-403 final",
    ),
    "Zhipu, a filter": (refused(400, "输入包含敏感内容", code="1301"), "LA-403 final"),
    "DeepSeek, a filter": (refused(400, "Content Exists Risk"), "LA-403 final"),
    "Moonshot, a filter": (
        refused(400, "rejected because it was considered high risk"),
        "LA-403 final",
    ),
    "DeepSeek, no balance": (refused(402, "Insufficient Balance"), "LA-429 final"),
    "OpenAI, no balance": (refused(429, "You exceeded your current quota", code="insufficient_quota"), "LA-429 final"),
    "Zhipu, no balance": (refused(429, "余额不足或无可用资源包,请充值。", code="1113"), "LA-429 final"),
    "Anthropic, no balance": (refused(400, "Your credit balance is too low to access the API."), "LA-429 final"),
    "OpenRouter, no balance": (
        refused(402, "It requires more credits, or fewer max_tokens."),
        "LA-429 final",
    ),
    "a rate": (refused(429, "Rate limit reached for requests"), "LA-429 again"),
    "Groq, a call": (refused(400, "Failed to call a function.", code="tool_use_failed"), "LA-500 again"),
    "overloaded": (refused(503, "The engine is currently overloaded"), "LA-503 again"),
    "a key": (refused(401, "Incorrect API key provided."), "LA-401 final"),
    "a model": (refused(404, "The model `m` does not exist", code="model_not_found"), "LA-404 final"),
    "status 200": (Told(body=json.dumps({"error": {"message": "Insufficient Balance", "code": 402}})), "LA-429 final"),
}


@MODES
@READERS
async def test_errors_count_by_what_they_mean(endpoint: AnsweringEndpoint, reader: str, stream: bool) -> None:
    model = endpoint.model(reader)
    found: dict[str, str] = {}
    for name, (told, _) in ERRORS.items():
        endpoint.tell(told)
        found[name] = await outcome(model, stream=stream)
    await model.aclose()
    expected = {name: right for name, (_, right) in ERRORS.items()}
    if stream and reader == "litellm:openai":
        expected["status 200"] = "LA-500 again"  # The SDK throws away what is no event, so that nothing was said.
    assert found == expected


PAUSES: Final[dict[str, tuple[Told, float]]] = {
    "in words": (refused(429, "Rate limit reached. Please try again in 1m6s."), 66.0),
    "in a field": (refused(429, "Slow down", retry_after=7), 7.0),
    "Google's": (
        refused(429, "Resource exhausted", type="RESOURCE_EXHAUSTED", details=[{"retryDelay": "39s"}]),
        39.0,
    ),
    "a header": (Told(status=429, body='{"error": {"message": "Slow"}}', headers={"retry-after": "3"}), 3.0),
    "a header in ms": (
        Told(status=429, body='{"error": {"message": "Slow"}}', headers={"retry-after-ms": "250"}),
        0.25,
    ),
    "of a used-up limit": (
        Told(
            status=429,
            body='{"error": {"message": "Slow"}}',
            headers={"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"},
        ),
        360.0,
    ),
}


@READERS
async def test_pauses_are_found_wherever_they_are_told(endpoint: AnsweringEndpoint, reader: str) -> None:
    model = endpoint.model(reader)
    found: dict[str, float | None] = {}
    for name, (told, _) in PAUSES.items():
        endpoint.tell(told)
        with pytest.raises(ProviderError) as caught:
            await reply(model, stream=False)
        found[name] = caught.value.retry_after
    await model.aclose()
    assert found == {name: right for name, (_, right) in PAUSES.items()}


def call(arguments: JsonValue = None, name: str | None = None, **more: JsonValue) -> JsonObject:
    function: JsonObject = {} if name is None else {"name": name}
    if arguments is not None:
        function["arguments"] = arguments
    return {"function": function, "type": "function", **more}


def calls(*pieces: JsonObject) -> JsonObject:
    return {"tool_calls": [*pieces]}


OSLO, ROME = '{"city": "Oslo"}', '{"city": "Rome"}'
STREAMS: Final[dict[str, tuple[tuple[JsonObject, ...], list[tuple[str, str]]]]] = {
    "as documented": (
        (calls(call("", "w", index=0, id="a")), calls(call(OSLO[:6], index=0)), calls(call(OSLO[6:], index=0))),
        [("w", OSLO)],
    ),
    "two by index, mixed": (
        (
            calls(call("", "w", index=0, id="a"), call("", "w", index=1, id="b")),
            calls(call(ROME[:5], index=1), call(OSLO[:5], index=0)),
            calls(call(OSLO[5:], index=0), call(ROME[5:], index=1)),
        ),
        [("w", OSLO), ("w", ROME)],
    ),
    "two with one index, other ids": (
        (calls(call(OSLO, "w", index=0, id="a")), calls(call(ROME, "w", index=0, id="b"))),
        [("w", OSLO), ("w", ROME)],
    ),
    "a placeholder first": (
        (calls(call("{}", "w", index=0, id="a")), calls(call(OSLO, index=0))),
        [("w", OSLO)],
    ),
    "the whole again at the end": (
        (
            calls(call("", "w", index=0, id="a")),
            calls(call(OSLO[:6], index=0)),
            calls(call(OSLO[6:], index=0)),
            calls(call(OSLO, "w", index=0, id="a")),
        ),
        [("w", OSLO)],
    ),
    "the name with every piece": (
        (calls(call(OSLO[:6], "w", index=0, id="a")), calls(call(OSLO[6:], "w", index=0, id="a"))),
        [("w", OSLO)],
    ),
    "null arguments first": (
        (calls({"index": 0, "id": "a", "function": {"name": "w", "arguments": None}}), calls(call(OSLO, index=0))),
        [("w", OSLO)],
    ),
    "no arguments at all": ((calls(call(None, "w", index=0, id="a")),), [("w", "")]),
}


@READERS
async def test_pieces_of_calls_come_together(endpoint: AnsweringEndpoint, reader: str) -> None:
    model = endpoint.model(reader)
    found: dict[str, list[tuple[str, str]]] = {}
    for name, (deltas, _) in STREAMS.items():
        endpoint.tell(Told(deltas=deltas, finish="tool_calls"))
        message = (await reply(model, stream=True)).message
        found[name] = [(one.name, one.arguments.removeprefix("{}") or "") for one in message.tool_calls]
    await model.aclose()
    assert found == {name: right for name, (_, right) in STREAMS.items()}


TEXTS: Final[dict[str, tuple[JsonObject, tuple[str | None, str | None]]]] = {
    "DeepSeek's reasoning": ({"content": "Hi", "reasoning_content": "Hm."}, ("Hi", "Hm.")),
    "OpenRouter's reasoning": ({"content": "Hi", "reasoning": "Hm."}, ("Hi", "Hm.")),
    "both of them": ({"content": "Hi", "reasoning": "Hm.", "reasoning_content": "Hm."}, ("Hi", "Hm.")),
    "no reasoning": ({"content": "Hi", "reasoning_content": None}, ("Hi", None)),
    "empty reasoning": ({"content": "Hi", "reasoning_content": ""}, ("Hi", None)),
    "a refusal": ({"content": None, "refusal": "No."}, ("No.", None)),
}


@MODES
@READERS
async def test_texts_and_reasoning_are_told_apart(endpoint: AnsweringEndpoint, reader: str, stream: bool) -> None:
    model = endpoint.model(reader)
    found: dict[str, tuple[str | None, str | None]] = {}
    for name, (message, _) in TEXTS.items():
        endpoint.tell(Told(message))
        told = (await reply(model, stream=stream)).message
        found[name] = (told.text_or_refusal, told.reasoning)
    await model.aclose()
    assert found == {name: right for name, (_, right) in TEXTS.items()}


def now() -> str:
    """The time."""
    return "noon"


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


# What the model writes, what goes back on the wire, and what becomes of the call.
WRITTEN: Final[dict[str, tuple[str, JsonValue, str, str, str]]] = {
    "broken": ("weather", '{"city": "Os', "weather", "{}", "refused"),
    "empty": ("now", "", "now", "{}", "ok"),
    "null": ("now", "null", "now", "{}", "ok"),
    "quotes": ("now", '""', "now", "{}", "ok"),
    "a leaked place": ("functions.weather", OSLO, "weather", OSLO, "ok"),
    "a leaked channel": ("weather<|channel|>commentary", OSLO, "weather", OSLO, "ok"),
    "a fence": ("weather", f"```json\n{OSLO}\n```", "weather", "{}", "refused"),
    "no such tool": ("wether!", OSLO, "wether_", OSLO, "refused"),
    "a list": ("weather", "[1]", "weather", "{}", "refused"),
}


@MODES
@READERS
async def test_what_goes_back_parses_everywhere(endpoint: AnsweringEndpoint, reader: str, stream: bool) -> None:
    model = endpoint.model(reader)
    found: dict[str, tuple[str, str, str]] = {}
    for row, (name, arguments, *_) in WRITTEN.items():

        def answer(body: JsonObject, name: str = name, arguments: JsonValue = arguments) -> Told:
            if "'role': 'tool'" in str(body):
                return Told({"content": "Done."})
            return Told(calls(call(arguments, name, index=0, id="call_1")), finish="tool_calls")

        endpoint.answer = answer
        agent = LightAgent(model=model, tools=[now, weather], limits=Limits(max_retry=1))
        if stream:
            steps = agent.astream("Hi", result_format="event")
            async for _ in steps:
                pass
            result = steps.result
        else:
            result = await agent.arun("Hi", result_format="object")
        assert result.success, (row, result.error)
        messages = endpoint.received[-1]["messages"]
        assert isinstance(messages, list)
        sent = next(one for one in messages if isinstance(one, dict) and one.get("tool_calls"))
        told = json.loads(json.dumps(sent))["tool_calls"][0]["function"]
        found[row] = (told["name"], json.dumps(json.loads(told["arguments"])), result.tool_calls[0].status)
    await model.aclose()
    assert found == {row: (name, arguments, status) for row, (_, _, name, arguments, status) in WRITTEN.items()}
