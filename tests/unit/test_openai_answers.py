"""What comes back: every form an answer may take folds to the right reply, and nothing raises an untyped error."""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.domain.conversation.deltas import Delta, ModelReply, ReplyEnd, TextDelta, fold_deltas
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.usage import Usage
from tests.support.costs import grows_evenly

USAGE: JsonObject = {
    "prompt_tokens": 20,
    "completion_tokens": 10,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 4},
}


def read(*pieces: bytes, max_bytes: int = 1_000_000) -> list[Delta]:
    reader = AnswerReader(max_bytes)
    deltas = [delta for piece in pieces for delta in reader.feed(piece)]
    return deltas + reader.end()


def reply(*pieces: bytes) -> ModelReply:
    return fold_deltas(read(*pieces))


def fault(*pieces: bytes, max_bytes: int = 1_000_000) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(*pieces, max_bytes=max_bytes)
    return caught.value


def completion(message: JsonValue, reason: JsonValue = "stop", **more: JsonValue) -> bytes:
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": reason}
    return json.dumps({"id": "c1", "model": "m1", "choices": [choice], "usage": USAGE, **more}).encode()


def chunk(delta: JsonValue, reason: JsonValue = None, index: JsonValue = 0) -> JsonObject:
    return {"id": "c1", "model": "m1", "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def events(*chunks: JsonValue, done: bool = True) -> bytes:
    lines = [json.dumps(each, ensure_ascii=False) for each in chunks] + ["[DONE]"] * done
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def test_a_completion() -> None:
    whole = reply(completion({"role": "assistant", "content": "Grüße", "refusal": None}))
    assert whole.message.content == "Grüße"
    assert whole.end == ReplyEnd("stop", Usage(20, 10, 30, 8, 4), "m1", "c1")


def test_a_stream_with_usage_after_the_end() -> None:
    last: JsonObject = {"id": "c1", "model": "m1", "choices": [], "usage": USAGE}
    pieces = (chunk({"role": "assistant", "content": ""}), chunk({"content": "Grü"}), chunk({"content": "ße"}))
    whole = reply(events(*pieces, chunk({}, "stop"), last))
    assert whole.message.content == "Grüße"
    assert whole.end == ReplyEnd("stop", Usage(20, 10, 30, 8, 4), "m1", "c1")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_and_refusals(name: str) -> None:
    for body in (
        completion({name: "hm, so", "content": "yes", "refusal": "but no"}),
        events(chunk({name: "hm, "}), chunk({name: "so"}), chunk({"content": "yes", "refusal": "but no"}, "stop")),
    ):
        message = reply(body).message
        assert (message.reasoning, message.content, message.refusal) == ("hm, so", "yes", "but no")


def test_only_the_first_choice_counts() -> None:
    two: JsonValue = [
        {"index": 1, "message": {"content": "no"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"},
    ]
    whole = reply(json.dumps({"choices": two}).encode())
    assert (whole.message.content, whole.end.finish_reason) == ("yes", "stop")
    streamed = reply(events(chunk({"content": "no"}, "length", 1), chunk({"content": "yes"}), chunk({}, "stop")))
    assert (streamed.message.content, streamed.end.finish_reason) == ("yes", "stop")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("model_length", "length"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("eos", "stop"),
    ],
)
def test_finish_reasons_become_those_of_openai(said: str, meant: str) -> None:
    assert reply(completion({"content": "x"}, said)).end.finish_reason == meant


def test_a_stream_and_an_object_are_both_read_whichever_was_requested() -> None:
    """The reader is not told what was asked: a stream answered with one object reads well, and the other way round."""
    assert reply(b"  \n " + completion({"content": "x"})).message.content == "x"
    assert reply(b"\n\n: hello\n\n" + events(chunk({"content": "x"}, "stop"))).message.content == "x"
    assert reply("\ufeff".encode() + completion({"content": "x"})).message.content == "x"


def test_content_in_parts() -> None:
    parts: JsonValue = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert reply(completion({"content": parts})).message.content == "ab"


def test_an_answer_of_calls_has_no_content() -> None:
    call: JsonObject = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    whole = reply(completion({"content": None, "tool_calls": [call]}, "tool_calls"))
    assert whole.message.content is None
    assert whole.message.tool_calls == (ToolCall("1", "add", "{}"),)


def test_a_last_event_without_an_empty_line_counts_if_it_is_whole() -> None:
    body = events(chunk({"content": "x"}, "stop"), done=False)
    assert reply(body.removesuffix(b"\n\n")).message.content == "x"
    assert reply(body + b"data: [DONE]").end.finish_reason == "stop"
    assert fault(events(chunk({"content": "x"}), done=False) + b'data: {"cho').code == "LA-503"


def test_a_stream_is_whole_with_a_finish_reason_or_done() -> None:
    assert reply(events(chunk({"content": "x"}, "stop"), done=False)).end.finish_reason == "stop"
    assert reply(events(chunk({"content": "x"}))).end.finish_reason is None
    cut = fault(events(chunk({"content": "x"}), done=False))
    assert (cut.code, cut.retryable) == ("LA-503", True)


@pytest.mark.parametrize("mark", ["[DONE]", " [DONE] ", "[done]", '"[DONE]"', "DONE", "data: [DONE]", "[DONE]\r"])
def test_forms_of_done(mark: str) -> None:
    body = events(chunk({"content": "x"}), done=False) + f"data: {mark}\n\n".encode()
    assert reply(body + b"data: nonsense\n\n").message.content == "x"


SILENT = [
    b"data: ping\n\n",
    b'data: "ping"\n\n',
    b"data: [HEARTBEAT]\n\n",
    b"data: <ping>\n\n",
    b"data: :keepalive\n\n",
    b"data: : OPENROUTER PROCESSING\n\n",
    b"data: []\n\n",
    b"data: {}\n\n",
    b"data: null\n\n",
    b"data: 0\n\n",
    b"data: 1\n\n",
    b"data: true\n\n",
    b"data: ok\n\n",
    b"data: waiting\n\n",
    b"data: processing...\n\n",
    b"data: -\n\n",
    b'data: {"choices":[null]}\n\n',
    b'data: {"choices":[{}]}\n\n',
    b"ping\n\n",
    b"keep-alive\r\n\r\n",
]


@pytest.mark.parametrize("silent", SILENT)
def test_keep_alives_are_ignored_anywhere(silent: bytes) -> None:
    begun, ended = events(chunk({"content": "He"}), done=False), events(chunk({"content": "llo"}), done=False)
    end = events(chunk({}, "stop"))
    for body in (silent + begun + ended + end, begun + silent + ended + end, begun + ended + silent + end):
        assert reply(body).message.content == "Hello"
        assert reply(*(body[at : at + 1] for at in range(len(body)))).message.content == "Hello"


@pytest.mark.parametrize("word", [b".", b"- ", b"<think>", b"1"])
def test_a_long_event_that_begins_like_a_keep_alive_is_read_in_linear_time(word: bytes) -> None:
    def feed(length: int) -> None:
        assert fault(b"data: " + word * length + b"x\n\n", max_bytes=10_000_000).code == "LA-500"

    assert grows_evenly(feed, 2_000)


@pytest.mark.parametrize(
    "after",
    [
        b"data: nonsense\n\n",
        b'data: {"cho\n\n',
        b'data: {"error": {"message": "died"}}\n\n',
        b"event: error\ndata: null\n\n",
        b'event: error\ndata: {"message": "overloaded"}\n\n',
        b'data: {"message": "processing"}\n\n',
        b'data: {"choices": {"0": 1}}\n\n',
        b'data: {"choices": ["x"]}\n\n',
        b'data: [{"x": 1}]\n\n',
    ],
)
def test_errors_after_a_whole_answer_are_ignored(after: bytes) -> None:
    whole = events(chunk({"content": "x"}, "stop"), done=False)
    for body in (whole + after, whole + after + b"data: [DONE]\n\n"):
        assert reply(body).message.content == "x"
    assert fault(events(chunk({"content": "x"}), done=False) + after).retryable
    assert fault(events(chunk({}, "stop"), done=False) + after).retryable


def test_a_filter_or_an_error_beside_choices_counts_after_a_whole_answer() -> None:
    whole = events(chunk({"content": "x"}, "stop"), done=False)
    withheld: JsonObject = {"choices": [], "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}
    assert fault(whole + events(withheld)).code == "LA-403"
    assert fault(whole + b'event: error\ndata: {"code": "content_filter", "message": "no"}\n\n').code == "LA-403"
    assert fault(whole + events({**chunk({}), "code": 500, "msg": "internal"})).code == "LA-500"


def test_an_error_in_another_choice_is_raised() -> None:
    begun: JsonObject = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]}
    body = events(chunk({"content": "x"}, "tool_calls"), chunk(begun, None, 1), {"error": {"message": "died"}})
    assert fault(body).message == "died"


def test_nothing_is_read_after_done() -> None:
    assert reply(events(chunk({"content": "x"}, "stop")) + b"data: nonsense\n\n").message.content == "x"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "LA-500"),
        (b" \n", "LA-500"),
        (b"<!doctype html><html>", "LA-404"),
        (b"\n  <html>", "LA-404"),
        (b"{", "LA-500"),
        (b"[]", "LA-500"),
        (b"null", "LA-500"),
        (b"Internal Server Error", "LA-500"),
        (b"[" * 200_000, "LA-500"),
        (b'{"choices":' + b"[" * 200_000, "LA-500"),
        (b'{"choices": []}', "LA-500"),
        (b'{"choices": null}', "LA-500"),
        (b"{}", "LA-500"),
        (b'{"choices": {"0": 1}}', "LA-500"),
        (b'{"choices": [null]}', "LA-500"),
        (b'{"choices": [{"message": "hi"}]}', "LA-500"),
        (b'{"choices": [{"message": null, "finish_reason": "stop"}]}', "LA-500"),
        (b'{"choices": [{"message": {"content": 5}}]}', "LA-500"),
        (b'{"choices": [{"message": {"tool_calls": 5}}]}', "LA-500"),
        (b'{"choices": [{"message": {"tool_calls": [5]}}]}', "LA-500"),
        (b'{"choices": [{"message": {"tool_calls": [{"function": 5}]}}]}', "LA-500"),
        (b'{"choices": [{"message": {"tool_calls": [{"function": {"name": 5}}]}}]}', "LA-500"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": 5}]}', "LA-500"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": "error"}]}', "LA-500"),
        (b"data: {\n\n", "LA-500"),
        (b"data: []\n\n", "LA-503"),
        (b"data: Internal Server Error\n\n", "LA-500"),
        (b'data: [{"x": 1}]\n\n', "LA-500"),
        (b"ping\n\n", "LA-500"),
        (b"ping\n\ndata: {\n\n", "LA-500"),
        (b"Unavailable\n\nretry later", "LA-500"),
        (b"data: [DONE]\n\n", "LA-500"),
        (b": nothing\n\n", "LA-503"),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "LA-500"),
    ],
)
def test_a_broken_answer_is_a_typed_error(body: bytes, code: str) -> None:
    assert fault(body).code == code
    assert fault(*(body[at : at + 1] for at in range(min(len(body), 500))), body[500:]).code == code


