"""Whatever stands in a conversation, what is sent breaks no rule of its provider, and the same word goes out once."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from lightagent.adapters.chat._profile_lookup import named_profile
from lightagent.adapters.chat._profiles import UNKNOWN, UNSIGNED, EndpointProfile
from lightagent.adapters.chat._wire_messages import fitted_messages
from lightagent.adapters.chat.openai.request_body import RequestEncoder
from lightagent.domain.conversation.messages import (
    NOTHING_SAID,
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.conversation.provider_fields import ModelOrigin, ProviderFields
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatRequest
from tests.servers.strict.endpoint import judge
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL
from tests.servers.strict.request import Request

PROFILES: Mapping[str, EndpointProfile] = {
    "openai": named_profile("openai"),
    "openai-reasoning": named_profile("openai-reasoning"),
    "deepseek": named_profile("deepseek"),
    "deepseek-thinking": named_profile("deepseek"),
    "gemini": named_profile("gemini-3"),
    "anthropic": named_profile("anthropic"),
    "groq": named_profile("groq"),
    "mistral": named_profile("mistral"),
    "vllm": UNKNOWN,
    "vllm-alternating": named_profile("alternating"),
}
HERE = ModelOrigin("m", "here.example")
OWN = ProviderFields(HERE, {}, "reasoning_content")
ELSEWHERE = ProviderFields(ModelOrigin("n", "there.example"), {"thinking_blocks": []}, "reasoning_content")

HI, BYE = UserMessage("Hi, speak JSON"), UserMessage("bye")


def calling(*ids: str, content: str | None = None, fields: ProviderFields | None = None) -> tuple[Message, ...]:
    """An assistant message with calls of these ids, and their results."""
    calls = tuple(ToolCall(call_id, "now", "{}") for call_id in ids)
    said = AssistantMessage(content, calls, provider_fields=fields)
    return (said, *(ToolMessage(call_id, "noon") for call_id in ids))


CONVERSATIONS: Mapping[str, tuple[Message, ...]] = {
    "nothing was answered": (HI, AssistantMessage(None), BYE),
    "an empty answer": (HI, AssistantMessage(""), BYE),
    "a blank answer": (HI, AssistantMessage(" \n"), BYE),
    "a refusal": (HI, AssistantMessage(None, refusal="I will not."), BYE),
    "a blank refusal": (HI, AssistantMessage(None, refusal=" "), BYE),
    "nothing beside calls": (HI, *calling("a", content="")),
    "blanks beside calls": (HI, *calling("a", content="\n\n")),
    "calls of another model": (HI, *calling("a", fields=ELSEWHERE)),
    "calls of nobody": (HI, *calling("a")),
    "ids of Kimi": (HI, *calling("functions.now:0", "functions.now:1")),
    "ids that no server takes": (HI, *calling("", "ü", "x" * 100)),
    "ids that come again": (HI, *calling("call_1", "call_2"), AssistantMessage("noon"), BYE, *calling("call_1")),
    "long ids that come again": (HI, *calling("x" * 80), *calling("x" * 80, "y"), *calling("x" * 80)),
    "a user after results": (HI, *calling("a"), BYE),
    "context after results": (HI, *calling("a"), ContextMessage("memory", "He likes tea.")),
    "two users": (HI, BYE),
    "context before the user": (ContextMessage("memory", "He likes tea."), HI),
    "pictures in a row": (UserMessage(({"type": "image_url", "image_url": {"url": "data:,"}},)), HI),
    "two assistants": (HI, AssistantMessage("Hm."), AssistantMessage("noon"), BYE),
    "an assistant before its calls": (HI, AssistantMessage("Hm."), *calling("a"), AssistantMessage("noon"), BYE),
    "an assistant first": (AssistantMessage("Welcome!"), HI),
    "calls first": (*calling("a"), AssistantMessage("noon"), HI),
    "speakers": (UserMessage("Hi, speak JSON", "ann"), AssistantMessage("Yo", name="bob"), UserMessage("bye", "eve")),
}


def sent(messages: tuple[Message, ...], profile: EndpointProfile, *, streamed: bool = True) -> bytes:
    """The body of a request in a conversation, which asks for an answer of a type."""
    request = ChatRequest(messages, output_schema={"type": "object"}, stream=streamed)
    return RequestEncoder("m", stream_usage=True).encode(request, profile, profile.recipient(HERE))


def told(messages: tuple[Message, ...], profile: EndpointProfile) -> list[JsonObject]:
    found: list[JsonObject] = json.loads(sent(messages, profile))["messages"]
    return found


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_no_provider_refuses_it(name: str, provider: Provider, streamed: bool) -> None:
    for instructions in ((), (SystemMessage("Be short."),)):
        messages = (*instructions, *CONVERSATIONS[name])
        judged = judge(provider, sent(messages, PROFILES[provider.name], streamed=streamed))
        assert isinstance(judged, Request), judged


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_an_ordinary_endpoint_gets_the_very_messages_each_encoded_once(name: str) -> None:
    messages = CONVERSATIONS[name]
    assert fitted_messages(UNKNOWN, messages) is messages
    recipient = UNKNOWN.recipient(HERE)
    for message in messages:
        assert message.encoded(recipient) is message.encoded(UNKNOWN.recipient(HERE)) is message.encoded()


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_what_a_message_is_and_its_bytes_say_the_same_and_are_made_once(name: str, profile: EndpointProfile) -> None:
    recipient = profile.recipient(HERE)
    for message in CONVERSATIONS[name]:
        assert json.loads(message.encoded(recipient)) == message.to_openai(recipient)
        assert message.encoded(recipient) is message.encoded(profile.recipient(HERE))
        assert json.loads(message.encoded()) == message.to_openai()


def test_ids_of_nine_letters_are_those_of_the_results_and_stay_apart() -> None:
    ids = [f"call_{number}" for number in range(2000)]
    asked, *results = told(calling(*ids), EndpointProfile(call_ids="nine_letters"))
    calls = asked["tool_calls"]
    assert isinstance(calls, list)
    found = [call["id"] for call in calls if isinstance(call, dict)]
    assert found == [result["tool_call_id"] for result in results]
    assert len(set(map(str, found))) == len(ids)
    assert told(calling("abcDEF123"), EndpointProfile(call_ids="nine_letters"))[1]["tool_call_id"] == "abcDEF123"


def test_an_id_that_comes_again_is_another_one_in_the_call_and_its_result_alone() -> None:
    messages = (*calling("a", "b"), *calling("a"), *calling("a", "c"))
    found = told(messages, EndpointProfile(repeated_ids=False))
    ids = [str(message["tool_call_id"]) for message in found if message["role"] == "tool"]
    assert len(set(ids)) == 5
    assert (ids[0], ids[1], ids[4]) == ("a", "b", "c")
    again = told((*messages, BYE), EndpointProfile(repeated_ids=False))
    assert again[: len(found)] == found, "so that a provider's cache of the conversation holds"


def test_what_one_says_in_a_row_is_one_message_where_turns_are_taken() -> None:
    profile = EndpointProfile(alternating=True)
    picture: JsonObject = {"type": "image_url", "image_url": {"url": "data:,"}}
    messages = (
        SystemMessage("Be short."),
        ContextMessage("memory", "He likes tea."),
        UserMessage("hi"),
        AssistantMessage("Hm."),
        AssistantMessage(None, (ToolCall("a", "now", "{}"),)),
        ToolMessage("a", "noon"),
        UserMessage("and?"),
        UserMessage((picture,)),
    )
    system, user, assistant, result, silence, last = told(messages, profile)
    assert (system["role"], result["role"]) == ("system", "tool")
    assert user["content"] == '<context source="memory" trust="untrusted">\nHe likes tea.\n</context>\n\nhi'
    assert (assistant["content"], "tool_calls" in assistant) == ("Hm.", True)
    assert silence == {"role": "assistant", "content": NOTHING_SAID}
    assert last["content"] == [{"type": "text", "text": "and?"}, picture]


def test_instructions_that_come_with_the_user_take_turns_too() -> None:
    profile = EndpointProfile(alternating=True, system_role=False)
    messages = (SystemMessage("Be short."), ContextMessage("memory", "Tea."), UserMessage("hi"))
    (message,) = told(messages, profile)
    assert str(message["content"]).startswith("Be short.\n\n<context")
    assert str(message["content"]).endswith("\n\nhi")


def test_a_user_after_results_waits_for_an_assistant() -> None:
    messages = (HI, *calling("a"), BYE)
    silence: JsonObject = {"role": "assistant", "content": NOTHING_SAID}
    assert told(messages, EndpointProfile(user_after_tools=False))[3] == silence
    assert [message["role"] for message in told(messages, UNKNOWN)] == ["user", "assistant", "tool", "user"]


@pytest.mark.parametrize(
    ("profile", "fields", "reasoning", "expected"),
    [
        ("deepseek", None, None, ""),
        ("deepseek", ELSEWHERE, "secret", ""),
        ("deepseek", OWN, "hm", "hm"),
        ("deepseek", OWN, None, ""),
        ("moonshot", OWN, None, " "),
        ("moonshot", OWN, "hm", "hm"),
    ],
)
def test_a_message_with_calls_has_the_reasoning_that_its_provider_wants(
    profile: str, fields: ProviderFields | None, reasoning: str | None, expected: str
) -> None:
    message = AssistantMessage(None, (ToolCall("a", "now", "{}"),), reasoning, provider_fields=fields)
    assert told((message, ToolMessage("a", "")), named_profile(profile))[0]["reasoning_content"] == expected


def test_a_message_without_calls_needs_no_reasoning() -> None:
    assert "reasoning_content" not in told((HI, AssistantMessage("Yo")), named_profile("deepseek"))[1]


def test_a_signature_stands_only_where_there_is_none() -> None:
    signed: JsonObject = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    own = AssistantMessage(
        None, (ToolCall("a", "now", "{}", signed), ToolCall("b", "now", "{}")), provider_fields=ProviderFields(HERE)
    )
    gemini = named_profile("gemini-3").recipient(HERE)
    for message, first in ((own, signed), (calling("a", "b")[0], UNSIGNED)):
        calls = message.to_openai(gemini)["tool_calls"]
        assert isinstance(calls, list)
        assert [call.get("extra_content") for call in calls if isinstance(call, dict)] == [first["extra_content"], None]
