"""The fast path for whole answers gives the same result as the readers that know every form."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.chat.openai import answers
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.adapters.chat.openai.common_forms import read_common_answer
from lightagent.domain.conversation.deltas import ModelReply, ToolCallDelta, fold_deltas
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject

ABSENT = object()
CALL: JsonObject = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
ANOTHER: JsonObject = {"id": "c2", "type": "function", "function": {"name": "now", "arguments": ""}}
SAID: JsonObject = {"role": "assistant", "content": "The answer is 3.", "refusal": None, "annotations": []}
CALLED: JsonObject = SAID | {"content": None, "tool_calls": [CALL, ANOTHER]}
USAGE: JsonObject = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def common(message: JsonObject, ending: str) -> JsonObject:
    """An answer as OpenAI gives it."""
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": ending, "logprobs": None}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


CHANGES: dict[tuple[str | int, ...], tuple[object, ...]] = {
    ("id",): (5, None, ABSENT),
    ("object",): ("error", "text", ABSENT),
    ("model",): ("", None, ABSENT),
    ("usage",): (None, {}, {"prompt_tokens": 0}, [], "x", ABSENT),
    ("error",): (None, {}, "overloaded"),
    ("status",): ("incomplete", "completed"),
    ("choices",): ([], None, {}, ABSENT),
    ("choices", 0): (None, [], "x"),
    ("choices", 0, "index"): (1, "0", False, None, ABSENT),
    ("choices", 0, "message"): (None, [], {}, "x", ABSENT),
    ("choices", 0, "delta"): (None, {"content": "d"}),
    ("choices", 0, "finish_reason"): ("stop", "tool_calls", "length", "STOP", "odd", 5, None, ABSENT),
    ("choices", 0, "native_finish_reason"): ("MAX_TOKENS", "stop"),
    ("choices", 0, "usage"): (None, USAGE),
    ("choices", 0, "message", "content"): (
        *("", " ", " b\n", "<think>x</think>", " <think>x", "<b>bold</b>", "\ufeff", None, ABSENT),
        *([{"type": "text", "text": "part"}], 5),
    ),
    ("choices", 0, "message", "role"): ("tool", None, ABSENT),
    ("choices", 0, "message", "refusal"): ("", "no"),
    ("choices", 0, "message", "annotations"): (None, [{"url": "x"}], "x"),
    ("choices", 0, "message", "reasoning_content"): (None, "", "because"),
    ("choices", 0, "message", "reasoning_details"): (None, [], [{"type": "reasoning.text", "text": "r"}]),
    ("choices", 0, "message", "function_call"): (None, {}, {"name": "f", "arguments": "{}"}),
    ("choices", 0, "message", "error"): (None, {}, {"message": "broken"}),
    ("choices", 0, "message", "tool_calls"): (None, [], {}, "x", CALL, [CALL], [CALL, CALL], [None], [CALL, 5], ABSENT),
    ("choices", 0, "message", "tool_calls", 1): (None, {}, CALL),
    ("choices", 0, "message", "tool_calls", 1, "id"): ("c1", "", 7, None, ABSENT),
    ("choices", 0, "message", "tool_calls", 1, "type"): ("custom", None, ABSENT),
    ("choices", 0, "message", "tool_calls", 1, "index"): (0, 5, "1", None),
    ("choices", 0, "message", "tool_calls", 1, "extra_content"): (None, {"google": {"thought_signature": "s"}}),
    ("choices", 0, "message", "tool_calls", 1, "function"): (None, {}, {"name": "f"}, ABSENT),
    ("choices", 0, "message", "tool_calls", 1, "function", "name"): ("", 5, None, ABSENT),
    ("choices", 0, "message", "tool_calls", 1, "function", "arguments"): ("{", "null", "{}{}", {}, 5, None, ABSENT),
}
"""What other servers send, or a test would like to see sent, at the places of a common answer."""

ONE_CHANGE = st.sampled_from([(path, value) for path, values in CHANGES.items() for value in values])
ANSWERS = st.sampled_from(
    [
        common(SAID, "stop"),
        common(CALLED, "tool_calls"),
        common(CALLED | {"content": "Let me see."}, "tool_calls"),
    ]
)


def changed(answer: JsonObject, changes: list[tuple[tuple[str | int, ...], object]]) -> object:
    """A copy of the answer with these values at these places, where the places exist."""
    copy: object = deepcopy(answer)
    for (*way, last), value in changes:
        holder: object = copy
        for step in way:
            if isinstance(holder, dict):
                holder = holder.get(step)
            elif isinstance(holder, list):
                holder = holder[step] if isinstance(step, int) and step < len(holder) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
            if value is not ABSENT:
                holder[last] = deepcopy(value)
        elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
            holder[last] = deepcopy(value)
    return copy


def read(answer: object) -> tuple[ModelReply | None, str]:
    """What the answer folds to, with ids that were made up left out, or the error that it is."""
    reader = AnswerReader(1_000_000)
    try:
        deltas = [*reader.feed(json.dumps(answer).encode()), *reader.end()]
        return fold_deltas([_known(delta) if isinstance(delta, ToolCallDelta) else delta for delta in deltas]), ""
    except ProviderError as error:
        return None, str(error)


def _known(delta: ToolCallDelta) -> ToolCallDelta:
    return replace(delta, id=f"call_{delta.index}") if delta.id.startswith("call_") else delta


@given(ANSWERS, st.lists(ONE_CHANGE, max_size=3))
def test_the_fast_path_reads_answers_like_the_slow_one(
    answer: JsonObject, changes: list[tuple[tuple[str | int, ...], object]]
) -> None:
    body = changed(answer, changes)
    at_once = read(body)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answers, "read_common_answer", lambda answer: None)
        assert read(body) == at_once


@pytest.mark.parametrize("answer", [common(SAID, "stop"), common(CALLED, "tool_calls")])
def test_the_common_form_takes_the_fast_path(answer: JsonObject) -> None:
    assert read_common_answer(dict(answer.items()))
