"""An answer is whole only if its finish reason is known to say so, in a plain answer and in a stream."""

import json
import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.domain.conversation.deltas import ModelReply, fold_deltas
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue

CALL: JsonObject = {"id": "a", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def reply(body: bytes) -> ModelReply:
    reader = AnswerReader(1_000_000)
    return fold_deltas([*reader.feed(body), *reader.end()])


def bodies(*choices: JsonObject) -> tuple[bytes, bytes]:
    """The same choices plain and streamed; a choice holds `message`, which a stream calls `delta`."""
    streamed: list[JsonValue] = [
        {"delta" if name == "message" else name: value for name, value in choice.items()} for choice in choices
    ]
    plain = json.dumps({"choices": list(choices)}).encode()
    return plain, b"data: " + json.dumps({"choices": streamed}).encode() + b"\n\ndata: [DONE]\n\n"


def choice(message: JsonValue, reason: JsonValue = "stop", index: int = 0, **more: JsonValue) -> JsonObject:
    return {"index": index, "message": message, "finish_reason": reason, **more}


def faults(*choices: JsonObject) -> list[ProviderError]:
    found = []
    for body in bodies(*choices):
        with pytest.raises(ProviderError) as caught:
            reply(body)
        found.append(caught.value)
    return found


WHOLE = ["stop", "STOP", "end_turn", "EndTurn", "stop_sequence", "eos", "eos_token", "COMPLETE", "FINISH", "endoftext"]
CUT = ["length", "max_tokens", "MAX_TOKENS", "MaxTokens", "model_length", "max_output_tokens", "max-tokens"]
CUT += ["model_context_window_exceeded", "FINISH_REASON_MAX_TOKENS", "ERROR_LIMIT"]
WITHHELD = ["content_filter", "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "sensitive", "refusal"]
WITHHELD += ["guardrail_intervened", "content_filtered", "content_filter: RECITATION", "ERROR_TOXIC", "content-filter"]
BROKEN = {
    "error": "LA-500",
    "ERROR": "LA-500",
    "OTHER": "LA-500",
    "MALFORMED_FUNCTION_CALL": "LA-500",
    "function_call_filter: MALFORMED_FUNCTION_CALL": "LA-500",
    "incomplete": "LA-500",
    "network_error": "LA-503",
    "insufficient_system_resource": "LA-503",
    "abort": "LA-503",
    "cancelled": "LA-503",
    "TIMEOUT": "LA-408",
}
UNKNOWN = ["new", "stop?", "half_done", "FINISH_REASON_UNSPECIFIED", "停止", "stop length", "pause"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *product(WHOLE, ["stop"]),
        *product(CUT, ["length"]),
        *product(WITHHELD, ["content_filter"]),
        *product([None, "", "null"], [None]),
        ({"type": "stop", "matched": 2}, "stop"),
        ({"type": "length", "length": 9}, "length"),
    ],
)
def test_known_reasons_become_those_of_openai(said: JsonValue, meant: str | None) -> None:
    for body in bodies(choice({"content": "x"}, said)):
        assert reply(body).end.finish_reason == meant


@pytest.mark.parametrize("said", ["tool_calls", "TOOL_CALL", "tool_use", "ToolUse", "function_call", "tool-calls"])
def test_words_for_calls(said: str) -> None:
    for body in bodies(choice({"content": None, "tool_calls": [CALL]}, said)):
        whole = reply(body)
        assert (whole.end.finish_reason, len(whole.message.tool_calls)) == ("tool_calls", 1)
    for fault in (*faults(choice({"content": "x"}, said)), *faults(choice({"content": None}, said))):
        assert (fault.code, fault.retryable) == ("LA-500", True)
        assert "sent no tool call" in fault.message


@pytest.mark.parametrize(("said", "code"), BROKEN.items())
def test_a_failed_answer_can_be_retried(said: str, code: str) -> None:
    for fault in faults(choice({"content": "Half an ans"}, said)):
        assert (fault.code, fault.retryable) == (code, True)
        assert said in fault.message


@pytest.mark.parametrize("said", UNKNOWN)
def test_an_unknown_reason_is_quoted_and_never_a_success(said: str) -> None:
    for fault in faults(choice({"content": "Half an ans"}, said)):
        assert (fault.code, fault.retryable) == ("LA-500", False)
        assert said in fault.message


@pytest.mark.parametrize(
    ("sooner", "later", "meant"),
    [
        ("length", "stop", "length"),
        ("content_filter", "stop", "content_filter"),
        ("content_filter", "length", "content_filter"),
        ("stop", "length", "length"),
        ("stop", None, "stop"),
        ("null", "stop", "stop"),
    ],
)
def test_an_answer_that_was_cut_stays_cut(sooner: JsonValue, later: JsonValue, meant: str) -> None:
    chunks = [{"choices": [{"delta": {"content": "x"}, "finish_reason": sooner}]}]
    chunks.append({"choices": [{"delta": {}, "finish_reason": later}]})
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks) + b"data: [DONE]\n\n"
    assert reply(body).end.finish_reason == meant


