"""The official client through everything that an agent can be asked for, by chat completions and by Responses."""

from __future__ import annotations

import re
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from tests.support.client_scene import PIXEL, ClientScene, Shown, client_scene
from tests.support.client_table import shows

pytestmark = pytest.mark.openai


@pytest.fixture(scope="module")
def scene() -> Iterator[ClientScene]:
    with client_scene() as made:
        yield made


@pytest.fixture
def client(scene: ClientScene) -> Iterator[openai.OpenAI]:
    with client_of(scene) as made:
        yield made


def client_of(scene: ClientScene) -> openai.OpenAI:
    return openai.OpenAI(base_url=scene.url, api_key="unused", max_retries=0)


def chunks(client: openai.OpenAI, question: str) -> Iterator[ChatCompletionChunk]:
    return iter(
        client.chat.completions.create(
            model="helper",
            messages=[{"role": "user", "content": question}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )


def said(client: openai.OpenAI, question: str) -> str:
    """The answer, whole and streamed, which are the same."""
    whole = client.chat.completions.create(model="helper", messages=[{"role": "user", "content": question}])
    text = "".join(choice.delta.content or "" for chunk in chunks(client, question) for choice in chunk.choices)
    assert whole.choices[0].message.content == text
    return text


def events(client: openai.OpenAI, question: str) -> Iterator[ResponseStreamEvent]:
    return iter(client.responses.create(model="helper", input=question, stream=True))


def ended(told: Iterator[ResponseStreamEvent]) -> Response:
    last = [*told][-1]
    assert last.type in ("response.completed", "response.failed", "response.incomplete")
    return last.response


class TestChat:
    @shows("openai 3 chat", "text")
    @shows("openai 2 chat", "text")
    def test_text(self, client: openai.OpenAI) -> None:
        assert said(client, "Hello") == "You said Hello."

    @shows("openai 3 chat", "reasoning")
    @shows("openai 2 chat", "reasoning")
    def test_reasoning(self, client: openai.OpenAI) -> None:
        deltas = [choice.delta for chunk in chunks(client, "think") for choice in chunk.choices]
        assert "".join(str(getattr(delta, "reasoning_content", "") or "") for delta in deltas) == "Hm. Yes."
        assert said(client, "think") == "So be it."

    @shows("openai 3 chat", "tools")
    @shows("openai 2 chat", "tools")
    @pytest.mark.parametrize("shown", ["hidden", "reasoning", "extension"])
    def test_tools_are_shown_and_never_handed_over(self, shown: Shown) -> None:
        with client_scene(shown) as scene, client_of(scene) as client:
            told = [*chunks(client, "add")]
            assert said(client, "add") == "It is 5."
        deltas = [choice.delta for chunk in told for choice in chunk.choices]
        assert not any(delta.tool_calls for delta in deltas)
        thought = "".join(str(getattr(delta, "reasoning_content", "") or "") for delta in deltas)
        assert ("add" in thought) == (shown == "reasoning")
        assert any(getattr(chunk, "lightagent", None) for chunk in told) == (shown == "extension")

    @shows("openai 3 chat", "usage")
    @shows("openai 2 chat", "usage")
    def test_usage(self, client: openai.OpenAI) -> None:
        *_, last = chunks(client, "think")
        assert last.choices == []
        assert last.usage is not None
        assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (7, 3, 10)

    @shows("openai 3 chat", "error")
    @shows("openai 2 chat", "error")
    def test_an_error_in_mid_stream(self, client: openai.OpenAI) -> None:
        seen = list[str]()
        with pytest.raises(openai.APIError, match=r"The line is dead\.") as raised:
            seen.extend(chunk.choices[0].delta.content or "" for chunk in chunks(client, "break"))
        assert "".join(seen) == "I was about"
        assert raised.value.code == "LA-400"

    @shows("openai 3 chat", "stop")
    @shows("openai 2 chat", "stop")
    def test_stop(self) -> None:
        with client_scene() as scene, client_of(scene) as client:
            stream = client.chat.completions.create(
                model="helper", messages=[{"role": "user", "content": "wait"}], stream=True
            )
            assert (
                next(chunk for chunk in stream if chunk.choices[0].delta.content).choices[0].delta.content == "Well, "
            )
            stream.close()
            assert scene.stopped()

    @shows("openai 3 chat", "image")
    @shows("openai 2 chat", "image")
    def test_an_image(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(
            model="helper",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image_url", "image_url": {"url": PIXEL}},
                    ],
                }
            ],
        )
        assert answer.choices[0].message.content == "Images: 1."

    @shows("openai 3 chat", "approval")
    @shows("openai 2 chat", "approval")
    def test_an_approval(self) -> None:
        with client_scene() as scene, client_of(scene) as client:
            asked = client.chat.completions.create(model="helper", messages=[{"role": "user", "content": "pay"}])
            found = re.search(r"ID ([0-9a-f]{32})", asked.choices[0].message.content or "")
            assert found is not None
            assert scene.paid == []
            told = "".join(
                choice.delta.content or ""
                for chunk in chunks(client, f"approve {found[1]}")
                for choice in chunk.choices
            )
            assert (told, scene.paid) == ("It is 5 paid.", [5])


