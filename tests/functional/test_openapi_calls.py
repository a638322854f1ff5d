"""Calls of an API: where they may go, what goes with them, how long they may take, and what is told of the answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from lightagent import ConfigurationError, LightAgent, ToolError
from lightagent.adapters.guarded_http import GuardedHttp
from lightagent.application.tools.invoke import call_alone
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.guard import address_problem
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall, HttpRefused, HttpUnreached
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.http import HttpSender
from lightagent.ports.tools import RunContext
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.api_server import ApiServer, Seen, api_server, json_answer

CONTEXT: RunContext[object] = RunContext(None, NO_ORIGIN, "", "key-1", False, lambda _text: None, lambda: False)
SECRET = "tok-secret-123456"
ORDER: JsonObject = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as started:
        yield started


@pytest.fixture
async def other() -> AsyncIterator[ApiServer]:
    async with api_server() as started:
        yield started


def document(server: str, **more: JsonValue) -> JsonObject:
    """An API with one order to read and one to make."""
    said: JsonObject = {"200": {"description": "", "content": {"application/json": {"schema": ORDER}}}}
    name: JsonObject = {"name": "number", "in": "query", "schema": {"type": "string"}}
    key: JsonObject = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Orders", "version": "1"},
        "servers": [{"url": server}],
        "paths": {
            "/order": {
                "get": {"operationId": "read_order", "parameters": [name], "responses": said, "tags": ["reading"]},
                "post": {"operationId": "make_order", "parameters": [name, key], "responses": said, "tags": ["making"]},
            }
        },
        **more,
    }


async def call(
    told: JsonObject,
    server: ApiServer,
    tool: str = "read_order",
    arguments: JsonObject | None = None,
    *,
    credentials: bool = False,
    hosts: tuple[str, ...] = (),
    seconds: float = 10,
    max_bytes: int = 10_000,
) -> str:
    headers = {"Authorization": f"Bearer {SECRET}"} if credentials else None
    source = openapi_tools(
        told,
        methods=["*"],
        server=server.url if credentials else "",
        headers=headers,
        private_hosts=hosts or (server.host,),
        timeout=seconds,
        max_bytes=max_bytes,
    )
    listed = (await source.tools()).tools
    return await call_alone(listed[tool], tool, arguments or {}, CONTEXT)


REFUSED = (
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "192.0.2.1",
    "100.100.100.200",
    "100.64.0.1",
    "168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "::127.0.0.1",
    "2001:db8::1",
    "fec0::1",
    "3fff::1",
    "2a00:1450::5efe:7f00:1",
    "2a00:1450::200:5efe:10.0.0.1",
    "64:ff9b:1:7f00:0:100:808:808",
    "2002:808:808::1",
    "192.0.0.192",
    "192.88.99.1",
    "no address",
    "",
)


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_behind_the_walls_are_refused(address: str) -> None:
    assert address_problem(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "140.82.121.6", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_not(address: str) -> None:
    assert address_problem(address) == ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_no_spelling_of_this_machine_is_called(host: str, server: ApiServer) -> None:
    url = f"http://{host}:{server.url.rpartition(':')[2]}/"
    with pytest.raises(HttpRefused, match="may not be called"):
        await GuardedHttp().send(HttpCall("GET", url, timeout=5))
    assert server.seen == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads to a public address first and to this machine then is looked up once, and not again."""
    asked: list[str] = []
    port = int(server.url.rpartition(":")[2])

    async def look_up(_loop: object, host: str, *_args: object, **_more: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "203.0.113.1" if len(asked) > 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
    answer = await GuardedHttp().send(HttpCall("GET", f"http://api.example:{port}/", private_hosts=("api.example",)))
    assert (answer.status, asked) == (200, ["api.example"])
    with pytest.raises(HttpRefused, match="private address"):
        await GuardedHttp().send(HttpCall("GET", f"http://other.example:{port}/"))
    assert (len(server.seen), asked) == (1, ["api.example", "other.example"])


async def test_a_redirection_leads_behind_no_wall(server: ApiServer) -> None:
    for target in (
        "http://localhost:1/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://[::1]/",
    ):
        server.answers = lambda _seen, to=target: web.Response(status=302, headers={"Location": to})  # type: ignore[misc]
        with pytest.raises(ToolError, match=r"may not be called|address that is not HTTP"):
            await call(document(server.url), server)


async def test_no_credential_follows_to_another_server(server: ApiServer, other: ApiServer) -> None:
    def lead_away(seen: Seen) -> web.Response:
        to = f"{other.url}/there" if seen.target.startswith("/away") else "/away"
        return web.Response(status=307, headers={"Location": to})

    server.answers, other.answers = lead_away, lambda _seen: json_answer({"id": 1})
    answer = await call(document(server.url), server, credentials=True, hosts=(server.host, other.host))
    assert answer == '{"id": 1}'
    assert [seen.headers.get("authorization") for seen in server.seen] == [f"Bearer {SECRET}"] * 2
    (there,) = other.seen
    assert SECRET not in str(there)
    assert "cookie" not in there.headers


async def test_no_body_follows_to_another_server(server: ApiServer, other: ApiServer) -> None:
    server.answers = lambda _seen: web.Response(status=307, headers={"Location": f"{other.url}/x"})
    with pytest.raises(HttpRefused, match="another server, which is not followed"):
        await GuardedHttp().send(
            HttpCall("GET", f"{server.url}/", content=b"private", private_hosts=(server.host, other.host))
        )
    assert other.seen == []


async def test_a_stranger_makes_no_call_with_credentials(server: ApiServer, other: ApiServer) -> None:
    """Sent away and back again, a call has no credentials for what the stranger chose."""
    away = {"/": f"{other.url}/x"}
    server.answers = lambda seen: (
        web.Response(status=302, headers={"Location": away[seen.target]}) if seen.target in away else json_answer({})
    )
    other.answers = lambda _seen: web.Response(status=302, headers={"Location": f"{server.url}/chosen"})
    headers = (("Authorization", "x"), ("Accept", "application/json"))
    hosts = (server.host, other.host)
    await GuardedHttp().send(HttpCall("GET", f"{server.url}/", headers, private_hosts=hosts))
    assert [("authorization" in seen.headers, seen.headers["user-agent"]) for seen in server.seen] == [
        (True, "lightagent"),
        (False, "lightagent"),
    ]


async def test_a_call_that_changes_something_is_not_sent_elsewhere(server: ApiServer, other: ApiServer) -> None:
    server.answers = lambda _seen: web.Response(status=307, headers={"Location": other.url})
    with pytest.raises(ToolError, match=r"redirect \(307\) is not followed.*may have taken effect"):
        await call(document(server.url), server, "make_order", hosts=(server.host, other.host))
    assert other.seen == []


async def test_redirections_have_an_end(server: ApiServer) -> None:
    server.answers = lambda _seen: web.Response(status=302, headers={"Location": "/again"})
    with pytest.raises(ToolError, match="more than 5 times"):
        await call(document(server.url), server)
    assert len(server.seen) == 6


async def test_credentials_need_a_server_and_go_to_no_other(server: ApiServer, other: ApiServer) -> None:
    """A document names the servers of strangers, so it does not say where credentials go."""
    with pytest.raises(ConfigurationError, match="no server that they are for"):
        openapi_tools(document(other.url), headers={"Authorization": "x"})
    server.answers = lambda _seen: json_answer({"id": 1})
    await call(document(other.url), server, credentials=True, hosts=(server.host, other.host))
    assert (len(server.seen), other.seen) == (1, [])
    told = document(server.url)
    paths = told["paths"]
    assert isinstance(paths, dict)
    paths["/elsewhere"] = {"servers": [{"url": other.url}], "get": {"operationId": "elsewhere", "responses": {}}}
    source = openapi_tools(
        told, server=server.url, headers={"Authorization": "x"}, private_hosts=[other.host], other_servers=[other.url]
    )
    await call_alone((await source.tools()).tools["elsewhere"], "elsewhere", {}, CONTEXT)
    assert "authorization" not in other.seen[0].headers


SCHEMES: dict[str, tuple[JsonObject, str, str, str]] = {
    "bearer": ({"type": "http", "scheme": "bearer"}, "authorization", f"Bearer {SECRET}", ""),
    "basic": ({"type": "http", "scheme": "basic"}, "authorization", "Basic dG9rLXNlY3JldC0xMjM0NTY=", ""),
    "oauth2": ({"type": "oauth2", "flows": {}}, "authorization", f"Bearer {SECRET}", ""),
    "header": ({"type": "apiKey", "in": "header", "name": "X-Key"}, "x-key", SECRET, ""),
    "cookie": ({"type": "apiKey", "in": "cookie", "name": "k"}, "cookie", f"k={SECRET}", ""),
    "query": ({"type": "apiKey", "in": "query", "name": "k"}, "", "", f"k={SECRET}"),
}


@pytest.mark.parametrize("kind", SCHEMES)
async def test_credentials_go_where_the_document_wants_them(kind: str, server: ApiServer) -> None:
    scheme, header, value, query = SCHEMES[kind]
    told = document(server.url, components={"securitySchemes": {"s": scheme}}, security=[{"s": []}])
    server.answers = lambda _seen: json_answer({"id": 1, "echo": SECRET})
    source = openapi_tools(told, server=server.url, auth={"s": SECRET}, private_hosts=[server.host])
    answer = await call_alone((await source.tools()).tools["read_order"], "read_order", {"number": "1"}, CONTEXT)
    (seen,) = server.seen
    assert seen.headers.get(header, "") == value
    assert seen.target == "/order?number=1" + (f"&{query}" if query else "")
    assert answer == '{"id": 1, "echo": "***"}', "a server that repeats a credential tells it to no model"
    assert SECRET not in repr(source.service)


async def test_a_credential_for_no_scheme_is_a_mistake() -> None:
    told = document("https://api.example", components={"securitySchemes": {"bearer": {"type": "http"}}})
    source = openapi_tools(told, server="https://api.example", auth={"baerer": SECRET})
    with pytest.raises(ConfigurationError, match="has no security scheme 'baerer'"):
        await source.tools()


async def test_a_choice_that_fits_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert (await openapi_tools(document("https://api.example"), tags=["raeding"]).tools()).tools == {}
    assert "no operation of the document is chosen" in caplog.text


async def test_what_credentials_fill_is_not_the_models_to_set(server: ApiServer) -> None:
    told = document(server.url)
    paths = told["paths"]
    assert isinstance(paths, dict)
    parameter: JsonObject = {"name": "X-Key", "in": "header", "required": True, "schema": {"type": "string"}}
    paths["/own"] = {"get": {"operationId": "own", "parameters": [parameter], "responses": {}}}
    source = openapi_tools(told, server=server.url, headers={"x-key": SECRET}, private_hosts=[server.host])
    tool = (await source.tools()).tools["own"]
    assert tool.spec.parameters["properties"] == {}
    await call_alone(tool, "own", {}, CONTEXT)
    assert server.seen[0].headers["x-key"] == SECRET


async def test_the_key_of_a_call_is_the_runs(server: ApiServer) -> None:
    server.answers = lambda _seen: json_answer({"id": 1})
    await call(document(server.url), server, "make_order")
    assert server.seen[0].headers["idempotency-key"] == "key-1"
    with pytest.raises(ToolError, match="do not fit"):
        await call(document(server.url), server, "make_order", {"Idempotency-Key": "mine"})


async def test_time_is_limited(server: ApiServer) -> None:
    async with asyncio.timeout(10):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            host = f"127.0.0.1:{silent.getsockname()[1]}"
            for tool, told in (("read_order", "did not answer"), ("make_order", "may have taken effect")):
                with pytest.raises(ToolError, match=told):
                    await call(document(f"http://{host}"), server, tool, hosts=(host,), seconds=0.2)


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_size_is_limited(encoding: str, server: ApiServer) -> None:
    def large(_seen: Seen) -> web.Response:
        body = b"x" * 5_000_000
        return web.Response(
            body=gzip.compress(body) if encoding else body, headers={"Content-Encoding": encoding} if encoding else {}
        )

    server.answers = large
    with pytest.raises(ToolError, match="larger than 10,000 bytes"):
        await call(document(server.url), server)


async def test_what_was_never_sent_had_no_effect() -> None:
    """A handshake that does not come to its end, and a name that cannot be one."""
    async with asyncio.timeout(10):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            host = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(HttpUnreached, match="did not answer"):
                await GuardedHttp().send(HttpCall("POST", f"https://{host}/", timeout=0.2, private_hosts=(host,)))
    with pytest.raises(HttpUnreached, match="connection failed"):
        await GuardedHttp().send(HttpCall("POST", f"https://{'a' * 70}.example/"))


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "utf-7", "idna", "undefined", "a\x00b", "nothing"])
def test_a_charset_that_is_none_of_a_text_is_not_used(charset: str) -> None:
    content = "a-b \\ud800 +2AA- é".encode()
    assert HttpAnswer(200, "text/plain", charset, content=content).text == content.decode()
    assert HttpAnswer(200, "text/plain", "Latin-1", content=b"\xe9").text == "é"
    assert HttpAnswer(200, "text/plain", content=b"\xef\xbb\xbfx").text == "x"
    assert HttpAnswer(200, "text/plain", "shift_jis", content=b"\x82\xa0").text == "あ"


