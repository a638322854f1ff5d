"""The bytes of an answer: HTTP heads, JSON bodies, server-sent events, and the OpenAI form of completions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.servers.fault_options import Options
from tests.servers.json_values import Json, JsonObject

USAGE: JsonObject = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
PLAIN_PARTS = 4
SSE_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


@dataclass(frozen=True)
class Reply:
    """An answer in parts, so that a delivery can pause or break between them. No length: chunked transfer."""

    parts: Iterable[bytes]
    length: int | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += ["transfer-encoding: chunked" if self.length is None else f"content-length: {self.length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def encode(value: Json) -> bytes:
    """UTF-8 as it is, not \\u escapes: so that a cut can fall inside a character."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def raw_reply(body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    size = -(-len(body) // PLAIN_PARTS) or 1
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return Reply(parts, len(body), status, {"content-type": content_type, **(headers or {})})


def json_reply(value: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return raw_reply(encode(value), "application/json", status, headers)


def sse_reply(events: Iterable[Json], options: Options) -> Reply:
    """One part an event. Options: eol=lf|crlf|cr, space, comments, fields, bom, multiline, done, burst."""
    parts = _events(events, options)
    if options.flag("burst"):
        parts = iter([b"".join(parts)])
    return Reply(parts, headers=SSE_HEADERS)


def _events(events: Iterable[Json], options: Options) -> Iterator[bytes]:
    eol = LINE_ENDS[options.text("eol", "lf")]
    label = "data: " if options.flag("space", True) else "data:"
    noise = f": keep-alive{eol}{eol}" if options.flag("comments") else ""
    noise += f"event: message{eol}id: 7{eol}retry: 3000{eol}" if options.flag("fields") else ""
    start = "\ufeff" if options.flag("bom") else ""
    for event in events:
        lines = [encode(event).decode("utf-8", "surrogatepass")]
        if options.flag("multiline"):
            lines = lines[0].replace(',"', ',\n"').split("\n")
        data = "".join(f"{label}{line}{eol}" for line in lines)
        yield f"{start}{noise}{data}{eol}".encode("utf-8", "surrogatepass")
        start = ""
    if options.flag("done", True):
        yield f"{label}[DONE]{eol}{eol}".encode()


def completion(message: Json, finish: Json = "stop") -> JsonObject:
    choice: JsonObject = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return envelope("chat.completion", [choice], USAGE)


def chunk(delta: Json, finish: Json = None) -> JsonObject:
    choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return envelope("chat.completion.chunk", [choice], None)


def envelope(kind: str, choices: Json, usage: Json) -> JsonObject:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_700_000_000,
        "model": "faulty",
        "choices": choices,
        "usage": usage,
    }


def error_object(message: str, kind: str, code: str | None) -> JsonObject:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
