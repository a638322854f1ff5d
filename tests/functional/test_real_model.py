"""A real language model over real HTTP: SmolLM2 in llama.cpp's server, which nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from openai.types.chat import ChatCompletionChunk as OfficialChunk
from pydantic import BaseModel, Field

from lightagent import LightAgent, LightAgentError, ProviderError
from lightagent.domain.json_types import JsonValue
from tests.functional.agents import MODES, ask
from tests.servers.leaks import LeakCheck
from tests.servers.smollm import SmolLM

pytestmark = [pytest.mark.openai, pytest.mark.timeout(300)]

PATIENCE = 140.0
"""Seconds for a model that shares its machine with others."""
STEADY: dict[str, JsonValue] = {"temperature": 0, "max_tokens": 200}
SHORT: dict[str, JsonValue] = {"temperature": 0, "max_tokens": 200, "stop": ["."]}
FEW: dict[str, JsonValue] = {"temperature": 0, "max_tokens": 5}
ONE: dict[str, JsonValue] = {"temperature": 0, "max_tokens": 1}


@pytest.fixture
def agent(leaks: LeakCheck, smollm: SmolLM) -> Iterator[LightAgent[None, str]]:
    agent = LightAgent(model=smollm.model, base_url=smollm.base_url, api_key="none")
    yield agent
    agent.close()


@MODES
async def test_an_answer_its_tokens_and_its_time(
    leaks: LeakCheck, agent: LightAgent[None, str], smollm: SmolLM, stream: bool
) -> None:
    began = time.monotonic()
    ending = await ask(
        agent, "What is the capital of France?", stream=stream, within=PATIENCE, metadata=SHORT, trace=True
    )
    elapsed = time.monotonic() - began
    result = ending.result
    assert "Paris" in result.content
    assert result.finish_reason == "stop"
    assert result.usage.input_tokens > 5
    assert result.usage.output_tokens > 2
    assert result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens
    trace = agent.export_trace()
    assert [event["type"] for event in trace] == ["run_start", "model_request", "model_response", "run_end"]
    request, response, end = (event["data"] for event in trace[1:])
    assert (request["model"], request["stream"], request["usage"]) == (smollm.model, stream, result.usage.to_dict())
    assert isinstance(response["latency"], float)
    assert isinstance(response["first_delta"], float)
    assert 0 < response["first_delta"] <= response["latency"] <= elapsed
    assert (end["success"], end["model_request_count"]) == (True, 1)
    if stream:
        assert len([event for event in ending.events if event.type == "content"]) > 3
        assert response["first_delta"] < response["latency"]
    await agent.aclose()


async def test_plain_and_streamed_say_the_same(leaks: LeakCheck, agent: LightAgent[None, str]) -> None:
    plain, streamed = [
        await ask(agent, "Count from one to ten.", stream=stream, within=PATIENCE, metadata=STEADY)
        for stream in (False, True)
    ]
    assert plain.result.success
    assert plain.result.content == streamed.result.content == streamed.live
    assert plain.result.usage.output_tokens == streamed.result.usage.output_tokens
    await agent.aclose()


async def test_chunks_as_the_official_client_knows_them(leaks: LeakCheck, agent: LightAgent[None, str]) -> None:
    chunks = [chunk async for chunk in agent.astream("What is the capital of France?", metadata=SHORT)]
    official = [OfficialChunk.model_validate(chunk.model_dump(), strict=True) for chunk in chunks]
    assert "Paris" in "".join(choice.delta.content or "" for chunk in official for choice in chunk.choices)
    assert len(official) > 3
    assert {chunk.id for chunk in official} == {official[0].id}
    assert official[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in official] == [None] * (len(official) - 1) + ["stop"]
    assert official[-1].usage is not None
    assert official[-1].usage.completion_tokens > 2
    await agent.aclose()


def test_without_asyncio(agent: LightAgent[None, str]) -> None:
    question = "What is the capital of France?"
    text = agent.run(question, metadata=SHORT)
    assert "Paris" in text
    assert agent.run(question, metadata=SHORT, result_format="dict")["content"] == text
    chunks = list(agent.run(question, metadata=SHORT, stream=True))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == text
    stream = agent.run(question, metadata=SHORT, stream=True, result_format="event")
    events = list(stream)
    assert "".join(event.data["text"] for event in events if event.type == "content") == text
    used = stream.result.usage.to_dict()  # the server's cache may make it another than before
    assert events[-1].type == "done"
    assert events[-1].data == {"content": text, "outcome": "completed", "finish_reason": "stop", "usage": used}


def test_an_answer_cut_at_the_token_limit(agent: LightAgent[None, str]) -> None:
    question = "Tell me a long story about a dragon."
    with pytest.raises(ProviderError, match=r"^\[LA-413\] The answer was cut off") as caught:
        agent.run(question, metadata=FEW)
    result = agent.run(question, metadata=FEW, result_format="object")
    assert result.content
    assert caught.value.__notes__ == [f"The model had said: {result.content}"]
    assert result.error is not None
    assert (result.error.code, result.finish_reason, result.output) == ("LA-413", "length", None)
    assert "max_tokens" in result.error.guidance
    assert result.usage.output_tokens == 5
    with pytest.raises(LightAgentError, match=r"^\[LA-413\] "):
        list(agent.run(question, metadata=FEW, stream=True))
    *_, error, done = agent.run(question, metadata=FEW, stream=True, result_format="event")
    assert error.type == "error"
    assert error.data["code"] == "LA-413"
    assert done.type == "done"
    assert (done.data["finish_reason"], done.data["content"]) == ("length", result.content)


def test_a_conversation_goes_on(agent: LightAgent[None, str]) -> None:
    """What was said before reaches the model: the tokens of the prompt tell."""
    first = agent.run("What is the capital of France?", metadata=SHORT, result_format="object")
    history = agent.get_history()
    assert [message["role"] for message in history] == ["user", "assistant"]
    assert history[1]["content"] == first.content
    second = agent.run("What is its river?", history=history, metadata=SHORT, result_format="object")
    assert second.usage.input_tokens > first.usage.total_tokens
    assert [message["role"] for message in second.history()] == ["user", "assistant", "user", "assistant"]
    assert second.history()[:2] == history


def test_one_agent_in_two_loops_and_without_one(leaks: LeakCheck, agent: LightAgent[None, str]) -> None:
    async def once() -> str:
        return await agent.arun("What is the capital of France?", metadata=SHORT)

    answers = {asyncio.run(once()), agent.run("What is the capital of France?", metadata=SHORT), asyncio.run(once())}
    assert len(answers) == 1
    agent.close()
    leaks.wait()


def test_sixteen_threads(agent: LightAgent[None, str]) -> None:
    """Each sees its own answer, its own trace, its own history."""
    found: dict[int, tuple[bool, list[str]]] = {}

    def work(number: int) -> None:
        word = f"canary-{number}"
        result = agent.run(f"Say {word}", metadata=ONE, result_format="object", trace=True, user_id=word)
        trace = agent.export_trace()
        own = {event["trace_id"] for event in trace} == {result.trace_id} and trace[0]["data"]["user_id"] == word
        found[number] = own, [str(message["content"]) for message in agent.get_history()[:1]]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {number: (True, [f"Say canary-{number}"]) for number in range(16)}


class City(BaseModel):
    name: str = Field(max_length=20)
    country: Literal["France", "Italy"]


@dataclass
class Score:
    points: int


@dataclass
class Refusal:
    reason: Literal["unknown", "forbidden"]


def test_an_answer_that_is_a_model(leaks: LeakCheck, smollm: SmolLM) -> None:
    agent = LightAgent(model=smollm.model, base_url=smollm.base_url, api_key="none", output_type=City)
    result = agent.run("Which city is the capital of France?", metadata=STEADY, result_format="object")
    assert isinstance(result.output, City)
    assert result.output.country in ("France", "Italy")
    assert City.model_validate_json(result.content) == result.output
    assert result.usage.output_tokens > 5
    agent.close()


def test_an_answer_that_is_a_dataclass(leaks: LeakCheck, smollm: SmolLM) -> None:
    agent = LightAgent(model=smollm.model, base_url=smollm.base_url, api_key="none", output_type=Score)
    output = agent.run("How many points has a triangle?", metadata=STEADY, result_format="object").unwrap()
    assert isinstance(output, Score)
    agent.close()


def test_an_answer_that_is_a_list(leaks: LeakCheck, smollm: SmolLM) -> None:
    agent = LightAgent(
        model=smollm.model,
        base_url=smollm.base_url,
        api_key="none",
        output_type=Annotated[list[Literal["red", "green", "blue"]], Field(max_length=3)],
    )
    output = agent.run("Name the primary colours.", metadata=STEADY, result_format="object").unwrap()
    assert set(output) <= {"red", "green", "blue"}
    assert len(output) <= 3
    agent.close()


async def test_an_answer_that_is_one_of_two_streamed(leaks: LeakCheck, smollm: SmolLM) -> None:
    agent = LightAgent(model=smollm.model, base_url=smollm.base_url, api_key="none", output_type=Score | Refusal)
    text = ""
    async for event in agent.astream("How many points has a triangle?", metadata=STEADY, result_format="event"):
        text += str(event.data["text"]) if event.type == "content" else ""
    journal = agent.export_journal()
    assert journal is not None
    result = agent.replay(journal)
    assert isinstance(result.output, Score | Refusal)
    assert json.loads(text) == {"result": json.loads(result.content)}, "a union travels inside an object"
    await agent.aclose()