async def test_a_server_that_is_not_there(server: ApiServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ToolError, match="cannot be reached"):
        await call(document(f"http://{host}"), server, hosts=(host,))


BROKEN_ANSWERS = {
    "a coding that it is not": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabcde",
    "a chunk of no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc",
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "nothing": b"",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
    "a redirection to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n",
    "a redirection to no port": b"HTTP/1.1 302 Found\r\nLocation: http://h:99999/\r\nContent-Length: 0\r\n\r\n",
    "a redirection of strange letters": b"HTTP/1.1 302 Found\r\nLocation: http://\xff\x01\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN_ANSWERS)
async def test_an_answer_that_is_none_is_a_failed_call(case: str, server: ApiServer) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(BROKEN_ANSWERS[case])
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    host = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        with pytest.raises(ToolError, match=r"The connection failed|address that is not HTTP"):
            await call(document(f"http://{host}"), server, hosts=(host,))


def with_links(answer: web.Response, *links: str) -> web.Response:
    for link in links:
        answer.headers.add("Link", link)
    return answer


ANSWERS: dict[str, tuple[Callable[[], web.Response], str]] = {
    "as it should be": (lambda: json_answer({"id": 1}), '{"id": 1}'),
    "of another type": (
        lambda: json_answer({"id": "x"}),
        "[The answer does not fit what its document says: id: 'x' is not",
    ),
    "of another media type": (
        lambda: web.Response(text="<p>"),
        "says: its type is text/plain, and not application/json]\n<p>",
    ),
    "no JSON": (lambda: web.Response(text="{", content_type="application/json"), "says: it is no JSON]\n{"),
    "another status": (lambda: json_answer({"id": 1}, 202), "says: the status 202 is not described]\n"),
    "empty": (lambda: web.Response(status=200), "says: it is empty]\n200 OK, without content."),
    "made": (
        lambda: web.Response(status=201, headers={"Location": "/order/5"}),
        "201 Created, without content. Location: /order/5",
    ),
    "bytes": (
        lambda: web.Response(body=b"\x00\x01", content_type="image/png"),
        "[2 bytes of image/png, which are not shown]",
    ),
    "in another charset": (
        lambda: web.Response(body="é".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"}),
        "\né",
    ),
    "in a charset that is none": (
        lambda: web.Response(body=b"x", headers={"Content-Type": "text/plain; charset=nope"}),
        "\nx",
    ),
    "of many pages": (
        lambda: json_answer({"id": 1}, Link='</order?page=2>; rel="next"'),
        '[There is more. Link: </order?page=2>; rel="next"]',
    ),
    "a next page in one of several headers": (
        lambda: with_links(json_answer({"id": 1}), "</order?page=2>; REL=next", "</order?page=9>; rel=last"),
        "[There is more. Link: </order?page=2>; REL=next, </order?page=9>; rel=last]",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_answers_are_passed_on_with_a_note(case: str, server: ApiServer) -> None:
    make, told = ANSWERS[case]
    server.answers = lambda _seen: make()
    assert told in await call(document(server.url), server)


async def test_an_error_is_told_without_credentials(server: ApiServer) -> None:
    server.answers = lambda _seen: json_answer({"error": f"bad token {SECRET}"}, 401)
    with pytest.raises(ToolError, match=r"GET /order answered 401 Unauthorized: .*bad token \*\*\*") as caught:
        await call(document(server.url), server, credentials=True)
    assert SECRET not in str(caught.value)


async def test_operations_are_chosen() -> None:
    told = document("https://api.example")

    async def names(**choice: list[str]) -> list[str]:
        return [*(await openapi_tools(told, **choice).tools()).tools]  # type: ignore[arg-type]

    assert await names() == ["read_order"], "those that change nothing"
    assert await names(methods=["*"]) == ["read_order", "make_order"]
    assert await names(methods=["POST"]) == ["make_order"]
    assert await names(tags=["mak*"], methods=["*"]) == ["make_order"]
    assert await names(paths=["/nothing/*"]) == []
    assert await names(operations=["make_order"]) == ["make_order"], "named in full"
    assert await names(operations=["make*"]) == []
    with pytest.raises(ConfigurationError, match="'fetch' is not a method"):
        await names(methods=["fetch"])


async def test_capabilities_go_by_the_method() -> None:
    listed = (await openapi_tools(document("https://api.example"), name="shop", methods=["*"]).tools()).tools
    read, made = listed["read_order"].spec, listed["make_order"].spec
    assert (read.capabilities, read.idempotent, read.provider) == (("read", "network"), True, "openapi:shop")
    assert (made.capabilities, made.idempotent, made.trusted_output) == (("write", "network"), False, False)


async def test_an_agent_calls_it_in_a_run(server: ApiServer) -> None:
    server.answers = lambda _seen: json_answer({"id": 7})
    model = ScriptedModel([call_tool("read_order", number="7"), "It is there."])
    source = openapi_tools(document(server.url), private_hosts=[server.host])
    agent = LightAgent(model=model, tools=[source])
    result = await agent.arun("Where is order 7?", result_format="object")
    assert (result.content, result.tool_calls[0].output) == ("It is there.", '{"id": 7}')
    labels = [event.labels for event in result.journal.events if event.type == "tool_finished"]
    assert labels == [("tool:read_order", "openapi:api")]


YAML = """
openapi: 3.0.3
info: {title: Orders, version: 1.0}
servers: [{url: "https://api.example"}]
paths:
  /order:
    get:
      operationId: on
      parameters:
        - {name: no, in: query, schema: {type: string, enum: [yes, no, 2026-01-01, 0x10, 1_000]}}
      responses:
        200: {description: Fine.}
"""


async def test_a_document_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(YAML)
    (tool,) = (await openapi_tools(tmp_path / "api.yaml").tools()).tools.values()
    properties = tool.spec.parameters["properties"]
    assert (tool.spec.name, properties) == (
        "on",
        {"no": {"type": "string", "enum": ["yes", "no", "2026-01-01", "0x10", "1_000"]}},
    )


async def test_yaml_that_takes_over_from_elsewhere(tmp_path: Path) -> None:
    text = YAML.replace("components", "x").replace(
        "parameters:", "<<: [{summary: Another., tags: [a]}, {tags: [b]}]\n      summary: Own.\n      parameters:"
    )
    (tmp_path / "api.yaml").write_text(text)
    (tool,) = (await openapi_tools(tmp_path / "api.yaml", tags=["a"]).tools()).tools.values()
    assert tool.spec.title == "Own."


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)
BROKEN: dict[str, tuple[bytes, str]] = {
    "no document": (b"[]", "the document is not an object"),
    "an older one": (b'{"swagger": "2.0"}', "Swagger 2.0"),
    "a newer one": (b'{"openapi": "4.0.0"}', "the version '4.0.0' is not known"),
    "without a version": (b"{}", "names no version"),
    "cut off": (b'{"openapi": "3.0.0"', "cannot be read"),
    "no number": (b'{"openapi": NaN}', "NaN is not a JSON number"),
    "too deep": (b'{"a":' * 200_000, "nested too deep"),
    "no text": (b"\xff\xfe\x00", "cannot be read"),
    "a laugh": (LAUGHS.encode(), "is too large after resolving anchors"),
    "a tag": (b"openapi: !!python/object/apply:os.system ['true']", "is not supported"),
    "deep YAML": (b"- " * 5_000 + b"x", "cannot be read"),
    "deep flow": (b"[" * 100_000, "cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_document_that_cannot_be_read(case: str, tmp_path: Path) -> None:
    content, told = BROKEN[case]
    (tmp_path / "api.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=told):
        await openapi_tools(tmp_path / "api.json").tools()


async def test_a_document_at_an_address(server: ApiServer) -> None:
    """Its server may be given relative to it; the address is looked at like any other."""
    server.answers = lambda seen: json_answer(document("/v2") if seen.target == "/docs/api.json" else {"id": 1})
    address = f"{server.url}/docs/api.json"
    with pytest.raises(ConfigurationError, match="may not be called"):
        await openapi_tools(address).tools()
    source = openapi_tools(address, private_hosts=[server.host])
    await call_alone((await source.tools()).tools["read_order"], "read_order", {}, CONTEXT)
    assert server.seen[-1].target == "/v2/order"


async def test_a_file_that_names_no_address_of_a_server() -> None:
    source = openapi_tools(document("/v2"))
    assert (await source.tools()).tools == {}
    assert "pass server=" in source.problems[0]["message"]


@pytest.mark.parametrize(
    "server",
    ["ftp://h", "h", "https://u:p@h", "https://h?x=1", "https://h#f", "https://h:x", "https://", "https://é.example"],
)
def test_an_address_that_no_server_has(server: str) -> None:
    with pytest.raises(ConfigurationError, match="address of a server"):
        openapi_tools(document(""), server=server)


class Recorded(HttpSender):
    """A sender of another kind: the port is what a test of an application fakes."""

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls.append(call)
        return HttpAnswer(200, "application/json", content=json.dumps({"id": 1}).encode())


async def test_another_sender_can_be_given() -> None:
    sender = Recorded()
    source = openapi_tools(document("https://api.example/v1"), sender=sender)
    await call_alone((await source.tools()).tools["read_order"], "read_order", {"number": "ä"}, CONTEXT)
    assert [(one.method, one.url) for one in sender.calls] == [("GET", "https://api.example/v1/order?number=%C3%A4")]
