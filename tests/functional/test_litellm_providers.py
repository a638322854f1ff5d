"""Providers that speak no OpenAI protocol, through LiteLLM: a server that nobody here wrote plays each of them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from lightagent import LightAgent, tool
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from tests.functional.agents import MODES
from tests.servers.aimock import Aimock
from tests.servers.json_values import JsonObject

pytestmark = [pytest.mark.litellm, pytest.mark.filterwarnings("default"), pytest.mark.timeout(120)]

# By the number of answers so far: results of tools in LiteLLM's form for Gemini are no results to aimock.
CALL: JsonObject = {
    "match": {"turnIndex": 0},
    "response": {"toolCalls": [{"name": "add", "arguments": '{"a": 1, "b": 2}'}]},
}
ANSWER: JsonObject = {
    "match": {"turnIndex": 1},
    "response": {"content": '{"total": 3}'},
}
# The model, where its API begins, and the path of its requests.
PROVIDERS = {
    "anthropic": ("anthropic/claude-sonnet-4-5", "", "/v1/messages"),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta", "/v1beta/models/gemini-2.5-flash:"),
    "ollama": ("ollama_chat/llama3", "", "/api/chat"),
    "openai": ("openai/gpt", "/v1", "/v1/chat/completions"),
}


class Total(BaseModel):
    """What the numbers add up to."""

    total: int


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@MODES
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_tool_and_a_typed_answer(aimock: Aimock, provider: str, stream: bool) -> None:
    aimock.replace(CALL, ANSWER)
    model, base, path = PROVIDERS[provider]
    agent = LightAgent(
        model=LiteLLMChatModel(model, api_key="none", api_base=aimock.child.url + base),
        tools=[add],
        output_type=Total,
        instructions="Be exact.",
    )
    if stream:
        steps = agent.astream("What are one and two?", result_format="event")
        async for _ in steps:
            pass
        result = steps.result
    else:
        result = await agent.arun("What are one and two?", result_format="object")
    await agent.aclose()
    assert result.success, result.error
    assert result.output == Total(total=3)
    assert [(call.name, call.status, call.output) for call in result.tool_calls] == [("add", "ok", "3")]
    requests = aimock.journal()
    assert [request.status for request in requests] == [200, 200]
    assert all(request.path.startswith(path) for request in requests), [request.path for request in requests]
