"""Requests as bytes: their fields, and what is encoded only once."""

import json
import threading

import pytest

from lightagent.adapters.chat.openai.request_body import RequestEncoder
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest

HI = (UserMessage("hi"),)
ADD = ToolSpec("add", "Add.", {"type": "object", "properties": {"a": {"type": "integer"}}})


def encode(request: ChatRequest, *, stream_usage: bool = True) -> JsonObject:
    body: JsonObject = json.loads(RequestEncoder('m"1', stream_usage=stream_usage).encode(request))
    return body


def test_a_conversation() -> None:
    messages = (
        SystemMessage("You answer."),
        UserMessage(({"type": "text", "text": "Grüße 👋🏽"},)),
        AssistantMessage(None, (ToolCall("1", "add", '{"a":1}'),), reasoning="not sent"),
        ToolMessage("1", "3"),
    )
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    assert encode(ChatRequest(messages, params={"temperature": 0, "stop": ["x"]})) == {
        "model": 'm"1',
        "messages": [
            {"role": "system", "content": "You answer."},
            {"role": "user", "content": [{"type": "text", "text": "Grüße 👋🏽"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "3"},
        ],
        "temperature": 0,
        "stop": ["x"],
    }


def test_streams_ask_for_their_usage() -> None:
    streamed = ChatRequest(HI, stream=True)
    assert encode(streamed)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in encode(streamed, stream_usage=False)
    assert "stream_options" not in encode(ChatRequest(HI))
    own = encode(ChatRequest(HI, params={"stream_options": {"include_usage": False}}, stream=True))
    assert (own["stream"], own["stream_options"]) == (True, {"include_usage": False})


def test_tools_and_an_output_schema() -> None:
    body = encode(ChatRequest(HI, tools=(ADD,), output_schema={"type": "object"}))
    assert body["tools"] == [ADD.to_openai()]
    assert "response_format" not in body, "most endpoints refuse it beside tools, or let it keep the model from calling"
    body = encode(ChatRequest(HI, output_schema={"type": "object"}))
    output: JsonObject = {"name": "output", "schema": {"type": "object"}, "strict": False}
    assert body["response_format"] == {"type": "json_schema", "json_schema": output}


def test_a_lone_surrogate_does_not_stop_a_request() -> None:
    sent = encode(ChatRequest((UserMessage("x\ud83d and \ud83d\ude00 é"),)))["messages"]
    assert sent == [{"role": "user", "content": "x\ufffd and 😀 é"}]


@pytest.mark.parametrize("name", ["messages", "model", "tools", "stream"])
def test_params_may_not_overwrite_the_request(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        encode(ChatRequest(HI, params={name: "x"}))


def test_a_response_format_of_the_callers_own_is_sent_as_it_is() -> None:
    own: JsonObject = {"type": "json_object"}
    assert encode(ChatRequest(HI, params={"response_format": own}, output_schema={}))["response_format"] == own


def test_params_that_cannot_be_encoded_are_refused() -> None:
    deep: JsonObject = {}
    deep["x"] = deep
    with pytest.raises(ConfigurationError, match="cannot be encoded as JSON"):
        encode(ChatRequest(HI, params=deep))


def test_tools_are_encoded_once_and_the_memory_of_them_is_bounded() -> None:
    encoder = RequestEncoder("m", stream_usage=True)
    changing: JsonObject = {"type": "object"}
    spec = ToolSpec("add", "Add.", changing)
    first = encoder.encode(ChatRequest(HI, tools=(spec,)))
    changing["changed"] = True
    assert encoder.encode(ChatRequest(HI, tools=(spec,))) == first, "another tuple of the same tools is the same set"
    other = ToolSpec("add", "Add.", changing)
    assert b"changed" in encoder.encode(ChatRequest(HI, tools=(other,)))
    for number in range(1000):
        spec = ToolSpec(f"tool_{number}", "", {})
        assert spec.name.encode() in encoder.encode(ChatRequest(HI, tools=(spec,)))
    assert len(encoder._tool_sets) <= 16


def test_threads_share_an_encoder() -> None:
    encoder = RequestEncoder("m", stream_usage=True)
    wrong: list[str] = []

    def work(name: str) -> None:
        for number in range(300):
            spec = ToolSpec(f"{name}_{number}", "", {})
            body = json.loads(encoder.encode(ChatRequest((UserMessage(name),), tools=(spec,))))
            if body["tools"][0]["function"]["name"] != spec.name or body["messages"][0]["content"] != name:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