@pytest.mark.parametrize(
    ("error", "code", "retryable", "text"),
    [
        ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, "LA-429", True, "no"),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, "LA-429", False, "no"),
        ({"error": {"message": "no", "type": "overloaded_error"}}, "LA-503", True, "no"),
        ({"error": {"message": "no", "code": 502}}, "LA-503", True, "no"),
        ({"error": {"message": "no", "code": 400, "type": "exceed_context_size_error"}}, "LA-413", False, "no"),
        ({"error": {"message": "This model's maximum context length is 8"}}, "LA-413", False, "maximum"),
        ({"error": {"message": "no", "type": "invalid_request_error"}}, "LA-400", False, "no"),
        ({"error": "no"}, "LA-500", True, "no"),
        ({"error": {"code": None}}, "LA-500", True, "without saying which"),
        ({"error": [1, 2]}, "LA-500", True, "[1, 2]"),
        ({"object": "error", "message": "no", "code": 404}, "LA-404", False, "no"),
    ],
)
def test_an_error_in_place_of_an_answer(error: JsonObject, code: str, retryable: bool, text: str) -> None:
    for body in (json.dumps(error).encode(), events(chunk({"content": "x"}), error)):
        found = fault(body)
        assert (found.code, found.retryable) == (code, retryable)
        assert text in found.message