@pytest.mark.parametrize("reason", ["stop", "error", None, "network_error", "length", "new"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 502, "message": "upstream died"}, "LA-503"),
        ({"code": 429, "message": "upstream died"}, "LA-429"),
        ({"type": "overloaded_error", "message": "upstream died"}, "LA-503"),
        ({"message": "upstream died"}, "LA-500"),
        ("upstream died", "LA-500"),
    ],
)
def test_an_error_inside_a_choice_is_raised_with_its_text(reason: JsonValue, error: JsonValue, code: str) -> None:
    inside: JsonObject = {"content": "Half", "error": error}
    for one in (choice({"content": "Half"}, reason, error=error), choice(inside, reason), choice(None, error=error)):
        for fault in faults(one):
            assert (fault.code, fault.message) == (code, "upstream died")


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"content": None},
        {"content": ""},
        {"content": []},
        {"content": [{"type": "text", "text": ""}]},
        {"content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        {"content": "", "tool_calls": []},
        {"content": None, "tool_calls": None, "refusal": ""},
        {"content": "", "reasoning_content": "I think."},
        {"content": [{"type": "thinking", "thinking": "I think."}]},
        {"content": "  \n"},
        {"content": "\u00a0\u3000"},
        {"refusal": " "},
        {"content": "<think>I think.</think>"},
        {"content": "\n<think>I\nthink.</think>\n\n<think></think>\n"},
        {"content": "<thinking>I think.</thinking>"},
        {"content": "<think>I think and think"},
    ],
)
def test_an_answer_without_text_and_calls_can_be_retried(message: JsonObject) -> None:
    for reason in ("stop", None, "end_turn"):
        for fault in faults(choice(message, reason)):
            assert (fault.code, fault.retryable) == ("LA-500", True)
            assert "neither text nor tool calls" in fault.message
    for body in bodies(choice(message, "length")):
        assert reply(body).end.finish_reason == "length"


@pytest.mark.parametrize(
    "text",
    ["<think>hm</think>Yes.", "Yes. <think>hm</think>", "<thinker>x</thinker>", "The tag is <think>", " 0 ", "<b>"],
)
def test_a_text_beside_reasoning_is_an_answer(text: str) -> None:
    for body in bodies(choice({"content": text})):
        assert reply(body).message.content == text


