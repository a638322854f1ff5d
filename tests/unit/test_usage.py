"""What an answer consumed, from every form and place in which servers report it."""

import json
from collections.abc import Mapping

import pytest

from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.domain.conversation.deltas import fold_deltas
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.usage import Usage, merge_usage, normalize_usage

DETAILS: JsonObject = {"cache_creation_input_tokens": 4, "cache_creation": {"ephemeral_5m_input_tokens": 4}}
FULL: JsonObject = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (FULL, Usage(7, 3, 10)),
        ({"prompt_tokens": 7.0, "completion_tokens": 3.0, "total_tokens": 10.0}, Usage(7, 3, 10)),
        ({"prompt_tokens": "7", "completion_tokens": "3.0", "total_tokens": " 10 "}, Usage(7, 3, 10)),
        ({"prompt_tokens": "seven", "completion_tokens": None, "total_tokens": True}, Usage()),
        ({"prompt_tokens": -7, "completion_tokens": -3.0, "total_tokens": "-10"}, Usage()),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "total_tokens": "inf"}, Usage()),
        ({"input_tokens": 7, "output_tokens": 3}, Usage(7, 3, 10)),
        ({"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}, Usage(7, 3, 10)),
        ({"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 14, "thoughtsTokenCount": 4},
         Usage(7, 7, 14, 0, 4)),
        ({"promptTokenCount": 7, "candidatesTokenCount": 7, "totalTokenCount": 14, "thoughtsTokenCount": 4},
         Usage(7, 7, 14, 0, 4)),
        ({"prompt_token_count": 7, "candidates_token_count": 3, "thoughts_token_count": 4}, Usage(7, 7, 14, 0, 4)),
        ({"promptTokenCount": 7, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 12},
         Usage(9, 3, 12)),
        ({"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20},
         Usage(127, 3, 130, 100, 0, 20)),
        ({"inputTokens": 7, "outputTokens": 3, "totalTokens": 130, "cacheReadInputTokens": 100,
          "cacheWriteInputTokens": 20}, Usage(127, 3, 130, 100, 0, 20)),
        ({"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "cache_read_input_tokens": 5},
         Usage(7, 3, 10, 5)),
        ({"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_tokens_details": {"cached_tokens": 5}},
         Usage(7, 3, 10, 5)),
        ({**FULL, "total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 4}}, Usage(7, 7, 14, 0, 4)),
        ({**FULL, "completion_tokens_details": {"reasoning_tokens": 4}}, Usage(7, 7, 14, 0, 4)),
        ({**FULL, "total_tokens": 14}, Usage(7, 7, 14)),
        ({**FULL, "total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 2}}, Usage(7, 3, 15, 0, 2)),
        ({**FULL, "prompt_cache_hit_tokens": 5}, Usage(7, 3, 10, 5)),
        ({**FULL, "cached_tokens": 5}, Usage(7, 3, 10, 5)),
        ({**FULL, "cache_read_input_tokens": "5"}, Usage(7, 3, 10, 5)),
        ({**FULL, "prompt_tokens_details": None, "input_tokens_details": {"cached_tokens": 5.0}}, Usage(7, 3, 10, 5)),
        ({**FULL, "prompt_tokens_details": {"cached_tokens": 0}, "input_tokens_details": {"cached_tokens": 5}},
         Usage(7, 3, 10, 5)),
        ({**FULL, "completion_tokens_details": {"reasoning_tokens": 2}}, Usage(7, 3, 10, 0, 2)),
        ({**FULL, "reasoning_tokens": "2"}, Usage(7, 3, 10, 0, 2)),
        ({**FULL, "cache_creation_input_tokens": 4}, Usage(7, 3, 10, 0, 0, 4)),
        ({**FULL, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 4}}, Usage(7, 3, 10, 2, 0, 4)),
        ({**FULL, "prompt_tokens_details": {"cache_creation_tokens": 4}}, Usage(7, 3, 10, 0, 0, 4)),
        ({**FULL, "prompt_tokens_details": DETAILS}, Usage(7, 3, 10, 0, 0, 4)),
        ({"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_token_details": {"cache_creation": 4}},
         Usage(7, 3, 10, 0, 0, 4)),
        (Usage(7, 3, 10, 1, 2, 4).to_dict(), Usage(7, 3, 10, 1, 2, 4)),
        (dict(Usage(7, 3, 10, 1, 2, 4)), Usage(7, 3, 10, 1, 2, 4)),
        ({"prompt_eval_count": 7, "eval_count": 3}, Usage(7, 3, 10)),
    ],
)  # fmt: skip
def test_forms(report: Mapping[str, object], usage: Usage) -> None:
    assert normalize_usage(report) == usage


def test_reports_merge_to_the_latest_counts_that_are_not_zero() -> None:
    assert merge_usage(None, Usage(1, 2, 3)) == Usage(1, 2, 3)
    assert merge_usage(Usage(7, 0, 7), Usage(0, 3, 3)) == Usage(7, 3, 10)
    assert merge_usage(Usage(7, 1, 8, 4), Usage(7, 3, 10)) == Usage(7, 3, 10, 4)
    assert merge_usage(Usage(9, 3, 12), Usage(7, 3, 10)) == Usage(7, 3, 10)
    assert merge_usage(Usage(7, 3, 10, 2, 1, 4), Usage()) == Usage(7, 3, 10, 2, 1, 4)


def test_parts_are_added_each_by_itself() -> None:
    assert Usage(7, 3, 10, 2, 1, 4) + Usage(10, 20, 30, 5, 6, 1) == Usage(17, 23, 40, 7, 7, 5)


class FromAnSdk:
    """As an SDK answers that has no `model_dump`."""

    input_tokens = 7
    output_tokens = 3
    cache_creation_input_tokens = 20


def test_attributes_of_an_object_are_read_as_keys_are() -> None:
    assert normalize_usage(FromAnSdk()) == Usage(27, 3, 30, 0, 0, 20)


def chunk(**more: JsonValue) -> JsonObject:
    return {"choices": [{"index": 0, "delta": {"content": "x"}}], **more}


def in_choice(usage: JsonValue) -> JsonObject:
    return {"choices": [{"index": 0, "delta": {"content": "x"}, "usage": usage}]}


HALVES: list[JsonObject] = [chunk(usage={"prompt_tokens": 7}), chunk(usage={"completion_tokens": 3})]
ZEROS: JsonObject = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(usage=FULL)],
        [chunk(), {"choices": [], "usage": FULL}],
        [chunk(), {"choices": None, "usage": FULL}],
        [in_choice(FULL)],
        [in_choice({"prompt_tokens": 7, "completion_tokens": 1}), in_choice(FULL)],
        [{"choices": [{"delta": {"content": "x", "usage": FULL}}]}],
        [chunk(x_groq={"id": "1"}), chunk(x_groq={"usage": FULL})],
        [chunk(usage_metadata={"prompt_token_count": 7, "candidates_token_count": 3})],
        [chunk(timings={"prompt_n": 5, "cache_n": 2, "predicted_n": 3})],
        [chunk(usage=FULL, timings={"prompt_n": 1, "predicted_n": 1})],
        [chunk(timings={"prompt_n": 1, "predicted_n": 1}), chunk(usage=FULL)],
        [chunk(prompt_eval_count=7, eval_count=3)],
        HALVES,
        HALVES[::-1],
        [chunk(usage={"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}),
         chunk(usage={"prompt_tokens": 0, "completion_tokens": 3, "total_tokens": 3})],
        [chunk(usage=FULL), chunk(usage={})],
        [chunk(usage=FULL), chunk(usage=None)],
        [chunk(usage=FULL), chunk(usage=ZEROS)],
        [chunk(usage=FULL), in_choice(ZEROS)],
        [chunk(usage=ZEROS), chunk(usage=FULL)],
        [chunk(usage={"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}), chunk(usage=FULL)],
        [chunk(usage=[1, 2]), chunk(usage=FULL)],
    ],
)  # fmt: skip
def test_places(chunks: list[JsonObject]) -> None:
    reader = AnswerReader(1_000_000)
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"
    usage = fold_deltas([*reader.feed(body.encode()), *reader.end()]).end.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 3, 10)


def test_an_answer_without_a_report_has_no_usage() -> None:
    others: list[JsonObject] = [{}, {"usage": None}, {"usage": {}}, {"timings": {}}]
    for more in others:
        reader = AnswerReader(1_000_000)
        message: JsonValue = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], **more}
        assert fold_deltas([*reader.feed(json.dumps(message).encode()), *reader.end()]).end.usage in (None, Usage())
