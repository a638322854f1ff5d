"""Agents behind OpenAI's API, as the official client sees them over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from lightagent import LightAgent, LightSwarm, ProviderError, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.limits import Limits
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.served import served

pytestmark = pytest.mark.openai

ONCE = Limits(max_retry=1)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def answer(request: ChatRequest) -> Reply:
    """What the model says to each of the questions below."""
    asked = [message.content for message in request.messages if isinstance(message, UserMessage)][-1]
    if request.messages[-1].role == "tool":
        return "It is 5."
    if asked == "add":
        return call_tool("add", a=2, b=3)
    if asked == "think":
        return [
            ReasoningDelta("Hm. "),
            ReasoningDelta("Yes."),
            TextDelta("So be it."),
            ReplyEnd("stop", Usage(7, 3, 10)),
        ]
    if asked == "fail":
        return ProviderError("The provider is on fire.", code="LA-500")
    if asked == "break":
        return [TextDelta("I was about"), ProviderError("The line is dead.", code="LA-400")]
    if asked == "count":
        return f"{len(request.messages)} messages, told {request.messages[0].content!r}, {dict(request.params)}"
    return f"You said {asked}."


def made(name: str = "helper") -> LightAgent:
    return LightAgent(name=name, model=ScriptedModel(answer), tools=[add], instructions="Be brief.", limits=ONCE)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    swarm = LightSwarm()
    swarm.register_agent(made("desk"), made("expert"))
    with served(serve(made(), swarms={"team": swarm}, settings=ServeSettings(runs=4, runs_of_key=4))) as base:
        yield f"{base}/v1"


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address, api_key="unused", max_retries=0) as made:
        yield made


def chunks_of(client: openai.OpenAI, question: str) -> list[ChatCompletionChunk]:
    stream = client.chat.completions.create(
        model="helper",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return list(stream)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_what_is_served_is_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["helper", "team", "utility"]
    assert client.models.retrieve("team").owned_by == "lightagent"


def test_a_plain_answer_has_the_text_of_the_last_turn_and_the_tokens_of_all(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="helper", messages=[{"role": "user", "content": "add"}])
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason, choice.message.tool_calls) == ("It is 5.", "stop", None)
    assert answer.model == "helper"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_never_has_the_calls_of_the_agents_own_tools(client: openai.OpenAI) -> None:
    chunks = chunks_of(client, "add")
    assert text_of(chunks) == "It is 5."
    assert not any(choice.delta.tool_calls for chunk in chunks for choice in chunk.choices)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_tells_no_usage_unless_it_is_asked_for(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="helper", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    assert all(chunk.usage is None and chunk.choices for chunk in stream)


def test_what_a_model_thinks_is_in_a_field_of_its_own(client: openai.OpenAI) -> None:
    deltas = [choice.delta for chunk in chunks_of(client, "think") for choice in chunk.choices]
    thought = "".join(str(getattr(delta, "reasoning_content", "") or "") for delta in deltas)
    assert (thought, "".join(delta.content or "" for delta in deltas)) == ("Hm. Yes.", "So be it.")
    whole = client.chat.completions.create(model="helper", messages=[{"role": "user", "content": "think"}])
    assert getattr(whole.choices[0].message, "reasoning_content", None) == "Hm. Yes."


def test_a_client_s_system_message_comes_after_the_agent_s_instructions(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="helper",
        messages=[
            {"role": "system", "content": "Speak like a pirate."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "count"},
        ],
        temperature=0.5,
        max_completion_tokens=50,
    )
    said = answer.choices[0].message.content or ""
    assert said.startswith("4 messages, told 'Be brief.\\n\\nSpeak like a pirate.'")
    assert "'temperature': 0.5" in said
    assert "'max_completion_tokens': 50" in said


def test_a_swarm_is_a_model(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="team", messages=[{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content == "You said Hello."


def test_a_run_that_fails_is_an_error_with_our_code_and_advice(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="helper", messages=[{"role": "user", "content": "fail"}])
    assert raised.value.status_code == 502
    assert raised.value.code == "LA-500"
    assert "on fire" in raised.value.message
    assert raised.value.response.headers["x-request-id"]


def test_an_error_in_mid_stream_is_raised_after_the_text_before_it(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="helper", messages=[{"role": "user", "content": "break"}], stream=True
    )
    seen = list[str]()
    with pytest.raises(openai.APIError) as raised:
        seen.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(seen) == "I was about"
    assert raised.value.code == "LA-400"


def test_a_model_that_is_not_there_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "Hello"}])
    assert (raised.value.param, raised.value.code) == ("model", "LA-404")
