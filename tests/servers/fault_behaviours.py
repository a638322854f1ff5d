"""What the fault server answers: the contents, well-formed and broken, plain or as a stream, as the request asks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias

from tests.servers import fault_tools
from tests.servers.fault_options import Options
from tests.servers.fault_wire import (
    SSE_HEADERS,
    USAGE,
    Reply,
    chunk,
    completion,
    encode,
    envelope,
    error_object,
    json_reply,
    raw_reply,
    sse_reply,
)
from tests.servers.json_values import Json, JsonObject

Content: TypeAlias = Callable[[JsonObject, Options], Reply]

TEXT = "The answer is 42. Grüße 👋🏽, 漢字."
MEGABYTE = 1_000_000
BLOCK = 50_000
ERRORS = {
    400: ("invalid_request_error", "context_length_exceeded"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def streams(request: JsonObject) -> bool:
    return request.get("stream") is True


def ok(request: JsonObject, options: Options) -> Reply:
    """The text of option `text`, with finish reason `finish` ("null" for none) `finishes` times, `usage` or not."""
    text, reason = options.text("text", TEXT), options.text("finish", "stop")
    finish = None if reason == "null" else reason
    if not streams(request):
        return json_reply(completion({"role": "assistant", "content": text, "refusal": None}, finish))
    words = text.split(" ")
    deltas = [" " * (position > 0) + word for position, word in enumerate(words)]
    first: JsonObject = {"role": "assistant", "content": "", "refusal": None}
    events: list[Json] = [chunk(first), *(chunk({"content": delta}) for delta in deltas)]
    events += [chunk({}, finish) for _ in range(options.integer("finishes", 1))]
    return sse_reply(events + usage_event(request, options), options)


def usage_event(request: JsonObject, options: Options) -> list[Json]:
    """Like OpenAI: an own last event without choices, if asked for."""
    asked = request.get("stream_options")
    wanted = isinstance(asked, dict) and asked.get("include_usage") is True
    return [envelope("chat.completion.chunk", [], USAGE)] if wanted and options.flag("usage", True) else []


def tools(request: JsonObject, options: Options) -> Reply:
    """Tool calls (see fault_tools) until `turns` turns have them, then the text."""
    turn = fault_tools.turns_done(request)
    calls = fault_tools.planned_calls(request, options, turn)
    if not calls or turn >= options.integer("turns", 1):
        return ok(request, options)
    if not streams(request):
        message: JsonObject = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [*calls]}
        return json_reply(completion(message, "tool_calls"))
    first: JsonObject = {"role": "assistant", "content": None}
    deltas = fault_tools.deltas(calls, options.text("layout", "whole"), options.integer("step", 1))
    events: list[Json] = [chunk(first), *(chunk({"tool_calls": delta}) for delta in deltas), chunk({}, "tool_calls")]
    return sse_reply(events + usage_event(request, options), options)


def choices(request: JsonObject, options: Options) -> Reply:
    """`how`=empty|null|missing|message-null|content-null: an answer whose shape is broken."""
    how, streaming = options.text("how", "empty"), streams(request)
    kind, part = ("chat.completion.chunk", "delta") if streaming else ("chat.completion", "message")
    nothing: JsonObject = {"role": "assistant", "content": None}
    shapes: dict[str, Json] = {
        "empty": [],
        "null": None,
        "message-null": [{"index": 0, part: None, "finish_reason": "stop"}],
        "content-null": [{"index": 0, part: nothing, "finish_reason": "stop"}],
    }
    answer = envelope(kind, shapes.get(how), USAGE)
    if how == "missing":
        del answer["choices"]
    return sse_reply([answer], options) if streaming else json_reply(answer)


def raw(_request: JsonObject, options: Options) -> Reply:
    """`body` as it is, with `status` and `type`."""
    content_type = options.text("type", "application/json")
    return raw_reply(options.text("body").encode(), content_type, options.integer("status", 200))


def malformed(request: JsonObject, options: Options) -> Reply:
    """JSON that is none; in a stream after one good event."""
    if not streams(request):
        return raw_reply(b'{"id": "chatcmpl-1", "choices": [{', "application/json")
    good = b"data: " + encode(chunk({"role": "assistant", "content": "The"})) + b"\n\n"
    return Reply([good, b'data: {"id": "chatcmpl-1", "choices": [{\n\n', b"data: [DONE]\n\n"], headers=SSE_HEADERS)


def status(_request: JsonObject, options: Options) -> Reply:
    """An error in OpenAI form: `code`, `retry_after` (seconds), `retry_after_ms`, `retry_date` (seconds from now)."""
    code = options.integer("code", 500)
    kind, reason = ERRORS.get(code, ("server_error", None))
    headers = {"x-request-id": "req_fault"}
    if "retry_after" in options.given:
        headers["retry-after"] = options.text("retry_after")
    if "retry_after_ms" in options.given:
        headers["retry-after-ms"] = options.text("retry_after_ms")
    if "retry_date" in options.given:
        when = datetime.now(UTC) + timedelta(seconds=options.number("retry_date"))
        headers["retry-after"] = format_datetime(when, usegmt=True)
    if options.text("form") == "html":
        return raw_reply(b"<html><h1>Bad gateway</h1></html>", "text/html", code, headers)
    if options.text("form") == "empty":
        return raw_reply(b"", "text/plain", code, headers)
    message = options.text("message", f"The fault server answers {code}.")
    return json_reply(error_object(message, kind, options.text("reason") or reason), code, headers)


def error_in_stream(request: JsonObject, options: Options) -> Reply:
    """Text first, then an error object: as an event of the stream, or as the whole answer with status 200."""
    error = error_object("The server had an error in mid-stream.", "server_error", "overloaded")
    if not streams(request):
        return json_reply(error)
    return sse_reply([chunk({"role": "assistant", "content": "The answer"}), error], options)


def big(request: JsonObject, options: Options) -> Reply:
    """`mb` megabytes of content, made on the way; a stream has many events, or with line=1 a single endless one."""
    blocks = int(options.number("mb", 50) * MEGABYTE / BLOCK)
    filler = "x" * BLOCK
    if not streams(request):
        before, after = _around_content(completion({"role": "assistant", "content": "@"}))
        length = len(before) + blocks * BLOCK + len(after)
        return Reply(_filled(before, filler, blocks, after), length, headers={"content-type": "application/json"})
    if options.flag("line"):
        before, after = _around_content(chunk({"role": "assistant", "content": "@"}))
        return Reply(_filled(b"data: " + before, filler, blocks, after + b"\n\n"), headers=SSE_HEADERS)
    return sse_reply((chunk({"content": filler}) for _ in range(blocks)), options)


def _around_content(value: Json) -> tuple[bytes, bytes]:
    before, _, after = encode(value).partition(b"@")
    return before, after


def _filled(before: bytes, filler: str, times: int, after: bytes) -> Iterator[bytes]:
    yield before
    for _ in range(times):
        yield filler.encode()
    yield after


def models(_request: JsonObject, _options: Options) -> Reply:
    return json_reply({"object": "list", "data": [{"id": "faulty", "object": "model", "owned_by": "tests"}]})
