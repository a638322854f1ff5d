"""Every rule of every strict endpoint: a sound request passes all of them, and an example breaks each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from copy import deepcopy

import pytest

from tests.servers.json_values import Json, JsonObject, as_list, as_object
from tests.servers.strict.endpoint import judge
from tests.servers.strict.provider import Provider
from tests.servers.strict.providers import ALL, PROVIDERS
from tests.servers.strict.request import Request
from tests.servers.strict.rules import Complaint, Rule

SCHEMA: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}}
SYSTEM, ASKED, CALLING, FIRST, SECOND, ANSWERED, AGAIN = range(7)


def sound(provider: Provider) -> JsonObject:
    """A conversation with two calls and their results, and a question after it."""
    chance = random.Random(1)
    calls: list[JsonObject] = []
    for place in range(2):
        function: JsonObject = {"name": "double", "arguments": '{"n": 1}'}
        calls.append({"id": provider.call_id(chance), "type": "function", "function": function})
        if provider.signs_calls and place == 0:
            calls[0]["extra_content"] = {"google": {"thought_signature": "s"}}
    calling: JsonObject = {"role": "assistant", "content": None, "tool_calls": [*calls]}
    if provider.reasoning_field:
        calling[provider.reasoning_field] = "Let me think."
    results: list[Json] = [{"role": "tool", "tool_call_id": call["id"], "content": "2"} for call in calls]
    declared: JsonObject = {"name": "double", "description": "Twice n.", "parameters": SCHEMA}
    return {
        "model": provider.model,
        "messages": [
            {"role": "system", "content": "You count."},
            {"role": "user", "content": [{"type": "text", "text": "What is twice 1?"}]},
            calling,
            *results,
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "And again?"},
        ],
        "tools": [{"type": "function", "function": declared}],
        "stream": True,
    }


Change = Callable[[JsonObject], None]


def body(**fields: Json) -> Change:
    """Set parameters; the tools are left out."""

    def change(request: JsonObject) -> None:
        del request["tools"]
        request.update(fields)

    return change


def message(place: int, **fields: Json) -> Change:
    """Set fields of a message."""
    return lambda request: as_object(as_list(request["messages"])[place]).update(fields)


def call(**fields: Json) -> Change:
    """Set fields of the second call; its id also in its result."""

    def change(request: JsonObject) -> None:
        messages = as_list(request["messages"])
        as_object(as_list(as_object(messages[CALLING])["tool_calls"])[1]).update(fields)
        if "id" in fields:
            as_object(messages[SECOND])["tool_call_id"] = fields["id"]

    return change


def function(**fields: Json) -> Change:
    """Set fields of the function of the second call."""
    return call(function={"name": "double", "arguments": "{}", **fields})


def moved(place: int, to: int) -> Change:
    """Put a message elsewhere."""

    def change(request: JsonObject) -> None:
        messages = as_list(request["messages"])
        messages.insert(to, messages.pop(place))

    return change


def without(place: int, *fields: str) -> Change:
    """Leave out fields of a message, or all of it."""

    def change(request: JsonObject) -> None:
        messages = as_list(request["messages"])
        for name in fields:
            del as_object(messages[place])[name]
        if not fields:
            del messages[place]

    return change


def declared(schema: Json) -> Change:
    """Declare the parameters of the tool otherwise."""

    def change(request: JsonObject) -> None:
        as_object(as_object(as_list(request["tools"])[0])["function"])["parameters"] = schema

    return change


def interrupted(request: JsonObject) -> None:
    """Something stands between the results."""
    as_list(request["messages"]).insert(SECOND, {"role": "assistant", "content": "Wait."})


def answered_twice(request: JsonObject) -> None:
    messages = as_list(request["messages"])
    messages.insert(SECOND, messages[FIRST])


def same_id(request: JsonObject) -> None:
    calls = as_list(as_object(as_list(request["messages"])[CALLING])["tool_calls"])
    as_object(calls[1])["id"] = as_object(calls[0])["id"]
    del as_list(request["messages"])[SECOND]


def unsigned(request: JsonObject) -> None:
    messages = as_list(request["messages"])
    del as_object(as_list(as_object(messages[CALLING])["tool_calls"])[0])["extra_content"]
    del messages[ANSWERED:]


def format_of(kind: str, **more: Json) -> JsonObject:
    return {"type": kind, **more}


BREAKS: Mapping[str, tuple[Change, ...]] = {
    "roles": (message(SYSTEM, role="function"),),
    "system": (moved(SYSTEM, AGAIN),),
    "order": (without(ANSWERED), moved(AGAIN, SECOND + 1)),
    "last": (without(AGAIN),),
    "alternating": (without(ANSWERED), moved(ASKED, ANSWERED)),
    "message fields": (message(ANSWERED, reasoning_content="x"), message(ANSWERED, from_model={})),
    "content": (
        message(ANSWERED, content=None),
        message(ASKED, content={}),
        message(ASKED, content=["text"]),
        message(FIRST, content=None),
    ),
    "something said": (message(ANSWERED, content=""), message(ANSWERED, content=" \n")),
    "no blank text": (message(CALLING, content=""), message(CALLING, content="\n\n")),
    "callers": (without(FIRST, "tool_call_id"), message(FIRST, tool_call_id=None)),
    "answered": (without(FIRST), message(SECOND, tool_call_id="other"), interrupted, answered_twice),
    "ids": (call(id=""),),
    "unique ids": (same_id,),
    "names": (function(name=""), function(name="größe"), function(name="x" * 129), function(name=None)),
    "arguments": (function(arguments=None), function(arguments={}), call(type="tool")),
    "argument objects": tuple(
        function(arguments=text) for text in ("", "null", "[1]", '"x"', '{"n": 1', '{"n": NaN}', '{"n": "\\ud83d"}')
    ),
    "call fields": (call(extra_content={}), function(thought=1)),
    "signatures": (unsigned,),
    "reasoning": (without(CALLING, "reasoning_content"),),
    "parameters": (body(extra_headers={}), body(unheard_of=1)),
    "completion tokens": (body(max_tokens=5),),
    "temperature": (body(temperature=0.5),),
    "sampling": (body(top_p=0.5), body(logprobs=True)),
    "one answer": (body(n=2),),
    "no usage option": (body(stream_options={"include_usage": True}),),
    "tools": (
        body(tools=[]),
        body(tools=[{"type": "function"}]),
        body(tools=[{"type": "function", "function": {"name": "a b"}}]),
        body(tools=[{"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "a"}}]),
        body(tools=[{"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}]),
    ),
    "tool schemas": (
        declared({"type": "object"}),
        declared({"type": "object", "properties": {"n": {"type": "int"}}}),
        declared({"type": "object", "properties": {"n": {"type": "array"}}}),
        declared({"type": "object", "properties": {"the n": {"type": "integer"}}}),
        declared({"type": "object", "properties": {}, "oneOf": [{"required": ["n"]}]}),
    ),
    "tool choice": (body(tool_choice="auto"), body(parallel_tool_calls=False)),
    "stream options": (body(stream=False, stream_options={"include_usage": True}),),
    "response format": (
        body(stream=False, response_format=format_of("xml")),
        body(stream=False, response_format=format_of("json_schema")),
        body(stream=False, response_format=format_of("json_schema", json_schema={"name": "a b", "schema": SCHEMA})),
    ),
    "json mentioned": (body(stream=False, response_format=format_of("json_object")),),
    "no format beside tools": (
        body(tools=[{"type": "function", "function": {"name": "a"}}], response_format=format_of("json_object")),
    ),
}

CASES = [
    pytest.param(provider, rule, change, id=f"{provider.name}: {rule.name} {place}")
    for provider in ALL
    for rule in provider.rules
    for place, change in enumerate(BREAKS[rule.name])
]


@pytest.mark.parametrize("provider", ALL, ids=[provider.name for provider in ALL])
def test_a_sound_request_is_taken(provider: Provider) -> None:
    judged = judge(provider, json.dumps(sound(provider)).encode())
    assert isinstance(judged, Request), judged


@pytest.mark.parametrize(("provider", "rule", "change"), CASES)
def test_a_request_that_breaks_a_rule_is_refused_by_it(provider: Provider, rule: Rule, change: Change) -> None:
    request = deepcopy(sound(provider))
    change(request)
    judged = judge(provider, json.dumps(request).encode())
    assert isinstance(judged, Complaint), "nobody complains"
    assert judged.rule == rule.name, judged


@pytest.mark.parametrize(
    ("provider", "bad"),
    [
        ("openai", "x" * 41),
        ("mistral", "call_1234"),
        ("mistral", "12345678"),
        ("anthropic", "a/b"),
        ("anthropic", "a.b"),
    ],
)
def test_ids_have_the_form_that_the_provider_asks_for(provider: str, bad: str) -> None:
    request = sound(PROVIDERS[provider])
    call(id=bad)(request)
    judged = judge(PROVIDERS[provider], json.dumps(request).encode())
    assert isinstance(judged, Complaint)
    assert judged.rule == "ids"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "no JSON"),
        (b"[]", "object"),
        (b'{"messages": []}', "model"),
        (b'{"model": "m", "messages": []}', "at least one message"),
        (b'{"model": "m", "messages": ["hi"]}', "object"),
        (b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": []}]}', "too short"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d"}]}', "surrogates"),
    ],
)
def test_what_is_no_request_at_all_is_refused(raw: bytes, says: str) -> None:
    judged = judge(ALL[0], raw)
    assert isinstance(judged, Complaint)
    assert says in judged.text


def test_every_rule_says_where_it_is_documented() -> None:
    for provider in ALL:
        assert len({rule.name for rule in provider.rules}) == len(provider.rules)
        assert all(rule.source.startswith("https://") for rule in provider.rules)
