"""What UI messages of Vercel's AI SDK are read as."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator

import pytest

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.vercel.requests import read_vercel_request
from lightagent.domain.json_types import JsonObject, JsonValue


def said(role: str, *parts: JsonValue) -> JsonObject:
    return {"id": "1", "role": role, "parts": [*parts]}


def text(words: str) -> JsonObject:
    return {"type": "text", "text": words}


STEP: JsonObject = {"type": "step-start"}
IMAGE: JsonObject = {"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,iVBORw0KGgo="}
PDF: JsonObject = {"type": "file", "mediaType": "application/pdf", "url": "data:application/pdf;base64,AA=="}
FAR: JsonObject = {"type": "file", "mediaType": "image/png", "url": "https://files.example/a.png"}
CALL: JsonObject = {
    "type": "dynamic-tool",
    "toolName": "add",
    "toolCallId": "run--1",
    "state": "output-available",
    "input": {"a": 2},
    "output": {"sum": 5},
}
ANSWERED: JsonObject = {**CALL, "state": "approval-responded", "approval": {"id": "r1", "approved": True}}


def test_the_messages_are_the_history_without_what_the_agent_thought() -> None:
    asked = read_vercel_request(
        {
            "id": "chat",
            "trigger": "submit-message",
            "model": "other",
            "system": "Speak plainly.",
            "messages": [
                said("system", text("Be short.")),
                said("user", text("Hello")),
                said(
                    "assistant",
                    STEP,
                    {"type": "reasoning", "text": "Hm."},
                    text("I add."),
                    CALL,
                    {**CALL, "state": "input-available", "toolCallId": "run--2"},
                    {"type": "tool-pay", "state": "output-error", "toolCallId": "run--3", "errorText": "late"},
                    STEP,
                    text("5."),
                ),
                said("user", {"type": "data-place", "data": 1}, text("And this?"), IMAGE),
            ],
        },
        "helper",
    )
    assert asked.chat.query == [text("And this?"), {"type": "image_url", "image_url": {"url": IMAGE["url"]}}]
    roles = [message["role"] for message in asked.chat.history]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]
    assert [message["content"] for message in asked.chat.history[2:]] == ['{"sum":5}', "late", "5."]
    assert asked.chat.history[-1]["untrusted"] == ["client:message"]
    assert asked.chat.instructions == "Speak plainly.\n\nBe short."
    assert asked.chat.dropped == ("model",)
    assert not asked.continues


def test_images_by_url_are_taken_where_the_setting_says_so() -> None:
    asked = read_vercel_request({"messages": [said("user", FAR)]}, "helper", image_urls=True)
    assert asked.chat.query == [{"type": "image_url", "image_url": {"url": FAR["url"]}}]


def test_an_answer_of_a_person_counts_only_in_the_last_message() -> None:
    last = read_vercel_request({"messages": [said("user", text("Pay.")), said("assistant", STEP, ANSWERED)]}, "helper")
    assert ([(one.request_id, one.approved) for one in last.answers], last.continues) == ([("r1", True)], True)
    told = [said("user", text("Pay.")), said("assistant", STEP, ANSWERED), said("user", text("And?"))]
    earlier = read_vercel_request({"messages": [*told]}, "helper")
    assert (earlier.answers, earlier.chat.query) == ((), "And?")


def test_results_of_the_clients_tools_are_those_it_declares() -> None:
    own = {**CALL, "providerExecuted": True, "toolCallId": "run--9"}
    body: JsonObject = {
        "messages": [said("user", text("?")), said("assistant", STEP, own, CALL)],
        "tools": {"add": {"description": "Adds.", "inputSchema": {"type": "object"}}},
    }
    asked = read_vercel_request(body, "helper")
    assert (asked.chat.results, asked.answers) == ((("run--1", '{"sum":5}'),), ())
    with pytest.raises(RequestRefused):
        read_vercel_request({**body, "tools": {}}, "helper")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["Hello"]}, "messages"),
        ({"messages": [said("user", text("Hi"))], "tools": []}, "tools"),
        ({"messages": [said("user", text("Hi"))], "system": 1}, "system"),
        ({"messages": [said("ghost", text("Hi"))]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "messages[0].parts"),
        ({"messages": [said("user", text("Hi"), PDF)]}, "messages[0].parts[1]"),
        ({"messages": [said("user", FAR)]}, "messages[0].parts[0]"),
        ({"messages": [said("user", {"type": "source-url", "url": "x"})]}, "messages[0].parts[0]"),
        ({"messages": [said("assistant", text("Hi"))]}, "messages"),
        (
            {"messages": [said("assistant", {**ANSWERED, "approval": {"id": "r", "approved": 1}})]},
            "messages[0].approval",
        ),
    ],
)
def test_what_is_wrong_is_named(wrong: JsonObject, param: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        read_vercel_request(wrong, "helper")
    assert (raised.value.status, raised.value.param) == (400, param)


ODD: list[JsonValue] = [None, True, 0, -1, 1.5, "", "x", "\ud83d", [], {}, [[]], [{}], {"a": 1}, "a" * 2000, 10**30]
ODD += ["tool-x", "tool-", "dynamic-tool", "text", "file", "step-start", "assistant", "user", "system", "image/png"]
ODD += ["approval-responded", "output-available", "output-error", "output-denied", "https://files.example/a.png"]


def places(value: JsonValue) -> Iterator[tuple[JsonObject, str] | tuple[list[JsonValue], int]]:
    """Where anything stands in it."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield value, name
            yield from places(one)
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield value, place
            yield from places(one)


def changed(body: JsonObject, chance: random.Random) -> JsonObject:
    """The same with something odd in it."""
    copied = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        match chance.choice([*places(copied)]):
            case dict() as within, str(name):
                within[name] = copy.deepcopy(chance.choice(ODD))
            case list() as within, int(place):
                within[place] = copy.deepcopy(chance.choice(ODD))
    return copied


def test_whatever_is_sent_is_read_or_refused() -> None:
    chance, statuses = random.Random(1), set[int]()
    parts: list[JsonValue] = [STEP, {"type": "reasoning", "text": "Hm."}, text("Hello"), CALL]
    answered: JsonObject = {**ANSWERED, "toolCallId": "run--2"}
    tools: JsonObject = {"add": {"description": "Adds.", "parameters": {"type": "object"}}}
    for count in range(600):
        last = [said("user", text("And?"), IMAGE)] if count % 2 else []
        messages: list[JsonValue] = [said("system", text("Be short.")), said("assistant", *parts, answered), *last]
        try:
            read_vercel_request(changed({"messages": messages, "tools": tools, "system": "s"}, chance), "helper")
        except RequestRefused as refused:
            statuses.add(refused.status)
        else:
            statuses.add(200)
    assert statuses == {200, 400}
