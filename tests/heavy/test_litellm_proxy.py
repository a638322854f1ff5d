"""LiteLLM's own proxy as the endpoint: a tool and a typed answer, in the forms of three providers behind it."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from lightagent import LightAgent, OpenAIChatModel, ProviderError, tool
from tests.functional.agents import MODES
from tests.servers.json_values import JsonObject
from tests.servers.litellm_proxy import KEY, MODELS, LiteLLMProxy

pytestmark = pytest.mark.timeout(300)

CALL: JsonObject = {
    "match": {"turnIndex": 0},
    "response": {"toolCalls": [{"name": "add", "arguments": '{"a": 1, "b": 2}'}]},
}
ANSWER: JsonObject = {"match": {"turnIndex": 1}, "response": {"content": '{"total": 3}'}}


class Total(BaseModel):
    """What the numbers add up to."""

    total: int


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@MODES
@pytest.mark.parametrize("name", MODELS)
async def test_a_tool_and_a_typed_answer(litellm_proxy: LiteLLMProxy, name: str, stream: bool) -> None:
    litellm_proxy.backend.replace(CALL, ANSWER)
    model = OpenAIChatModel(name, KEY, litellm_proxy.base_url)
    agent = LightAgent(model=model, tools=[add], output_type=Total, instructions="Be exact.")
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


async def test_an_unknown_model_is_an_error_that_names_it(litellm_proxy: LiteLLMProxy) -> None:
    agent = LightAgent(model=OpenAIChatModel("missing", KEY, litellm_proxy.base_url))
    with pytest.raises(ProviderError, match="missing") as raised:
        await agent.arun("Hello.")
    assert not raised.value.retryable
    assert KEY not in str(raised.value)
    await agent.aclose()
