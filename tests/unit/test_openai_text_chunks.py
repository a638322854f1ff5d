"""The fast path for chunks of text gives the same result as the readers that know every form."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.chat.openai import choices
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.adapters.chat.openai.common_forms import read_text_chunk
from lightagent.domain.conversation.deltas import Delta, ToolCallDelta
from lightagent.domain.errors import ProviderError

ABSENT = object()
NOTHING = st.sampled_from([ABSENT, ABSENT, None])
TEXTS = st.sampled_from(["", "a", " b", "ü"])


def fields(**strategies: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Objects in which any field may be absent."""
    return st.fixed_dictionaries(strategies).map(
        lambda found: {name: value for name, value in found.items() if value is not ABSENT}
    )


DELTAS = fields(
    content=st.one_of(NOTHING, TEXTS, TEXTS, st.just([{"type": "text", "text": "part"}])),
    role=st.sampled_from([ABSENT, "assistant"]),
    refusal=st.one_of(NOTHING, TEXTS),
    reasoning_content=st.one_of(NOTHING, TEXTS),
    reasoning_details=st.one_of(NOTHING, st.just([{"type": "reasoning.text", "text": "r"}])),
    tool_calls=st.one_of(NOTHING, st.just([{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}])),
    error=st.one_of(NOTHING, NOTHING, st.just({"message": "broken"})),
)
CHOICES = fields(
    index=st.sampled_from([ABSENT, 0, 0, 0, 1, "0", None]),
    delta=st.one_of(DELTAS, DELTAS, DELTAS, NOTHING),
    message=st.one_of(NOTHING, NOTHING, NOTHING, DELTAS),
    finish_reason=st.sampled_from([ABSENT, None, None, "stop", "length", "odd"]),
    usage=st.one_of(NOTHING, NOTHING, st.just({"prompt_tokens": 1, "completion_tokens": 2})),
    text=st.one_of(NOTHING, NOTHING, TEXTS),
)
CHUNKS = fields(
    id=st.just("1"),
    model=st.sampled_from([ABSENT, "m", "m", "m"]),
    choices=st.lists(CHOICES, min_size=1, max_size=2),
    usage=st.one_of(NOTHING, st.just({"prompt_tokens": 3, "completion_tokens": 4})),
    error=st.one_of(NOTHING, NOTHING, NOTHING, st.just("overloaded")),
    x_groq=st.one_of(NOTHING, NOTHING, st.just({"usage": {"prompt_tokens": 5, "completion_tokens": 6}})),
)


def read(chunks: list[dict[str, object]]) -> tuple[list[Delta], str, int]:
    """The deltas of a stream with ids that were made up left out, the error that ends it, and how much it told."""
    reader, deltas = AnswerReader(1_000_000), list[Delta]()
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    try:
        deltas.extend(reader.feed(body.encode()))
        deltas.extend(reader.end())
    except ProviderError as error:
        return list(map(known, deltas)), str(error), 0
    return list(map(known, deltas)), "", reader._events._choices.size if reader._events is not None else 0


def known(delta: Delta) -> Delta:
    if isinstance(delta, ToolCallDelta) and delta.id.startswith("call_"):
        return replace(delta, id="call_")
    return delta


@given(st.lists(CHUNKS, min_size=1, max_size=5))
def test_the_fast_path_reads_chunks_like_the_slow_one(chunks: list[dict[str, object]]) -> None:
    glanced = read(chunks)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(choices, "read_text_chunk", lambda answer: None)
        assert read(chunks) == glanced


def test_a_common_chunk_takes_the_fast_path() -> None:
    choice = {"index": 0, "delta": {"content": "a", "reasoning_content": None}, "finish_reason": None}
    assert read_text_chunk({"id": "1", "model": "m", "choices": [choice], "usage": None}) == "a"
