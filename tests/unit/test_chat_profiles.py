"""What an endpoint takes: by the table, by an option, and by what its refusals teach."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import BaseModel

from lightagent import LightAgent, Limits
from lightagent.adapters.chat._profile_lookup import find_litellm_profile, find_profile, named_profile
from lightagent.adapters.chat._profile_table import LINES
from lightagent.adapters.chat._profiles import UNKNOWN, UNSIGNED, EndpointProfile, response_format
from lightagent.adapters.chat._refusals import learn, refused
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.registry import open_adapter
from lightagent.application.projections.usage import run_counts
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.conversation.provider_fields import UNKNOWN_MODEL
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import ModelFailed, ModelRetried
from lightagent.domain.runs.retries import MOST_ADAPTIONS
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatModel, ChatRequest

MISSED = EndpointProfile(call_reasoning=("reasoning_content", ""))
Refusal = Callable[[JsonObject], str | None]
TRANSPORTS = [pytest.param("aiohttp"), pytest.param("sdk", marks=pytest.mark.openai)]


class City(BaseModel):
    name: str


class Picky:
    """An endpoint that refuses what `refusal` finds in a request, and keeps what it was sent."""

    def __init__(self) -> None:
        self.refusal: Refusal = lambda body: None
        self.received: list[JsonObject] = []
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        self.server = TestServer(app, host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self.server.make_url("/v1"))

    async def answer(self, request: web.Request) -> web.Response:
        body: JsonObject = await request.json()
        self.received.append(body)
        if (message := self.refusal(body)) is not None:
            return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=400)
        said = {"role": "assistant", "content": '{"name": "Oslo"}'}
        choice = {"index": 0, "finish_reason": "stop", "message": said}
        return web.json_response(
            {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        )


@pytest.fixture
async def picky() -> AsyncIterator[Picky]:
    endpoint = Picky()
    async with endpoint.server:
        yield endpoint


def form(body: JsonObject) -> str:
    found = body.get("response_format")
    return str(found["type"]) if isinstance(found, dict) else "prompt"


def only(way: str, words: str) -> Refusal:
    return lambda body: None if form(body) in (way, "prompt") else words


def without(name: str, words: str) -> Refusal:
    return lambda body: words if name in body else None


def no_system(body: JsonObject) -> str | None:
    messages = body["messages"]
    roles = [one.get("role") for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    return "System role not supported" if "system" in roles else None


CASES: list[tuple[str, Refusal, JsonObject, str]] = [
    ("schema", only("json_object", "This response_format type is unavailable now"), {}, "json_object instead of"),
    ("any", only("prompt", "Unrecognized request argument supplied: response_format"), {}, "prompt instead of"),
    (
        "max_tokens",
        without("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        {"max_tokens": 50},
        "max_completion_tokens instead of max_tokens",
    ),
    (
        "max_completion_tokens",
        without("max_completion_tokens", "Unrecognized request argument supplied: max_completion_tokens"),
        {"max_completion_tokens": 50},
        "max_tokens instead of max_completion_tokens",
    ),
    (
        "parallel",
        without("parallel_tool_calls", "Unknown name 'parallel_tool_calls'"),
        {"parallel_tool_calls": False},
        "no parallel_tool_calls",
    ),
    ("system", no_system, {}, "no system role"),
]


async def run_twice(model: ChatModel, params: JsonObject, change: str) -> None:
    """The first run learns, on record; the second has nothing to learn."""
    agent = LightAgent(model=model, output_type=City, metadata=params, limits=Limits(max_retry=1))
    first = await agent.arun("Which?", result_format="object")
    assert first.unwrap() == City(name="Oslo"), first.error
    failures = [event for event in first.journal.events if isinstance(event, ModelFailed)]
    details = failures[-1].error.details
    assert details is not None
    assert change in str(details["learnt"])
    assert change in failures[-1].error.message
    assert any(isinstance(event, ModelRetried) for event in first.journal.events)
    assert run_counts(first.journal.events)["retry_count"] == 0, "nothing failed"
    second = await agent.arun("Which?", result_format="object")
    assert second.unwrap() == City(name="Oslo")
    assert not any(isinstance(event, ModelFailed) for event in second.journal.events)
    await model.aclose()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("refusal", "params", "change"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_refusal_is_learnt_once(
    picky: Picky, transport: Literal["aiohttp", "sdk"], refusal: Refusal, params: JsonObject, change: str
) -> None:
    picky.refusal = refusal
    await run_twice(OpenAIChatModel("m", "test-key-000", picky.url, transport=transport), params, change)


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("refusal", "params", "change"), [case[1:] for case in CASES[:2]], ids=["schema", "any"])
async def test_a_refusal_is_learnt_once_behind_litellm(
    picky: Picky, refusal: Refusal, params: JsonObject, change: str
) -> None:
    picky.refusal = refusal
    model = open_adapter("chat", "litellm", {"model": "openai/m", "api_key": "test-key-000", "base_url": picky.url})
    assert isinstance(model, ChatModel)
    await run_twice(model, params, change)


async def test_a_stream_is_asked_again_without_its_options(picky: Picky) -> None:
    picky.refusal = without("stream_options", "Extra inputs are not permitted: stream_options")
    model = OpenAIChatModel("m", "test-key-000", picky.url)
    request = ChatRequest((UserMessage("hi"),), stream=True)
    with pytest.raises(ProviderError, match="no stream_options") as caught:
        _ = [delta async for delta in model.stream(request)]
    assert (caught.value.retryable, caught.value.retry_after) == (True, 0.0)
    assert [delta async for delta in model.stream(request)]
    await model.aclose()


async def test_an_invalid_value_does_not_change_the_profile(picky: Picky) -> None:
    for words in ("max_tokens is too large: at most 10 are supported", "Invalid max_tokens.", "no such model"):
        picky.refusal = without("max_tokens", words)
        model = OpenAIChatModel("m", "test-key-000", picky.url, profile=EndpointProfile(token_limit="max_tokens"))
        request = ChatRequest((UserMessage("hi"),), params={"max_tokens": 50})
        with pytest.raises(ProviderError) as caught:
            _ = [delta async for delta in model.stream(request)]
        assert not caught.value.retryable
        await model.aclose()


TOOL = ToolSpec("add", "Add.", {"type": "object"})
INSTRUCTED = (SystemMessage("Be short."), UserMessage("hi"))


@pytest.mark.parametrize(
    ("message", "status", "learns"),
    [
        ("json mode cannot be combined with tool/function calling", 400, True),
        ("json mode cannot be combined with tool/function calling", 500, False),
        ("the model is overloaded", 400, False),
        ("System message must be at the beginning.", 400, False),
        ("role 'system' is not allowed here", 422, True),
    ],
)
def test_only_a_clear_refusal_changes_the_profile(message: str, status: int, learns: bool) -> None:
    request = ChatRequest(INSTRUCTED, (TOOL,), output_schema={"type": "object"})
    learnt = refused(EndpointProfile(beside_tools=True), request, message, {"status": status})
    assert (learnt is not None) == learns
    if learnt is not None:
        assert refused(learnt.profile, request, message, {"status": status}) is None, "nothing is learnt twice"


NAMED = (UserMessage("hi", "ann"),)
CALLED = (*NAMED, AssistantMessage(None, (ToolCall("a", "now", "{}"),)), ToolMessage("a", "noon"))


@pytest.mark.parametrize(
    ("message", "learnt"),
    [
        ("Conversation roles must alternate user/assistant/user/assistant/...", EndpointProfile(alternating=True)),
        (
            "After the (optional) system message(s), user or tool message(s) should alternate with assistant "
            "message(s).",
            EndpointProfile(alternating=True),
        ),
        ("Unexpected role 'user' after role 'tool'", EndpointProfile(user_after_tools=False)),
        (
            "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
            EndpointProfile(call_ids="nine_letters"),
        ),
        (
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
            EndpointProfile(call_ids="word"),
        ),
        ("messages.3: `tool_use` ids must be unique", EndpointProfile(repeated_ids=False)),
        (
            "'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : property 'name' is "
            "unsupported)]",
            EndpointProfile(names=False),
        ),
        (
            '[{"type":"extra_forbidden","loc":["body","messages",0,"user","name"],'
            '"msg":"Extra inputs are not permitted"}]',
            EndpointProfile(names=False),
        ),
        ("Only messages of role 'user' can have a name.", EndpointProfile(names=False)),
        (
            "The reasoning_content in the thinking mode must be passed back to the API.",
            EndpointProfile(call_reasoning=("reasoning_content", "")),
        ),
        (
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
            EndpointProfile(call_reasoning=("reasoning_content", "")),
        ),
        (
            "Function call is missing a thought_signature in functionCall parts.",
            EndpointProfile(first_call=UNSIGNED),
        ),
        ("response_format` does not support streaming", EndpointProfile(in_streams=False)),
        ("Missing `reasoning_content` field in the assistant message at message index 1.", MISSED),
        (
            "user and assistant roles should be alternating",
            EndpointProfile(alternating=True),
        ),
        ("invalid message content type: <nil>", EndpointProfile(null_content=False)),
        ("Invalid value for 'content': expected a string, got null.", EndpointProfile(null_content=False)),
        ("messages.1.content: null is not allowed", EndpointProfile(null_content=False)),
        ("messages[2]: content cannot be null", EndpointProfile(null_content=False)),
    ],
)
def test_the_profile_adapts_to_a_refused_conversation(message: str, learnt: EndpointProfile) -> None:
    request = ChatRequest(CALLED, output_schema={"type": "object"}, stream=True)
    found = refused(UNKNOWN, request, message, {"status": 400})
    assert found is not None
    assert found.profile == learnt
    assert refused(UNKNOWN, request, message, {"status": 500}) is None


@pytest.mark.parametrize(
    "message",
    [
        "Function calling with a response mime type: 'application/json' is unsupported",
        '"tools" is incompatible with "response_format"',
        "Cannot use json response type with tools",
        "You cannot specify response format and function call at the same time",
        "json mode cannot be combined with tool/function calling",
        "Structured output is not supported when tools are present",
    ],
)
def test_a_format_that_goes_with_no_tools_is_learnt(message: str) -> None:
    tool = ToolSpec("now", "The time.", {"type": "object", "properties": {}})
    request = ChatRequest((UserMessage("hi"),), (tool,), output_schema={"type": "object"})
    found = refused(EndpointProfile(beside_tools=True), request, message, {"status": 400})
    assert found is not None
    assert found.profile == UNKNOWN


def test_beside_calls_an_empty_content_stands_where_none_may_be_null() -> None:
    call = AssistantMessage(None, (ToolCall("a", "now", "{}"),))
    recipient = EndpointProfile(null_content=False).recipient(UNKNOWN_MODEL)
    assert json.loads(call.encoded(recipient)) == call.to_openai(recipient) == {**call.to_openai(), "content": ""}
    assert json.loads(call.encoded()) == {**call.to_openai(), "content": None}
    said = AssistantMessage("Let me see.", call.tool_calls)
    assert json.loads(said.encoded(recipient)) == said.to_openai()


def test_a_refusal_of_something_that_was_not_sent_changes_nothing() -> None:
    plain = ChatRequest((UserMessage("hi"),))
    for message in (
        "invalid message content type: <nil>",
        "'messages.0' : property 'name' is unsupported",
        "response_format does not support streaming",
        "reasoning effort: a value must be provided",
        "Tool call id was x but must be a-z, A-Z, 0-9, with a length of 9.",
    ):
        assert refused(UNKNOWN, plain, message, {"status": 400}) is None
    nameless = "messages.0.tool_calls.0.function.name: Extra inputs are not permitted"
    assert refused(UNKNOWN, ChatRequest(NAMED), nameless, {"status": 400}) is None


def test_an_empty_reasoning_that_does_not_count_becomes_a_blank_one() -> None:
    message, found = "reasoning_content is missing in assistant tool call message", UNKNOWN
    request = ChatRequest(CALLED)
    for stand_in in ("", " "):
        learnt = refused(found, request, message, {"status": 400})
        assert learnt is not None
        found = learnt.profile
        assert found.call_reasoning == ("reasoning_content", stand_in)
    assert refused(found, request, message, {"status": 400}) is None


@pytest.mark.parametrize(("profile", "streamed"), [(UNKNOWN, True), (find_profile("api.groq.com", "m"), False)])
def test_an_answer_of_a_type_is_asked_for_in_streams_only_where_that_goes(
    profile: EndpointProfile, streamed: bool
) -> None:
    whole = ChatRequest((UserMessage("hi"),), output_schema={"type": "object"})
    assert response_format(profile, whole) is not None
    assert (response_format(profile, replace(whole, stream=True)) is not None) is streamed


def test_a_line_is_found_by_host_and_model() -> None:
    assert find_profile("api.openai.com", "gpt-4.1").token_limit == "as_given"
    assert find_profile("API.OpenAI.com", "o3-mini").token_limit == "max_completion_tokens"
    assert find_profile("x.openai.azure.com", "gpt-5").token_limit == "max_completion_tokens"
    assert find_profile("api.deepseek.com", "deepseek-chat").structured == ("json_object", "prompt")
    assert find_profile("api.deepseek.com.example", "deepseek-chat") == UNKNOWN
    assert find_profile("generativelanguage.googleapis.com", "gemini-3-pro").first_call == UNSIGNED
    assert find_litellm_profile("mistral/mistral-large-latest").call_ids == "nine_letters"
    assert find_litellm_profile("deepseek/deepseek-chat").structured == ("json_object", "prompt")
    assert find_litellm_profile("gpt-4.1").beside_tools
    assert find_litellm_profile("anthropic/claude") == find_litellm_profile("new/one") == UNKNOWN


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("ws-1.ap-southeast-1.maas.aliyuncs.com", "qwen"),
        ("dashscope-intl.aliyuncs.com", "qwen"),
        ("api.stepfun.ai", "stepfun"),
        ("api.minimaxi.com", "minimax"),
        ("api.baichuan-ai.com", "baichuan"),
        ("api.mistral.ai", "mistral"),
        ("openrouter.ai", "openrouter"),
        ("generativelanguage.googleapis.com", "gemini"),
    ],
)
def test_hosts_have_the_line_of_their_provider(host: str, name: str) -> None:
    assert find_profile(host, "any") == named_profile(name)


def test_a_server_of_ones_own_is_named() -> None:
    model = OpenAIChatModel("qwen3", base_url="http://127.0.0.1:11434/v1", profile="ollama")
    assert model.profile.token_limit == "max_tokens"
    assert OpenAIChatModel("qwen3", base_url="http://127.0.0.1:11434/v1").profile == UNKNOWN


async def test_the_usage_of_a_stream_is_not_asked_for_where_that_is_refused(picky: Picky) -> None:
    picky.refusal = without("stream_options", "Extra inputs are not permitted: stream_options")
    model = OpenAIChatModel("m", "test-key-000", picky.url, profile="mistral")
    request = ChatRequest((UserMessage("hi"),), params={"max_completion_tokens": 5}, stream=True)
    assert [delta async for delta in model.stream(request)]
    (sent,) = picky.received
    assert sent["max_tokens"] == 5
    await model.aclose()


def test_every_line_says_how_it_is_known_and_has_a_name_of_its_own() -> None:
    assert len({line.name for line in LINES}) == len(LINES)
    for line in LINES:
        assert line.source.startswith("https://")
        assert "prompt" in line.profile.structured


async def test_an_option_takes_the_place_of_the_table(picky: Picky) -> None:
    table = {"structured": ["json_object"], "system_role": False, "token_limit": "max_completion_tokens"}
    for profile in (table, "deepseek"):
        options = {"model": "m", "api_key": "test-key-000", "base_url": picky.url, "profile": profile}
        model = open_adapter("chat", "openai", options)
        assert isinstance(model, OpenAIChatModel)
        request = ChatRequest(INSTRUCTED, params={"max_tokens": 5}, output_schema={"type": "object"})
        assert [delta async for delta in model.stream(request)]
        await model.aclose()
    own, named = picky.received
    assert own["response_format"] == named["response_format"] == {"type": "json_object"}
    assert own["messages"] == [{"role": "user", "content": "Be short.\n\nhi"}]
    assert (own["max_completion_tokens"], named["max_tokens"]) == (5, 5)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="deepsek"):
        OpenAIChatModel("m", profile="deepsek")
    with pytest.raises(ConfigurationError, match="structred"):
        open_adapter("chat", "openai", {"model": "m", "profile": {"structred": ["prompt"]}})


def test_what_two_requests_learn_at_the_same_time_is_kept() -> None:
    request = ChatRequest((UserMessage("Hi"),), params={"parallel_tool_calls": False, "max_tokens": 9})
    refusals = [
        ProviderError(f"Unsupported parameter: '{name}'", code="LA-400", details={"status": 400})
        for name in ("parallel_tool_calls", "max_tokens", "parallel_tool_calls")
    ]
    profile = UNKNOWN
    for refusal in refusals:  # all of them were sent before anything was known
        profile, error = learn(profile, UNKNOWN, request, refusal)
        assert isinstance(error, ProviderError)
        assert error.retryable
    assert profile == EndpointProfile(parallel_calls=False, token_limit="max_completion_tokens")


async def test_several_refusals_of_one_request_are_learnt_without_a_retry(picky: Picky) -> None:
    refused_one_by_one = ("stream_options", "parallel_tool_calls", "max_tokens", "response_format")

    def refuse(body: JsonObject) -> str | None:
        wrong = next((name for name in refused_one_by_one if name in body), None)
        return None if wrong is None else f"Unsupported parameter: {wrong}"

    picky.refusal = refuse
    params: JsonObject = {"parallel_tool_calls": False, "max_tokens": 99}
    agent = LightAgent(
        model=OpenAIChatModel("m", "test-key-000", picky.url),
        output_type=City,
        metadata=params,
        limits=Limits(max_retry=1),
    )
    steps = agent.astream("Which?", result_format="event")
    async for _ in steps:
        pass
    assert steps.result.success, steps.result.error
    assert steps.result.output == City(name="Oslo")
    await agent.aclose()


class NeverContent(ChatModel):
    """Says after every request that it has learnt something."""

    asked = 0

    @property
    def name(self) -> str:
        return "never-content"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked += 1
        raise ProviderError("No.", code="LA-400", retryable=True, details={"status": 400, "learnt": "nothing"})
        yield

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_adaptations_of_one_request_are_limited() -> None:
    model = NeverContent()
    result = await LightAgent(model=model).arun("Hi", result_format="object", max_retry=1)
    assert result.error is not None
    assert result.error.code == "LA-400"
    assert model.asked == MOST_ADAPTIONS + 1


@pytest.mark.parametrize(
    ("host", "model", "line"),
    [
        ("eu.api.openai.com", "gpt-5", "openai-reasoning"),
        ("us.api.openai.com", "gpt-4.1", "openai"),
        ("mine.services.ai.azure.com", "gpt-4.1", "openai"),
        ("mine.cognitiveservices.azure.com", "o4-mini", "openai-reasoning"),
        ("api.eu.mistral.ai", "mistral-large-latest", "mistral"),
        ("api-uw.minimax.io", "MiniMax-M2.7", "minimax"),
        ("api.minimax.chat", "MiniMax-M2.7", "minimax"),
        ("dashscope-us.aliyuncs.com", "qwen-plus", "qwen"),
        ("us-east-1.api.x.ai", "grok-4", "xai"),
        ("eu.openrouter.ai", "openai/gpt-4.1", "openrouter"),
        ("API.DeepSeek.com", "deepseek-v4-pro", "deepseek"),
    ],
)
def test_the_regions_of_a_provider_are_the_provider(host: str, model: str, line: str) -> None:
    assert find_profile(host, model) is named_profile(line)


@pytest.mark.parametrize(
    "host", ["evil-api.openai.com", "api.openai.com.example", "openai.com", "api.mistral.ai.example"]
)
def test_what_only_looks_like_a_provider_is_unknown(host: str) -> None:
    assert find_profile(host, "m") is UNKNOWN
