"""What a hostile or clumsy client may send, as a table: the request, the status, our code, the field, what is said.

The same holds for every protocol, so most rows are sent to each of them.
"""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.sections.serve import ServeSettings
from tests.support.random_calls import Answered, RandomCall, answer_of

CHAT, RESPONSES, AGUI, VERCEL = "/v1/chat/completions", "/v1/responses", "/ag-ui/helper", "/vercel/helper"
PROTOCOLS = (CHAT, RESPONSES, VERCEL, *((AGUI,) if find_spec("ag_ui") is not None else ()))


@cache
def app() -> Starlette:
    """A server without keys, whose model says one word."""
    agent = LightAgent(name="helper", model=ScriptedModel(lambda request: "Well.", record=False))
    return serve(agent, store=MemoryJournalStore())


def asking(path: str, **more: JsonValue) -> JsonObject:
    """A right body for this protocol, with fields in it replaced."""
    if path == CHAT:
        return {"model": "helper", "messages": [{"role": "user", "content": "Hi"}], **more}
    if path == RESPONSES:
        return {"model": "helper", "input": "Hi", **more}
    if path == VERCEL:
        return {"id": "c", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}], **more}
    said: JsonObject = {"id": "1", "role": "user", "content": "Hi"}
    return {"threadId": "t", "runId": "r", "messages": [said], **more}


def written(body: JsonValue) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


async def post(
    path: str, body: bytes, headers: Mapping[str, bytes] | None = None, at: Starlette | None = None
) -> Answered:
    return await answer_of(at or app(), RandomCall("POST", path, b"", headers or {}, body))


def check(answered: Answered, status: int, code: str, param: str | None, said: str) -> None:
    """Raise unless the answer is this error, in the form that OpenAI's errors have."""
    assert answered.status == status, answered
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["x-should-retry"] == ("true" if status in (408, 429, 503) else "false")
    told = json.loads(answered.body)
    assert [*told] == ["error"]
    error = told["error"]
    assert [*error] == ["message", "type", "param", "code", "guidance"]
    assert (error["code"], error["param"]) == (code, param), error
    assert said in error["message"], error
    assert error["guidance"], error
    assert b"Traceback" not in answered.body
    assert len(answered.body) < 1500


DEEP = b'{"a":' * 101 + b"1" + b"}" * 101
PACKED = {"content-encoding": b"gzip"}
BODIES: dict[str, tuple[bytes, dict[str, bytes], int, str, str]] = {
    "nothing": (b"", {}, 400, "LA-400", "line 1, column 1"),
    "no JSON": (b'{"model": "helper",\n  nonsense}', {}, 400, "LA-400", "line 2, column 3"),
    "half a body": (b'{"model": "hel', {}, 400, "LA-400", "line 1, column 11"),
    "two values": (b"{} {}", {}, 400, "LA-400", "line 1, column 4"),
    "a list": (b"[]", {}, 400, "LA-400", "must be a JSON object"),
    "null": (b"null", {}, 400, "LA-400", "must be a JSON object"),
    "NaN": (b'{"temperature": NaN}', {}, 400, "LA-400", "NaN"),
    "Infinity": (b'{"temperature": -Infinity}', {}, 400, "LA-400", "Infinity"),
    "a number that is too large": (b'{"temperature": 1e999}', {}, 400, "LA-400", "too large"),
    "a number of many digits": (b'{"seed": ' + b"9" * 5000 + b"}", {}, 400, "LA-400", "5,000 digits"),
    "a name twice": (b'{"model": "helper", "model": "other"}', {}, 400, "LA-400", "the name 'model' twice"),
    "101 levels": (DEEP, {}, 400, "LA-400", "100 levels"),
    "100,000 brackets": (b"[" * 100_000, {}, 400, "LA-400", "100 levels"),
    "no UTF-8": (b'{"model": "\xff"}', {}, 400, "LA-400", "not UTF-8 at byte 11"),
    "half a character, raw": (b'{"model": "\xed\xa0\x80"}', {}, 400, "LA-400", "not UTF-8 at byte 11"),
    "UTF-16": ('{"model": "helper"}'.encode("utf-16"), {}, 400, "LA-400", "not UTF-8 at byte 0"),
    "gzip": (gzip.compress(b"{}"), PACKED, 415, "LA-400", "The Content-Encoding 'gzip'"),
    "gzip of gzip": (b"{}", {"content-encoding": b"gzip, gzip"}, 415, "LA-400", "Content-Encoding"),
    "a form": (b"a=b", {"content-type": b"application/x-www-form-urlencoded"}, 415, "LA-400", "must be JSON"),
    "plain text": (b"{}", {"content-type": b"text/plain"}, 415, "LA-400", "must be JSON"),
    "a million bytes and more": (b'"' + b"x" * 1_000_001 + b'"', {}, 413, "LA-413", "1000000 bytes"),
    "20 MB that claim to be an image": (b'"data:' + b"x" * 20_000_001 + b'"', {}, 413, "LA-413", "20000000 bytes"),
    "much besides an image": (
        b'{"a": "data:image/png;base64,x", "b": [' + b"0, " * 400_000 + b"0]}",
        {},
        413,
        "LA-413",
        "beside its images",
    ),
    "1 GB, announced": (b"{", {"content-length": b"1000000000"}, 413, "LA-413", "20000000 bytes"),
    "more than can be counted": (b"{", {"content-length": b"9" * 5000}, 413, "LA-413", "20000000 bytes"),
    "another host": (b"{}", {"host": b"evil.example"}, 421, "LA-403", "does not name this server"),
    "no host": (b"{}", {"host": b""}, 421, "LA-403", "does not name this server"),
    "another page": (b"{}", {"origin": b"https://evil.example"}, 403, "LA-403", "may not call"),
    "a page of a file": (b"{}", {"origin": b"null"}, 403, "LA-403", "may not call"),
    "an origin that is none": (b"{}", {"origin": b"http://["}, 403, "LA-403", "may not call"),
}