def test_memory_is_bounded() -> None:
    long = "x" * 300
    assert fault(completion({"content": long}), max_bytes=200).code == "LA-413"
    assert fault(b'data: {"long', *[b"er" * 100] * 5, max_bytes=200).code == "LA-413"
    assert fault(*[events(chunk({"content": "x" * 50}), done=False)] * 10, max_bytes=200).code == "LA-413"
    # The envelopes of a long stream do not count, only what is kept of it.
    assert read(*[events(chunk({"content": "x"}), done=False)] * 100, events(chunk({}, "stop")), max_bytes=200)


def pieces_of(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return (body[start:end] for start, end in pairwise(places))


TEXTS = st.text(max_size=8)
CALL_PIECES = st.fixed_dictionaries(
    {"index": st.integers(0, 2), "function": st.fixed_dictionaries({"arguments": TEXTS})},
    optional={"id": st.sampled_from(["a", "b", ""])},
)
DELTAS = st.fixed_dictionaries(
    {},
    optional={"content": TEXTS, "reasoning": TEXTS, "refusal": TEXTS, "tool_calls": st.lists(CALL_PIECES, max_size=2)},
)


@given(st.lists(DELTAS, max_size=6), st.lists(st.integers(0, 10_000), max_size=20))
@example([{"content": "👋🏽"}], list(range(300)))
def test_any_split_of_a_stream_folds_to_the_same(deltas: list[JsonObject], cuts: list[int]) -> None:
    body = events(*(chunk(delta) for delta in deltas), chunk({"content": "."}, "stop"))
    whole, split = reply(body), reply(*pieces_of(body, cuts))
    assert without_made_up_ids(whole) == without_made_up_ids(split)


def without_made_up_ids(whole: ModelReply) -> object:
    calls = [(call.name, call.arguments) for call in whole.message.tool_calls]
    return whole.message.content, whole.message.reasoning, whole.message.refusal, calls, whole.end


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "message", "delta", "content", "tool_calls", "function", "name", "arguments", "id", "index",
             "error", "code", "finish_reason", "usage", "text", "model", "object"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(JSON, st.booleans(), st.lists(st.integers(0, 1000), max_size=5))
@example({"choices": [{"message": {"content": [{"text": 5}]}}]}, False, [])
@example({"choices": [{"delta": {"tool_calls": [{"index": True, "id": 1.5}]}}]}, True, [])
def test_no_json_raises_an_untyped_error(value: JsonValue, stream: bool, cuts: list[int]) -> None:
    body = events(value) if stream else json.dumps(value).encode()
    readable(pieces_of(body, cuts))


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: b"data: " + text.encode("utf-8", "ignore")))
def test_no_bytes_raise_an_untyped_error(body: bytes) -> None:
    readable(iter([body]))