BESIDE: list[tuple[JsonObject, str]] = [
    ({"content_filter_results": {"hate": {"filtered": True, "severity": "high"}}}, "content_filter"),
    ({"content_filter_results": {"hate": {"filtered": False}, "violence": {"filtered": True}}}, "content_filter"),
    ({"output_sensitive": True, "output_sensitive_type": 1}, "content_filter"),
    ({"native_finish_reason": "SAFETY"}, "content_filter"),
    ({"native_finish_reason": "MAX_TOKENS"}, "length"),
    ({"native_finish_reason": "max_output_tokens"}, "length"),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
    ({"incomplete_details": {"reason": "max_tokens"}}, "length"),
    ({"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}, "error": None}}, "stop"),
    ({"content_filter_results": {}, "output_sensitive": False, "incomplete_details": None}, "stop"),
    ({"native_finish_reason": "STOP", "status": "completed"}, "stop"),
    ({"native_finish_reason": "a word of its own"}, "stop"),
    ({"native_finish_reason": None, "status": "in_progress"}, "stop"),
    ({"native_finish_reason": 7, "content_filter_results": [], "status": 200}, "stop"),
]


@pytest.mark.parametrize(("beside", "meant"), BESIDE)
def test_other_fields_can_say_that_an_answer_is_cut_or_withheld(beside: JsonObject, meant: str) -> None:
    for body in bodies(choice({"content": "Half an ans"}, "stop", 0, **beside)):
        assert reply(body).end.finish_reason == meant
    if "native_finish_reason" in beside:
        return
    later: list[JsonObject] = [{"choices": [choice({"content": "Half an ans"})]}, {"choices": []}]
    for told in later:
        chunks = [{"choices": [{"delta": {"content": "Half"}, "finish_reason": "stop"}]}, {**told, **beside}]
        body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks)
        assert reply(body).end.finish_reason == meant


def test_an_answer_marked_as_incomplete_is_a_failure() -> None:
    for fault in faults(choice({"content": "Half an ans"}, "stop", 0, status="incomplete")):
        assert (fault.code, fault.retryable) == ("LA-500", True)


TEXT: JsonObject = {"content": "Let me see."}
CALLS: JsonObject = {"content": None, "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("choices", "content", "calls"),
    [
        ([choice(TEXT, "tool_calls"), choice(CALLS, "tool_calls", 1)], "Let me see.", 1),
        ([choice(TEXT, "stop"), choice(CALLS, "tool_calls", 1)], "Let me see.", 1),
        ([choice({}, "stop"), choice(CALLS, "tool_calls", 1)], None, 1),
        ([choice({"content": ""}, "stop"), choice(TEXT, "stop", 1)], "Let me see.", 0),
        ([choice(TEXT, "stop", 1)], "Let me see.", 0),
        ([choice(CALLS, "tool_calls", 2)], None, 1),
        ([choice(CALLS, "tool_calls"), choice(CALLS, "tool_calls", 1)], None, 1),
        ([choice(TEXT, "stop"), choice({"content": "Another."}, "stop", 1)], "Let me see.", 0),
        ([{"message": TEXT, "finish_reason": "tool_calls"}, {"message": CALLS, "finish_reason": "tool_calls"}],
         "Let me see.", 1),
        ([choice(TEXT, "tool_calls"), choice(CALLS, "tool_calls")], "Let me see.", 1),
    ],
)  # fmt: skip
def test_content_in_another_choice_is_used(choices: list[JsonObject], content: str | None, calls: int) -> None:
    for body in bodies(*choices):
        message = reply(body).message
        assert (message.content, len(message.tool_calls)) == (content, calls)


def call(id: str | None, arguments: str) -> JsonObject:
    function: JsonObject = {"name": "add", "arguments": arguments}
    return {"id": id, "type": "function", "function": function} if id else {"type": "function", "function": function}


def calls(*each: JsonValue) -> JsonObject:
    return {"content": None, "tool_calls": list(each)}


X, Y, Z = '{"a":1}', '{"a":2}', '{"a":3}'


@pytest.mark.parametrize(
    ("choices", "content", "arguments"),
    [
        ([choice(calls(call("x", X)), "tool_calls"), choice(calls(call("y", Y)), "tool_calls", 1)], None, [X, Y]),
        ([choice(TEXT, "tool_calls"), choice(calls(call("x", X)), "tool_calls", 1),
          choice(calls(call("y", Y)), "tool_calls", 2)], "Let me see.", [X, Y]),
        ([choice(TEXT, "tool_calls"), choice(calls(call("y", Y)), "tool_calls", 2),
          choice(calls(call("x", X)), "tool_calls", 1)], "Let me see.", [X, Y]),
        ([choice({**TEXT, **calls(call("x", X)), "content": "Let me see."}, "tool_calls"),
          choice(calls(call("y", Y), call("z", Z)), "tool_calls", 1)], "Let me see.", [X, Y, Z]),
        ([choice(calls(call("x", X)), "tool_calls", 1), choice(calls(call("y", Y)), "tool_calls", 2)], None, [X, Y]),
        ([choice({"content": " "}), choice(calls(call("x", X)), "tool_calls", 1)], None, [X]),
        # Ids that begin anew in every choice, and none at all.
        ([choice(calls(call("call_0", X)), "tool_calls"), choice(calls(call("call_0", Y)), "tool_calls", 1)], None,
         [X, Y]),
        ([choice(calls(call(None, X)), "tool_calls"), choice(calls(call(None, X)), "tool_calls", 1)], None, [X, X]),
        # The same call once more.
        ([choice(calls(call("x", X)), "tool_calls"), choice(calls(call("x", X), call("y", Y)), "tool_calls", 1)], None,
         [X, Y]),
        # Alternatives.
        ([choice(TEXT), choice({"content": "Another.", "tool_calls": [call("x", X)]}, "tool_calls", 1)], "Let me see.",
         []),
        ([choice(TEXT), choice({"content": "Another."}, "length", 1), choice(calls(call("x", X)), "stop", 2)],
         "Let me see.", [X]),
        ([choice(calls(call("x", X)), "tool_calls"), choice({"content": "Another."}, "stop", 1)], None, [X]),
    ],
)  # fmt: skip
def test_the_calls_of_all_choices_are_the_answers(
    choices: list[JsonObject], content: str | None, arguments: list[str]
) -> None:
    for body in bodies(*choices):
        message = reply(body).message
        assert ((message.content or "").strip() or None, [each.arguments for each in message.tool_calls]) == (
            content,
            arguments,
        )
        assert len({each.id for each in message.tool_calls}) == len(arguments)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_one_choice_of_calls_that_is_cut_makes_the_answer_cut(reason: str) -> None:
    for body in bodies(choice(calls(call("x", X)), "tool_calls"), choice(calls(call("y", Y)), reason, 1)):
        assert reply(body).end.finish_reason == reason


REASONS = st.sampled_from([*WHOLE, *CUT, *WITHHELD, *BROKEN, *UNKNOWN, "tool_calls", "null", "", None]) | st.text(
    max_size=6
)
MESSAGES = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from(["", "text", None]),
        "tool_calls": st.sampled_from([[], [CALL], None]),
        "refusal": st.sampled_from(["", "no", None]),
        "reasoning": st.sampled_from(["", "hm"]),
        "error": st.sampled_from([None, {"message": "died"}]),
    },
)
CHOICES = st.lists(st.builds(choice, MESSAGES, REASONS, st.integers(0, 2)), max_size=3)
GOOD = {*WHOLE, "tool_calls", "null", "", None}
SPELLED = {re.sub(r"[\W_]", "", reason).lower() for reason in GOOD if reason is not None}


def is_good(reason: object) -> bool:
    """Whether a reply that ends so is whole, however the word is spelled."""
    return reason is None or re.sub(r"[\W_]", "", str(reason).partition(":")[0]).lower() in SPELLED


@given(CHOICES)
@example([choice({"content": "x"}, "stop"), choice({"content": "y"}, "length", 0)])
@example([choice({"reasoning": "hm"}, "stop")])
def test_success_codes_are_not_errors(choices: list[JsonObject]) -> None:
    for body in bodies(*choices):
        try:
            whole = reply(body)
        except ProviderError:
            continue
        ending, message = whole.end.finish_reason, whole.message
        if ending in ("length", "content_filter"):
            continue  # which no run takes for a success
        assert message.content or message.tool_calls or message.refusal
        assert ending != "tool_calls" or message.tool_calls
        first = [one["finish_reason"] for one in choices if not one["index"] and isinstance(one["message"], dict)]
        others = [one["finish_reason"] for one in choices if one["index"]]
        assert not first or all(map(is_good, first)) or any(map(is_good, others))
        assert not any(isinstance(one["message"], dict) and one["message"].get("error") for one in choices)
