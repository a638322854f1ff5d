"""LangChain's client of OpenAI through everything that an agent can be asked for, both ways that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator

import openai
import pytest

from tests.support.client_scene import PIXEL, ClientScene, Shown, client_scene
from tests.support.client_table import shows

pytest.importorskip("langchain_openai", reason="the environment of openai 2 has no LangChain")

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

pytestmark = pytest.mark.openai

WITH_IMAGE = HumanMessage([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}])


@pytest.fixture(scope="module")
def scene() -> Iterator[ClientScene]:
    with client_scene() as made:
        yield made


def model_of(scene: ClientScene, *, responses: bool = False) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=scene.url,
        api_key=SecretStr("unused"),
        model="helper",
        max_retries=0,
        stream_usage=True,
        use_responses_api=responses,
    )


def streamed(model: ChatOpenAI, question: str | list[BaseMessage]) -> AIMessageChunk:
    """The answer, put together of its chunks as LangChain does."""
    first, *rest = model.stream(question)
    assert isinstance(first, AIMessageChunk)
    return sum(rest, first)


@shows("langchain chat", "text")
@shows("langchain responses", "text")
@pytest.mark.parametrize("responses", [False, True])
def test_text(scene: ClientScene, responses: bool) -> None:
    model = model_of(scene, responses=responses)
    assert model.invoke("Hello").text == streamed(model, "Hello").text == "You said Hello."


def test_reasoning_is_no_part_of_an_answer_to_a_chat(scene: ClientScene) -> None:
    """LangChain has a place for it in Responses alone."""
    model = model_of(scene)
    assert model.invoke("think").content == streamed(model, "think").content == "So be it."


@shows("langchain responses", "reasoning")
def test_reasoning_is_a_block_of_responses(scene: ClientScene) -> None:
    model = model_of(scene, responses=True)
    for answer in (model.invoke("think"), streamed(model, "think")):
        thought, text = answer.content_blocks
        assert thought["type"] == "reasoning"
        assert (thought["reasoning"], answer.text, text["type"]) == ("Hm. Yes.", "So be it.", "text")


@pytest.mark.parametrize("shown", ["hidden", "reasoning", "extension"])
def test_the_agent_s_own_tools_are_never_calls_for_langchain_to_make(shown: Shown) -> None:
    with client_scene(shown) as scene:
        model = model_of(scene)
        for answer in (model.invoke("add"), streamed(model, "add")):
            assert (answer.content, answer.tool_calls, answer.invalid_tool_calls) == ("It is 5.", [], [])


@shows("langchain responses", "tools")
def test_in_responses_they_are_blocks() -> None:
    with client_scene("extension") as scene:
        model = model_of(scene, responses=True)
        for answer in (model.invoke("add"), streamed(model, "add")):
            assert isinstance(answer.content, list)
            call = answer.content[0]
            assert isinstance(call, dict)
            assert (call["type"], call["name"], call["output"]) == ("mcp_call", "add", "5")
            assert (answer.tool_calls, answer.text) == ([], "It is 5.")


@shows("langchain chat", "usage")
@shows("langchain responses", "usage")
@pytest.mark.parametrize("responses", [False, True])
def test_usage(scene: ClientScene, responses: bool) -> None:
    model = model_of(scene, responses=responses)
    for answer in (model.invoke("think"), streamed(model, "think")):
        usage = answer.usage_metadata
        assert usage is not None
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (7, 3, 10)


@shows("langchain chat", "error")
@shows("langchain responses", "error")
@pytest.mark.parametrize(("responses", "error"), [(False, openai.APIError), (True, ValueError)])
def test_an_error_in_mid_stream(scene: ClientScene, responses: bool, error: type[Exception]) -> None:
    seen = list[str]()
    with pytest.raises(error, match=r"The line is dead\."):
        seen.extend(chunk.text for chunk in model_of(scene, responses=responses).stream("break"))
    assert "".join(seen) == "I was about"


@shows("langchain chat", "stop")
@shows("langchain responses", "stop")
@pytest.mark.parametrize("responses", [False, True])
def test_stop(responses: bool) -> None:
    with client_scene() as scene:
        stream = model_of(scene, responses=responses).stream("wait")
        assert next(chunk.text for chunk in stream if chunk.text) == "Well, "
        del stream  # As where a loop over it is left: Python closes what LangChain made as a generator.
        assert scene.stopped()


@shows("langchain chat", "image")
@shows("langchain responses", "image")
@pytest.mark.parametrize("responses", [False, True])
def test_an_image(scene: ClientScene, responses: bool) -> None:
    assert model_of(scene, responses=responses).invoke([WITH_IMAGE]).text == "Images: 1."


@shows("langchain chat", "approval")
def test_an_approval_in_words() -> None:
    with client_scene() as scene:
        model = model_of(scene)
        asked = HumanMessage("pay")
        waits = model.invoke([asked])
        found = re.search(r"ID ([0-9a-f]{32})", waits.text)
        assert found is not None
        assert scene.paid == []
        told = streamed(model, [asked, waits, HumanMessage(f"approve {found[1]}")])
        assert (told.text, scene.paid) == ("It is 5 paid.", [5])


@shows("langchain responses", "approval")
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("by_id", [True, False])
def test_an_approval_by_a_block(whole: bool, by_id: bool) -> None:
    """By the id of the answer that waits, or with the whole conversation."""
    with client_scene() as scene:
        model = model_of(scene, responses=True)
        asked = HumanMessage("pay")
        waits = model.invoke([asked]) if whole else streamed(model, [asked])
        (request,) = [block for block in waits.content if isinstance(block, dict)]
        assert (request["type"], request["name"], scene.paid) == ("mcp_approval_request", "pay", [])
        yes = HumanMessage([{"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": True}])
        if by_id:
            told = model.invoke([yes], previous_response_id=waits.response_metadata["id"])
        else:
            told = model.invoke([asked, waits, yes])
        assert (told.text, scene.paid) == ("It is 5 paid.", [5])
