"""What providers add to their answers: read in pieces, kept with the message, given back to the model that said it."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lightagent import Journal, LightAgent
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.domain.conversation.deltas import fold_deltas
from lightagent.domain.conversation.history import history_entry, parse_history
from lightagent.domain.conversation.messages import NOTHING_SAID, AssistantMessage, ToolCall
from lightagent.domain.conversation.provider_fields import ModelOrigin, ProviderFields, Recipient
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.testing import ScriptedModel

ORIGIN = ModelOrigin("m", "api.example", 443)
SIGNED: JsonObject = {"google": {"thought_signature": "c2ln"}}


def read(parts: Sequence[JsonObject], *, whole: bool = False) -> AssistantMessage:
    """The message that these pieces of a stream, or the one whole answer, fold to."""
    reader = ChoiceReader(ORIGIN)
    kind = "message" if whole else "delta"
    deltas = [delta for part in parts for delta in reader.read({"choices": [{"index": 0, kind: part}]})]
    return fold_deltas([*deltas, *reader.end(complete=True)]).message


def call(**more: object) -> JsonObject:
    made: JsonObject = {"index": 0, "id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    return {**made, **{name: json.loads(json.dumps(value)) for name, value in more.items()}}


@pytest.mark.parametrize(
    ("parts", "added"),
    [
        ([{"reasoning_content": "I "}, {"reasoning_content": "think"}], {"reasoning_content": "I think"}),
        ([{"reasoning": "I think"}], {"reasoning": "I think"}),
        ([{"reasoning_text": "I think"}], {"reasoning_text": "I think"}),
        ([{"reasoning_content": "", "content": "Hi"}], {"reasoning_content": ""}),
        ([{"reasoning_content": ""}, {"reasoning": "I think"}], {"reasoning": "I think"}),
        (
            [
                {"reasoning_details": [{"type": "reasoning.text", "text": "I ", "index": 0, "signature": None}]},
                {"reasoning_details": [{"type": "reasoning.text", "text": "think", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.text", "text": "", "index": 0, "signature": "s"}]},
            ],
            {"reasoning_details": [{"type": "reasoning.text", "text": "I think", "index": 0, "signature": "s"}]},
        ),
        (
            [
                {"reasoning_details": [{"type": "reasoning.summary", "summary": "a", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0, "id": "1"}]},
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "y", "index": 0, "id": "2"}]},
            ],
            {
                "reasoning_details": [
                    {"type": "reasoning.summary", "summary": "a", "index": 0},
                    {"type": "reasoning.encrypted", "data": "x", "index": 0, "id": "1"},
                    {"type": "reasoning.encrypted", "data": "y", "index": 0, "id": "2"},
                ]
            },
        ),
        (
            [
                {"thinking_blocks": [{"type": "thinking", "thinking": "a"}]},
                {"thinking_blocks": [{"type": "thinking", "thinking": "b"}]},
                {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]},
                {"thinking_blocks": [{"type": "redacted_thinking", "data": "r"}]},
                {"thinking_blocks": [{"type": "thinking", "thinking": "c"}]},
            ],
            {
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "ab", "signature": "s"},
                    {"type": "redacted_thinking", "data": "r"},
                    {"type": "thinking", "thinking": "c"},
                ]
            },
        ),
        ([{"extra_content": SIGNED}], {"extra_content": SIGNED}),
        ([{"reasoning_opaque": "abc"}, {"reasoning_opaque": "abc"}], {"reasoning_opaque": "abc"}),
        (
            [{"provider_specific_fields": {"thought_signatures": ["s"], "refusal": None, "citations": [1]}}],
            {"provider_specific_fields": {"thought_signatures": ["s"]}},
        ),
    ],
)
def test_what_was_added_is_put_together_and_goes_back_to_the_same_model_only(
    parts: list[JsonObject], added: JsonObject
) -> None:
    message = read([{"role": "assistant"}, *parts, {"content": "Hello."}])
    sent = message.to_openai(Recipient(ORIGIN))
    assert {name: sent[name] for name in sent if name not in ("role", "content")} == added
    assert json.loads(message.encoded(Recipient(ORIGIN))) == sent
    plain = {"role": "assistant", "content": message.content}
    for other in (ModelOrigin("n", "api.example", 443), ModelOrigin("m", "other.example", 443), ModelOrigin("m")):
        assert json.loads(message.encoded(Recipient(other))) == message.to_openai(Recipient(other)) == plain
    assert json.loads(message.encoded()) == plain
    fields = message.provider_fields
    if fields is not None and not fields.reasoning_field:
        message = replace(message, reasoning=None)  # It goes back in its blocks, so its text is not said twice.
    assert parse_history([history_entry(message)]) == (message,)


@pytest.mark.parametrize("name", ["extra_content", "thought_signature", "provider_specific_fields"])
@pytest.mark.parametrize("whole", [True, False])
def test_what_was_added_to_a_call_goes_back_with_it(name: str, whole: bool) -> None:
    value: JsonObject = {"thought_signature": "s"}
    message = read([{"tool_calls": [call(**{name: value})]}], whole=whole)
    expected = {**call(), name: value}
    del expected["index"]
    assert message.to_openai(Recipient(ORIGIN))["tool_calls"] == [expected]
    del expected[name]
    assert message.to_openai(Recipient(ModelOrigin("other")))["tool_calls"] == [expected]
    assert parse_history([history_entry(message), {"role": "tool", "tool_call_id": "c", "content": ""}])[0] == message


def test_an_ordinary_answer_carries_nothing() -> None:
    parts: list[JsonObject] = [
        {
            "role": "assistant",
            "content": "",
            "refusal": None,
            "reasoning_content": None,
            "annotations": [],
            "audio": None,
        },
        {"tool_calls": [call(provider_specific_fields={"x": 1})]},
    ]
    message = read(parts)
    assert message.provider_fields is None
    assert message.tool_calls[0].provider_fields is None
    assert message.encoded(Recipient(ORIGIN)) is message.encoded()


def test_a_profile_says_which_fields_its_provider_takes_back() -> None:
    fields = ProviderFields(ORIGIN, {"reasoning_details": [{"type": "reasoning.text"}]}, "reasoning")
    message = AssistantMessage("Hi", reasoning="I think", provider_fields=fields)
    only = Recipient(ORIGIN, ("reasoning_details",))
    assert message.to_openai(only).keys() == {"role", "content", "reasoning_details"}
    assert message.to_openai(Recipient(ORIGIN, ())).keys() == {"role", "content"}
    assert json.loads(message.encoded(only)) == message.to_openai(only)
    assert json.loads(message.encoded(Recipient(ORIGIN))) == message.to_openai(Recipient(ORIGIN))
    assert message.encoded(only) == message.encoded(Recipient(ORIGIN, ("reasoning_details",)))


def test_a_refusal_goes_back_as_one_to_its_model_and_as_what_was_said_to_others() -> None:
    message = read([{"refusal": "I will not."}], whole=True)
    assert message.to_openai(Recipient(ORIGIN)) == {"role": "assistant", "content": None, "refusal": "I will not."}
    assert message.to_openai() == {"role": "assistant", "content": "I will not."}
    assert parse_history([history_entry(message)]) == (message,)


def test_fields_without_an_origin_belong_to_the_model_that_is_asked() -> None:
    told: list[JsonObject] = [
        {"role": "user", "content": "Hi", "name": "ann"},
        {"role": "assistant", "content": "Yo", "name": "bob", "reasoning_content": "greet"},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": "No field"},
    ]
    user, greeted, refused, plain = parse_history(told, ORIGIN)
    assert user.to_openai() == told[0]
    assert greeted.to_openai(Recipient(ORIGIN)) == told[1]
    assert refused.to_openai(Recipient(ORIGIN)) == told[2]
    assert isinstance(plain, AssistantMessage)
    assert plain.provider_fields is None


@pytest.mark.parametrize(
    "entry",
    [
        {"from_model": "m"},
        {"from_model": {"address": "a"}},
        {"from_model": {"model": "m", "port": "443"}},
        {"reasoning_details": [float("nan")]},
        {"refusal": 5},
        {"name": ["a"]},
    ],
)
def test_a_malformed_field_of_a_history_is_refused_with_its_place(entry: JsonObject) -> None:
    with pytest.raises(ConfigurationError, match=r"history\[0\]\."):
        parse_history([{"role": "assistant", "content": "Hi", **entry}])


def test_a_journal_keeps_what_was_added_and_what_the_model_wrote() -> None:
    def now() -> str:
        """Tell the time."""
        return "noon"

    fields = ProviderFields(ORIGIN, {"reasoning_details": [{"type": "reasoning.text", "text": "t"}]}, "reasoning")
    asks = AssistantMessage(None, (ToolCall("c", "functions.now", "null", {"extra_content": SIGNED}),))
    result = LightAgent(model=ScriptedModel([asks, "Noon."]), tools=[now]).run("When?", result_format="object")
    assert [(one.name, one.status, one.output) for one in result.tool_calls] == [("functions.now", "ok", "noon")]
    replied = Journal.from_json(result.journal.to_json()).run.messages[1]
    assert replied == asks
    kept = AssistantMessage("Hi", reasoning="t", provider_fields=fields)
    history = [history_entry(kept)]
    run = LightAgent(model=ScriptedModel(["Yo."])).run("?", history=history, result_format="object")
    again = Journal.from_json(run.journal.to_json())
    assert again == run.journal
    assert again.run.messages[0] == kept
    assert run.history()[0] == history[0]


@pytest.mark.parametrize("place", ["fields", "origin"])
def test_a_journal_with_unknown_state_in_provider_fields_is_refused(place: str) -> None:
    fields = ProviderFields(ORIGIN, {}, "reasoning")
    history = [history_entry(AssistantMessage("Hi", reasoning="t", provider_fields=fields))]
    run = LightAgent(model=ScriptedModel(["Yo."])).run("?", history=history, result_format="object")
    document = run.journal.to_json()
    wrong = (
        document.replace('"port": 443', '"port": "443"')
        if place == "origin"
        else document.replace('"reasoning_field": "reasoning"', '"reasoning_field": "reasoning", "more": 1')
    )
    assert wrong != document
    with pytest.raises(ConfigurationError, match=r"events\[0\]"):
        Journal.from_json(wrong)


@pytest.mark.parametrize(
    ("content", "calls", "sent"),
    [
        (None, (), NOTHING_SAID),
        ("", (), NOTHING_SAID),
        (" \n", (), NOTHING_SAID),
        ("", (ToolCall("c", "now", "{}"),), None),
        ("\n\n", (ToolCall("c", "now", "{}"),), None),
        (" Hi ", (ToolCall("c", "now", "{}"),), " Hi "),
    ],
)
@pytest.mark.parametrize("fields", [None, ProviderFields(ORIGIN)], ids=["of another", "own"])
def test_blank_text_is_sent_to_nobody_and_kept_in_the_history(
    content: str | None, calls: tuple[ToolCall, ...], sent: str | None, fields: ProviderFields | None
) -> None:
    message = AssistantMessage(content, calls, provider_fields=fields)
    for recipient in (None, Recipient(ORIGIN), Recipient(ORIGIN, call_ids="nine_letters")):
        assert message.to_openai(recipient)["content"] == sent
        assert json.loads(message.encoded(recipient)) == message.to_openai(recipient)
    assert history_entry(message)["content"] == (content if calls else content or "")


def test_the_journal_and_the_trace_tell_what_was_said() -> None:
    asks = AssistantMessage("\n", (ToolCall("c", "missing", "{}"),))
    agent = LightAgent(model=ScriptedModel([asks, " "]), capture_content=True)
    result = agent.run("When?", result_format="object", trace=True)
    said = [message for message in result.journal.run.messages if isinstance(message, AssistantMessage)]
    assert [message.content for message in said] == ["\n", " "]
    told = [line["data"]["message"] for line in result.trace if line["type"] == "model_response"]
    assert [message["content"] for message in told if isinstance(message, dict)] == ["\n", " "]
