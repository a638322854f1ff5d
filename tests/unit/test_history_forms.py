"""Histories in the forms that callers have them, and what is sent of messages that say nothing."""

from __future__ import annotations

import json

import pytest

from lightagent import JsonObject
from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat._wire_messages import fitted_messages
from lightagent.domain.conversation.history import history_entry, parse_history
from lightagent.domain.conversation.messages import NO_TEXT, AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue

ASKED: JsonObject = {"role": "user", "content": "When?"}


def called(name: str = "now", arguments: JsonValue = "{}", **more: JsonValue) -> JsonObject:
    return {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": arguments}, **more}


def answered(name: str = "now", content: str = "noon") -> JsonObject:
    return {"role": "function", "name": name, "content": content}


def test_a_call_of_a_function_and_its_result_are_those_of_a_tool() -> None:
    messages = parse_history([ASKED, called(arguments='{"zone": "UTC"}'), answered(), ASKED])
    call = ToolCall("function_call_1", "now", '{"zone": "UTC"}')
    assert messages[1:3] == (AssistantMessage(None, (call,)), ToolMessage("function_call_1", "noon", "now"))
    assert parse_history([history_entry(message) for message in messages]) == messages


@pytest.mark.parametrize(
    "history",
    [
        [ASKED, called(), answered(), called(), answered(content="one")],
        [ASKED, called("a"), answered("a"), ASKED, called("b"), answered("b")],
        [ASKED, called(arguments={"zone": "UTC"}), answered()],
        [ASKED, called(arguments=None), answered()],
        [ASKED, called(tool_calls=None, content="Let me see."), answered()],
        [ASKED, called(tool_calls=[]), answered()],
    ],
)
def test_every_result_finds_its_call(history: list[JsonObject]) -> None:
    calls = [call.id for one in parse_history(history) if isinstance(one, AssistantMessage) for call in one.tool_calls]
    results = [one.tool_call_id for one in parse_history(history) if isinstance(one, ToolMessage)]
    assert calls == results
    assert len(set(calls)) == len(calls) == sum("function_call" in entry for entry in history)


def test_a_call_in_both_forms_counts_once() -> None:
    call: JsonObject = {"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    told = {"role": "tool", "tool_call_id": "c", "content": "noon"}
    _, both, _ = parse_history([ASKED, called(tool_calls=[call]), told])
    assert both == AssistantMessage(None, (ToolCall("c", "now", "{}"),))


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([ASKED, answered()], "'function' is not one of"),
        ([ASKED, called("a"), answered("b")], "'function' is not one of"),
        ([ASKED, called()], "has no answer"),
        ([ASKED, called(), answered(), answered()], "'function' is not one of"),
    ],
)
def test_results_without_calls_and_calls_without_results_are_refused(history: list[JsonObject], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        parse_history(history)


BLANK: list[str | tuple[JsonObject, ...]] = [
    "",
    "  ",
    "\n\t",
    "\u00a0",
    (),
    ({"type": "text", "text": ""},),
    ({"type": "text", "text": " "}, {"type": "text", "text": "\n"}),
]


@pytest.mark.parametrize("content", BLANK)
def test_a_user_who_says_nothing_is_sent_as_one(content: str | tuple[JsonObject, ...]) -> None:
    message = UserMessage(content)
    assert json.loads(message.encoded()) == message.to_openai() == {"role": "user", "content": NO_TEXT}
    assert parse_history([history_entry(message)]) == (message,), "the history keeps what was said"


def test_blank_parts_beside_others_are_left_out() -> None:
    picture: JsonObject = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    message = UserMessage(({"type": "text", "text": " "}, picture, {"type": "text", "text": "What?"}))
    assert message.to_openai()["content"] == [picture, {"type": "text", "text": "What?"}]


@pytest.mark.parametrize(
    ("first", "second", "sent"), [("", "b", "b"), ("a", " ", "a"), ("a", "b", "a\n\nb"), ("", "", NO_TEXT)]
)
def test_turns_that_are_put_together_leave_blanks_out(first: str, second: str, sent: str) -> None:
    (message,) = fitted_messages(EndpointProfile(alternating=True), (UserMessage(first), UserMessage(second)))
    assert message.to_openai()["content"] == sent