class TestResponses:
    @shows("openai 3 responses", "text")
    @shows("openai 2 responses", "text")
    def test_text(self, client: openai.OpenAI) -> None:
        assert client.responses.create(model="helper", input="Hello").output_text == "You said Hello."
        assert ended(events(client, "Hello")).output_text == "You said Hello."

    @shows("openai 3 responses", "reasoning")
    @shows("openai 2 responses", "reasoning")
    def test_reasoning(self, client: openai.OpenAI) -> None:
        told = [*events(client, "think")]
        thought = [event.delta for event in told if event.type == "response.reasoning_summary_text.delta"]
        item = ended(iter(told)).output[0]
        assert item.type == "reasoning"
        assert ["".join(thought)] == [part.text for part in item.summary] == ["Hm. Yes."]

    @shows("openai 3 responses", "tools")
    @shows("openai 2 responses", "tools")
    def test_tools_are_shown(self) -> None:
        with client_scene("extension") as scene, client_of(scene) as client:
            call, _ = ended(events(client, "add")).output
        assert call.type == "mcp_call"
        assert (call.name, call.arguments, call.output) == ("add", '{"a":2,"b":3}', "5")

    @shows("openai 3 responses", "usage")
    @shows("openai 2 responses", "usage")
    def test_usage(self, client: openai.OpenAI) -> None:
        usage = ended(events(client, "think")).usage
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 3, 10)

    @shows("openai 3 responses", "error")
    @shows("openai 2 responses", "error")
    def test_an_error_in_mid_stream(self, client: openai.OpenAI) -> None:
        failed = ended(events(client, "break"))
        assert failed.error is not None
        assert (failed.status, failed.output_text, str(failed.error.code)) == ("failed", "I was about", "LA-400")

    @shows("openai 3 responses", "stop")
    @shows("openai 2 responses", "stop")
    def test_stop(self) -> None:
        with client_scene() as scene, client_of(scene) as client:
            stream = client.responses.create(model="helper", input="wait", stream=True)
            assert next(event.delta for event in stream if event.type == "response.output_text.delta") == "Well, "
            stream.close()
            assert scene.stopped()

    @shows("openai 3 responses", "image")
    @shows("openai 2 responses", "image")
    def test_an_image(self, client: openai.OpenAI) -> None:
        answer = client.responses.create(
            model="helper",
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is it?"},
                        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
                    ],
                }
            ],
        )
        assert answer.output_text == "Images: 1."

    @shows("openai 3 responses", "approval")
    @shows("openai 2 responses", "approval")
    def test_an_approval(self) -> None:
        with client_scene() as scene, client_of(scene) as client:
            asked = ended(events(client, "pay"))
            (waiting,) = asked.output
            assert waiting.type == "mcp_approval_request"
            assert scene.paid == []
            told = client.responses.create(
                model="helper",
                previous_response_id=asked.id,
                input=[{"type": "mcp_approval_response", "approval_request_id": waiting.id, "approve": True}],
            )
            assert (told.output_text, scene.paid) == ("It is 5 paid.", [5])