def readable(pieces: Iterator[bytes]) -> None:
    """It reads, or says in our terms why not."""
    with suppress(ProviderError):
        fold_deltas(read(*pieces))


@pytest.mark.parametrize(
    "event",
    [
        {"message": "processing"},
        {"message": "Loading model..."},
        {"detail": "queued"},
        {"msg": "in the queue", "code": 0},
        {"message": "ok", "success": True},
        {"title": "keep-alive"},
        {"message": "Thinking", "request_id": "r"},
    ],
)
def test_an_object_that_only_keeps_the_connection_alive_is_no_error(event: dict[str, object]) -> None:
    alive = f"data: {json.dumps(event)}\n\n".encode()
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    body = alive.join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (chunk, last))
    reader = AnswerReader(1000)
    deltas = [*reader.feed(alive + body + alive + b"data: [DONE]\n\n"), *reader.end()]
    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == ["Hi"]


@pytest.mark.parametrize(
    "event",
    [
        {"message": "processing failed"},
        {"message": "The model is overloaded."},
        {"detail": "Not Found"},
        {"message": "processing", "code": 500},
        {"message": "queued", "success": False},
    ],
)
def test_an_object_with_an_error_message_is_an_error(event: dict[str, object]) -> None:
    with pytest.raises(ProviderError):
        list(AnswerReader(1000).feed(f"data: {json.dumps(event)}\n\n".encode()))
