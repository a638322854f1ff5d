"""Agents behind OpenAI's responses API, as the official client sees them over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent

from lightagent import LightAgent, ProviderError, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
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
        return [ReasoningDelta("Hm. "), ReasoningDelta("Yes."), TextDelta("So be it."), _END]
    if asked == "long":
        return [TextDelta("And then"), ReplyEnd("length", Usage(1, 2, 3))]
    if asked == "fail":
        return ProviderError("The provider is on fire.", code="LA-500")
    if asked == "break":
        return [TextDelta("I was about"), ProviderError("The line is dead.", code="LA-400")]
    if asked == "count":
        users = [message.content for message in request.messages if isinstance(message, UserMessage)]
        return f"{users}, told {request.messages[0].content!r}, {dict(request.params)}"
    return f"You said {asked}."


_END = ReplyEnd("stop", Usage(7, 3, 10, cached_input_tokens=2, reasoning_tokens=1))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[add], instructions="Be brief.", limits=ONCE)
    shown = ServeSettings(tools_shown="extension")
    with served(serve(agent, settings=shown, store=MemoryJournalStore())) as base:
        yield f"{base}/v1"


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address, api_key="unused", max_retries=0) as made:
        yield made


def streamed(client: openai.OpenAI, question: str) -> list[ResponseStreamEvent]:
    return [*client.responses.create(model="helper", input=question, stream=True)]


def ended(events: list[ResponseStreamEvent]) -> Response:
    last = events[-1]
    assert last.type in ("response.completed", "response.failed", "response.incomplete")
    return last.response


def test_a_plain_answer_has_text_items_and_the_tokens_of_the_run(client: openai.OpenAI) -> None:
    response = client.responses.create(model="helper", input="think", metadata={"team": "blue"})
    assert (response.output_text, response.status, response.model) == ("So be it.", "completed", "helper")
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.metadata == {"team": "blue"}
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (7, 3, 10)
    assert response.usage.input_tokens_details.cached_tokens == 2
    assert response.usage.output_tokens_details.reasoning_tokens == 1


def test_a_stream_ends_with_the_answer_that_is_kept(client: openai.OpenAI) -> None:
    events = streamed(client, "think")
    assert [event.sequence_number for event in events] == [*range(len(events))]
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    thought = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
    response = ended(events)
    assert (text, thought) == (response.output_text, "Hm. Yes.") == ("So be it.", "Hm. Yes.")
    kept = client.responses.retrieve(response.id)
    assert kept.output == response.output
    assert (kept.status, kept.usage) == (response.status, response.usage)


def test_the_client_s_own_collector_of_streams_has_the_answer(client: openai.OpenAI) -> None:
    with client.responses.stream(model="helper", input="add") as stream:
        response = stream.get_final_response()
    assert response.output_text == "It is 5."


def test_the_agent_s_own_calls_are_shown_as_those_of_a_server_of_tools(client: openai.OpenAI) -> None:
    (call, said) = client.responses.create(model="helper", input="add").output
    assert call.type == "mcp_call"
    assert (call.name, call.arguments, call.output, call.status) == ("add", '{"a":2,"b":3}', "5", "completed")
    assert said.type == "message"
    assert any(event.type == "response.output_item.done" for event in streamed(client, "add"))


def test_a_conversation_goes_on_from_an_answer_that_is_kept(client: openai.OpenAI) -> None:
    first = client.responses.create(model="helper", input="One", instructions="Speak like a pirate.")
    second = client.responses.create(model="helper", input="Two", previous_response_id=first.id)
    third = client.responses.create(
        model="helper", input="count", previous_response_id=second.id, max_output_tokens=50, temperature=0.5
    )
    assert third.previous_response_id == second.id
    assert third.output_text.startswith("['One', 'Two', 'count'], told 'Be brief.'")
    assert "'max_completion_tokens': 50" in third.output_text
    assert "'temperature': 0.5" in third.output_text
    again = client.responses.create(model="helper", input="count", previous_response_id=first.id)
    assert again.output_text.startswith("['One', 'count']")


def test_items_are_a_conversation_too(client: openai.OpenAI) -> None:
    response = client.responses.create(
        model="helper",
        input=[
            {"role": "developer", "content": "Speak like a pirate."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "count"},
        ],
    )
    assert "Be brief.\\n\\nSpeak like a pirate." in response.output_text


def test_what_an_answer_answers_is_listed_by_pages(client: openai.OpenAI) -> None:
    first = client.responses.create(model="helper", input="One")
    second = client.responses.create(model="helper", input="Two", previous_response_id=first.id)
    told = [*client.responses.input_items.list(second.id, limit=2, order="asc")]
    texts = [getattr(item.content[0], "text", "") for item in told if item.type == "message"]
    assert texts == ["One", "You said One.", "Two"]


def test_an_answer_that_was_cut_says_so(client: openai.OpenAI) -> None:
    response = ended(streamed(client, "long"))
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert client.responses.create(model="helper", input="long").status == "incomplete"


def test_a_run_that_fails_is_an_error_with_our_code(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        client.responses.create(model="helper", input="fail")
    assert (raised.value.status_code, raised.value.code) == (502, "LA-500")
    response = ended(streamed(client, "break"))
    assert response.status == "failed"
    assert response.error is not None
    assert str(response.error.code) == "LA-400"
    assert response.output_text == "I was about"
    kept = client.responses.retrieve(response.id)
    assert (kept.status, kept.output) == ("failed", response.output)


def test_an_answer_that_is_deleted_is_gone(client: openai.OpenAI) -> None:
    response = client.responses.create(model="helper", input="One")
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(openai.NotFoundError) as raised:
        client.responses.create(model="helper", input="Two", previous_response_id=response.id)
    assert raised.value.param == "previous_response_id"


def test_an_answer_that_has_ended_stays_what_it_is_when_it_is_cancelled(client: openai.OpenAI) -> None:
    response = client.responses.create(model="helper", input="One")
    assert client.responses.cancel(response.id).status == "completed"
