"""The tokens of an answer on its chat span: input with what was cached, output with the reasoning, whoever counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ChatModel, LightAgent
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.json_types import JsonObject
from tests.functional.agents import MODES
from tests.support.answering_endpoint import KEY, READERS, Told, answering_endpoint
from tests.support.recorded_spans import RecordedSpans, attributes

# pydantic warns of types that LiteLLM declares.
pytestmark = pytest.mark.filterwarnings("default")

COUNTS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
)
Counts = tuple[int, int, int, int, int]

REPORTS: dict[str, tuple[JsonObject, Counts]] = {
    # Cached tokens are part of the prompt, and reasoning part of the completion.
    "openai": (
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 192, "accepted_prediction_tokens": 0},
        },
        (2006, 300, 1920, 192, 0),
    ),
    # The prompt is what was found in the cache and what was not.
    "deepseek": (
        {
            "prompt_tokens": 1100,
            "completion_tokens": 250,
            "total_tokens": 1350,
            "prompt_cache_hit_tokens": 1024,
            "prompt_cache_miss_tokens": 76,
            "completion_tokens_details": {"reasoning_tokens": 200},
        },
        (1100, 250, 1024, 200, 0),
    ),
    # Only the total tells of the thinking.
    "gemini": ({"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}, (20, 603, 0, 0, 0)),
    # Reasoning stands beside the completion.
    "xai": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "prompt_tokens_details": {"cached_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        (32, 103, 6, 94, 0),
    ),
    # Its endpoint for OpenAI's clients tells no details.
    "anthropic": ({"prompt_tokens": 80, "completion_tokens": 12, "total_tokens": 92}, (80, 12, 0, 0, 0)),
    # It counts what was read from the cache and written to it within the prompt.
    "openrouter": (
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1500, "cache_write_tokens": 400},
        },
        (2006, 300, 1500, 0, 400),
    ),
}


async def told_of(model: ChatModel, *, stream: bool) -> Counts:
    """The counts on the chat span of a run; those that are missing are 0."""
    spans = RecordedSpans(sum_usage=True)
    async with aclosing(LightAgent(model=model, telemetry=[spans.sink])) as agent:
        if stream:
            async for _ in agent.astream("?"):
                pass
        else:
            await agent.arun("?")
    chat, run = attributes(spans.one("chat")), attributes(spans.one("invoke_agent"))
    assert {name: chat.get(name) for name in COUNTS} == {name: run.get(name) for name in COUNTS}
    metric = {
        str((point.attributes or {})["gen_ai.token.type"]): point.sum
        for point in spans.points("gen_ai.client.token.usage")
    }
    assert metric == {"input": chat["gen_ai.usage.input_tokens"], "output": chat["gen_ai.usage.output_tokens"]}
    given, made, cached, reasoning, written = (chat.get(name, 0) for name in COUNTS)
    assert isinstance(given, int)
    assert isinstance(made, int)
    assert isinstance(cached, int)
    assert isinstance(reasoning, int)
    assert isinstance(written, int)
    assert cached + written <= given
    assert reasoning <= made
    return given, made, cached, reasoning, written


@MODES
@READERS
@pytest.mark.parametrize("provider", REPORTS)
async def test_providers_that_speak_as_openai_does(provider: str, reader: str, stream: bool) -> None:
    if provider == "gemini" and stream and "litellm" in reader:
        pytest.skip("LiteLLM adds the total of a stream up by itself")
    report, expected = REPORTS[provider]
    async with answering_endpoint() as endpoint:
        endpoint.tell(Told({"content": "Hi"}, beside={"usage": report}))
        told = await told_of(endpoint.model(reader), stream=stream)
    assert told == expected


ANTHROPIC: JsonObject = {
    "input_tokens": 50,
    "cache_read_input_tokens": 100_000,
    "cache_creation_input_tokens": 248,
    "output_tokens": 503,
}
GEMINI: JsonObject = {
    "promptTokenCount": 2000,
    "cachedContentTokenCount": 1500,
    "candidatesTokenCount": 198,
    "thoughtsTokenCount": 405,
    "totalTokenCount": 2603,
}


def events(*told: JsonObject, named: bool = False) -> str:
    """A stream of events."""
    return "".join((f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in told)


def anthropic_answer(*, stream: bool) -> str:
    """As its own API answers: what was cached is counted beside the input."""
    message: JsonObject = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    if not stream:
        content: list[JsonObject] = [{"type": "text", "text": "Hi"}]
        whole: JsonObject = {**message, "content": [*content], "stop_reason": "end_turn", "usage": ANTHROPIC}
        return json.dumps(whole)
    begun: JsonObject = {**message, "content": [], "stop_reason": None, "usage": {**ANTHROPIC, "output_tokens": 1}}
    return events(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 503}},
        {"type": "message_stop"},
        named=True,
    )


def gemini_answer(*, stream: bool) -> str:
    """As its own API answers: thoughts are counted beside the candidates."""
    candidate: JsonObject = {
        "content": {"role": "model", "parts": [{"text": "Hi"}]},
        "finishReason": "STOP",
        "index": 0,
    }
    answer: JsonObject = {"candidates": [candidate], "usageMetadata": GEMINI, "modelVersion": "m"}
    return events(answer) if stream else json.dumps(answer)


@MODES
@pytest.mark.litellm
@pytest.mark.parametrize(
    ("model", "path", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", "", (100_298, 503, 100_000, 0, 248)),
        ("gemini/gemini-2.5-flash", "v1beta", (2000, 603, 1500, 405, 0)),
    ],
)
async def test_providers_that_speak_otherwise(model: str, path: str, expected: Sequence[int], stream: bool) -> None:
    made = anthropic_answer(stream=stream) if path == "" else gemini_answer(stream=stream)
    async with answering_endpoint() as endpoint:
        endpoint.tell(Told(body=made))
        base = str(endpoint.http.make_url(f"/{path}")).rstrip("/")
        told = await told_of(LiteLLMChatModel(model, api_key=KEY, api_base=base), stream=stream)
    assert told == expected