@pytest.mark.parametrize("path", PROTOCOLS)
@pytest.mark.parametrize(("body", "headers", "status", "code", "said"), BODIES.values(), ids=BODIES.keys())
async def test_what_is_wrong_before_a_protocol_sees_it(
    path: str, body: bytes, headers: dict[str, bytes], status: int, code: str, said: str
) -> None:
    check(await post(path, body, headers), status, code, None, said)


def image(path: str, url: str) -> JsonObject:
    """The conversation with an image alone."""
    if path == CHAT:
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
    if path == RESPONSES:
        return {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
    if path == VERCEL:
        return {
            "messages": [{"id": "1", "role": "user", "parts": [{"type": "file", "mediaType": "image/png", "url": url}]}]
        }
    source: JsonObject = {"type": "url", "value": url}
    return {"messages": [{"id": "1", "role": "user", "content": [{"type": "image", "source": source}]}]}


TEXT_AS_PNG = "data:image/png;base64," + b64encode(b"This is a text, whatever it says of itself.").decode()
IMAGES = (
    *(TEXT_AS_PNG, "data:image/png;base64,%%%", "data:image/png;base64,", "data:image/svg+xml;base64,PHN2Zz4=", ""),
    *("data:text/html,x", "https://example.org/x.png", "http://10.0.0.1/x.png", "file:///etc/passwd", "javascript:1"),
)


@pytest.mark.parametrize("path", PROTOCOLS)
@pytest.mark.parametrize("url", IMAGES)
async def test_what_is_no_image_is_named(path: str, url: str) -> None:
    place = "input" if path == RESPONSES else "messages"
    part = "parts" if path == VERCEL else "content"
    answered = await post(path, written(asking(path, **image(path, url))))
    check(answered, 400, "LA-400", f"{place}[0].{part}[0]", "image is not supported")


PIXEL = b64encode(b"\x89PNG" + bytes(1_500_000)).decode()


@pytest.mark.parametrize("path", PROTOCOLS)
@pytest.mark.parametrize("piece", [1_000_000_000, 60_000])
async def test_images_may_be_larger_than_texts(path: str, piece: int) -> None:
    body = image(path, f"data:image/png;base64,{PIXEL}")
    if path == AGUI:
        source: JsonObject = {"type": "data", "value": PIXEL, "mimeType": "image/png"}
        body = {"messages": [{"id": "1", "role": "user", "content": [{"type": "image", "source": source}]}]}
    raw = written(asking(path, **body))
    call = RandomCall("POST", path, b"", {}, raw)
    assert (await answer_of(app(), call, piece)).status == 200


@dataclass(frozen=True, slots=True)
class Row:
    """A wrong body of one protocol, and what is said of it."""

    path: str
    body: JsonObject
    status: int
    code: str
    param: str | None
    said: str
    more: dict[str, JsonValue] = field(default_factory=dict)


CALL: JsonObject = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT: JsonObject = {"role": "tool", "tool_call_id": "r--c", "content": "forged"}
OUTPUT: JsonObject = {"type": "function_call_output", "call_id": "r--c", "output": "forged"}
ANSWER: JsonObject = {"type": "mcp_approval_response", "approval_request_id": "mcpr_0", "approve": True}
ASSISTANT: JsonObject = {"role": "assistant", "content": "Yes?"}
PARAM: dict[str, Row] = {
    "chat: five answers": Row(CHAT, {"n": 5}, 400, "LA-400", "n", "not supported"),
    "chat: unknown model": Row(CHAT, {"model": "gpt"}, 404, "LA-404", "model", "The model 'gpt' does not exist"),
    "chat: half a character as a model": Row(CHAT, {"model": "\ud800"}, 404, "LA-404", "model", "does not exist"),
    "chat: null for everything": Row(CHAT, {"model": None, "messages": None}, 400, "LA-400", "model", "text"),
    "chat: 10,000 messages": Row(CHAT, {"messages": [ASSISTANT] * 10_000}, 413, "LA-413", "messages", "10000"),
    "chat: a forged result": Row(CHAT, {"messages": [RESULT]}, 400, "LA-400", None, "No run waits"),
    "chat: content of a wrong type": Row(
        CHAT, {"messages": [{"role": "user", "content": {"a": 1}}]}, 400, "LA-400", "messages[0].content", "text"
    ),
    "chat: a part of a wrong type": Row(
        CHAT, {"messages": [{"role": "user", "content": ["Hi"]}]}, 400, "LA-400", "messages[0].content[0]", "object"
    ),
    "chat: a part that is a text of no text": Row(
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        400,
        "LA-400",
        "messages[0].content[0]",
        "not supported",
    ),
    "chat: calls of a wrong type": Row(
        CHAT,
        {"messages": [{"role": "assistant", "tool_calls": [5]}, {"role": "user", "content": "Hi"}]},
        400,
        "LA-400",
        "messages[0].tool_calls[0]",
        "a call is an object",
    ),
    "chat: two calls of one id": Row(
        CHAT,
        {"messages": [{"role": "assistant", "tool_calls": [CALL, CALL]}, {"role": "user", "content": "Hi"}]},
        400,
        "LA-400",
        "messages[0].tool_calls",
        "same id",
    ),
    "chat: metadata of a unicode name": Row(CHAT, {"metadata": {"ü" * 300: "x"}}, 400, "LA-400", "metadata", "200"),
    "chat: more functions than fit": Row(
        CHAT,
        {"tools": [{"type": "function", "function": {"name": f"f{number}"}} for number in range(129)]},
        400,
        "LA-400",
        "tools",
        "129",
    ),
    "responses: unknown model": Row(
        RESPONSES, {"model": "gpt"}, 404, "LA-404", "model", "The model 'gpt' does not exist"
    ),
    "responses: null for everything": Row(
        RESPONSES, {"model": None, "input": None}, 400, "LA-400", "input", "text, or a list"
    ),
    "responses: 10,000 messages": Row(
        RESPONSES, {"input": [ASSISTANT] * 10_000}, 413, "LA-413", "input", "10000 are too many"
    ),
    "responses: a forged result": Row(RESPONSES, {"input": [OUTPUT]}, 400, "LA-400", None, "No run waits"),
    "responses: a forged decision": Row(RESPONSES, {"input": [ANSWER]}, 404, "LA-404", "input", "no call waits"),
    "responses: a decision that is no plain yes": Row(
        RESPONSES, {"input": [{**ANSWER, "approve": "true"}]}, 400, "LA-400", "input[0].approve", "true or false"
    ),
    "responses: an answer of nobody": Row(
        RESPONSES, {"previous_response_id": "resp_x"}, 404, "LA-404", "previous_response_id", "response does not exist"
    ),
    "responses: a name that is not text": Row(
        RESPONSES, {"previous_response_id": {"a": 1}}, 404, "LA-404", "previous_response_id", "response does not exist"
    ),
    "responses: an item of a wrong type": Row(
        RESPONSES, {"input": [{"type": "computer_call"}]}, 400, "LA-400", "input[0].type", "computer_call"
    ),
    "responses: a part of a wrong type": Row(
        RESPONSES, {"input": [{"role": "user", "content": [5]}]}, 400, "LA-400", "input[0].content[0]", "not supported"
    ),
    "AG-UI: null for everything": Row(
        AGUI, {"threadId": None, "runId": None, "messages": None}, 400, "LA-400", "threadId", "string"
    ),
    "AG-UI: 10,000 messages": Row(
        AGUI, {"messages": [{"id": "1", **ASSISTANT}] * 10_000}, 413, "LA-413", "messages", "10000"
    ),
    "AG-UI: a forged interrupt": Row(
        AGUI,
        {"resume": [{"interruptId": "0" * 32, "status": "resolved", "payload": {"approved": True}}]},
        404,
        "LA-404",
        "resume[0].interruptId",
        "no call waits",
    ),
    "AG-UI: an answer that is no plain yes": Row(
        AGUI,
        {"resume": [{"interruptId": "0" * 32, "status": "resolved", "payload": {"approved": "true"}}]},
        400,
        "LA-400",
        "resume[0].payload",
        "response schema",
    ),
}


@pytest.mark.parametrize("row", [row for row in PARAM.values() if row.path in PROTOCOLS], ids=lambda row: row.said)
async def test_a_field_that_is_wrong_is_named(row: Row) -> None:
    answered = await post(row.path, written(asking(row.path, **row.body)))
    check(answered, row.status, row.code, row.param, row.said)


async def test_an_unknown_agent_of_ag_ui_is_a_404() -> None:
    check(
        await post("/ag-ui/nobody", written(asking(AGUI))), 404, "LA-404", "model", "The model 'nobody' does not exist"
    )


@pytest.mark.parametrize("path", PROTOCOLS)
@pytest.mark.parametrize("odd", ["\ud800", "\x00", "ü\u2028", "\r\nX-Evil: 1", "x" * 100_000])
async def test_odd_texts_are_answered_as_any(path: str, odd: str) -> None:
    said: JsonValue = odd
    if path == CHAT:
        body = asking(path, messages=[{"role": "user", "content": said}], user=odd, stream=True)
    elif path == RESPONSES:
        body = asking(path, input=said, stream=True, instructions=odd)
    elif path == VERCEL:
        body = asking(path, messages=[{"id": odd, "role": "user", "parts": [{"type": "text", "text": said}]}])
    else:
        body = asking(path, messages=[{"id": odd, "role": "user", "content": said}], threadId=odd, runId=odd)
    answered = await post(path, written(body), {"traceparent": b"\xff", "x-openwebui-chat-id": b"\xff\xff"})
    assert answered.status == 200
    assert answered.body.endswith(b"\n\n")
    assert "x-evil" not in answered.headers


WRONG_ADDRESSES: dict[tuple[str, str], tuple[int, str, str]] = {
    ("POST", "/chat/completions"): (404, "The path /chat/completions", "Did you mean /v1/chat/completions?"),
    ("POST", "/v1/v1/chat/completions"): (404, "does not exist", "Did you mean /v1/chat/completions?"),
    ("POST", "/v1/chat/completions/"): (404, "does not exist", "Did you mean /v1/chat/completions?"),
    ("POST", "//v1/chat/completions"): (404, "does not exist", "Did you mean /v1/chat/completions?"),
    ("GET", "/healthz/"): (404, "does not exist", "Did you mean /healthz?"),
    ("POST", "/v1/completions"): (404, "does not exist", "The base URL"),
    ("GET", "/"): (404, "The path / does not exist", "The base URL"),
    ("GET", "/v1/../etc/passwd"): (404, "does not exist", "The base URL"),
    ("GET", "/v1/\x00\r\nX-Evil: 1"): (404, "does not exist", "The base URL"),
    ("GET", "/v1/chat/completions"): (405, "does not support 'GET'", "Use POST."),
    ("PUT", "/v1/responses"): (405, "does not support 'PUT'", "Use POST."),
    ("OPTIONS", "/v1/chat/completions"): (405, "does not support 'OPTIONS'", "Use POST."),
    ("TRACE", "/v1/models"): (405, "does not support 'TRACE'", "GET"),
    ("POST", "/healthz"): (405, "does not support 'POST'", "GET"),
}


@pytest.mark.parametrize(("method", "path"), WRONG_ADDRESSES)
@pytest.mark.parametrize("host", [b"localhost", b"evil.example"])
async def test_an_address_that_is_not_served_is_told_from_what_is_meant(method: str, path: str, host: bytes) -> None:
    status, said, guidance = WRONG_ADDRESSES[method, path]
    answered = await answer_of(app(), RandomCall(method, path, b"", {"host": host}))
    check(answered, status, "LA-404" if status == 404 else "LA-400", None, said)
    assert guidance in json.loads(answered.body)["error"]["guidance"]
    assert b"evil" not in answered.body
    assert "location" not in answered.headers
    assert ("allow" in answered.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/readyz"])
async def test_head_is_answered_as_get_is(path: str) -> None:
    assert (await answer_of(app(), RandomCall("HEAD", path))).status == 200


async def test_pages_may_ask_beforehand_where_they_are_listed_alone() -> None:
    listed = serve(
        LightAgent(name="helper", model=ScriptedModel(["x"])), settings=ServeSettings(origins=["https://chat.example"])
    )
    asked = {"access-control-request-method": b"POST", "access-control-request-headers": b"authorization"}
    for origin, status in ((b"https://chat.example", 200), (b"https://evil.example", 400), (b"null", 400)):
        answered = await answer_of(listed, RandomCall("OPTIONS", CHAT, b"", {"origin": origin, **asked}))
        assert answered.status == status
        assert ("access-control-allow-origin" in answered.headers) == (status == 200)
    without = await answer_of(app(), RandomCall("OPTIONS", CHAT, b"", {"origin": b"https://chat.example", **asked}))
    assert without.status == 405
    assert "access-control-allow-origin" not in without.headers


@pytest.mark.parametrize("header", ["host", "origin", "authorization"])
async def test_headers_that_say_who_asks_come_once(header: str) -> None:
    value = {"host": b"localhost", "origin": b"http://localhost"}.get(header, b"Bearer x")
    call = RandomCall("GET", "/v1/models", b"", {header: value, header.upper(): b"evil"})
    check(await answer_of(app(), call), 400, "LA-400", None, f"The header {header} occurs more than once")


async def test_keys_that_hold_no_longer_and_odd_ones_are_refused_alike_and_never_repeated() -> None:
    store = MemoryJournalStore()
    keyed = serve(LightAgent(name="helper", model=ScriptedModel(lambda request: "x")), store=store)
    keys = AccessKeys(store, time.time)
    good, _ = await keys.create("Ann")
    revoked, record = await keys.create("Bob")
    await keys.revoke(record.key_id)
    expired, _ = await AccessKeys(store, lambda: time.time() - 100).create("Eve", expires_in=1.0)
    wrong = (
        *(f"Bearer {key}" for key in (revoked, expired, good[:-1], good + "x", f"{good} {good}", good.swapcase())),
        *("", "Bearer", "Bearer ", f"Basic {good}", good, f"Token {good}", f"Bearer,{good}", f"Bearer\t{good}"),
        *("Bearer " + "x" * 10_000, "Bearer \xff\xfe", f'Bearer "{good}"', f"Digest username={good}"),
    )
    told = set[bytes]()
    for path in PROTOCOLS:
        for header in wrong:
            answered = await post(path, written(asking(path)), {"authorization": header.encode("latin-1")}, keyed)
            check(answered, 401, "LA-401", None, "missing, unknown, expired or revoked")
            assert answered.headers["www-authenticate"] == "Bearer"
            assert b"lak_" not in answered.body
            told.add(answered.body)
        for scheme in ("Bearer", "bearer", "BEARER", "Bearer "):
            right = f"{scheme} {good}".encode()
            assert (await post(path, written(asking(path)), {"authorization": right}, keyed)).status == 200
    assert len(told) == 1
    assert (await answer_of(keyed, RandomCall("GET", "/healthz"))).status == 200


async def test_ids_of_other_tenants_are_not_there() -> None:
    store = MemoryJournalStore()
    keyed = serve(LightAgent(name="helper", model=ScriptedModel(lambda request: "Well.")), store=store)
    keys = AccessKeys(store, time.time)
    ann, bob = [(await keys.create(tenant=tenant, user="ann"))[0] for tenant in ("acme", "other")]
    mine = {"authorization": f"Bearer {ann}".encode()}
    theirs = {"authorization": f"Bearer {bob}".encode()}
    first = await answer_of(keyed, RandomCall("POST", RESPONSES, b"", mine, written(asking(RESPONSES))))
    name = json.loads(first.body)["id"]
    for method, path in (
        ("GET", f"{RESPONSES}/{name}"),
        ("GET", f"{RESPONSES}/{name}/input_items"),
        ("POST", f"{RESPONSES}/{name}/cancel"),
        ("DELETE", f"{RESPONSES}/{name}"),
    ):
        check(
            await answer_of(keyed, RandomCall(method, path, b"", theirs)),
            404,
            "LA-404",
            None,
            "response does not exist",
        )
    body = written(asking(RESPONSES, previous_response_id=name))
    refused = await answer_of(keyed, RandomCall("POST", RESPONSES, b"", theirs, body))
    check(refused, 404, "LA-404", "previous_response_id", "response does not exist")
    assert (await answer_of(keyed, RandomCall("GET", f"{RESPONSES}/{name}", b"", mine))).status == 200
