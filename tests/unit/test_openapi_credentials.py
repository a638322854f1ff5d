"""Credentials of an API: where they go, what they fill, and that no form of them comes back to the model."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.invoke import call_alone
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.http import HttpSender
from lightagent.ports.tools import RunContext

CONTEXT: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", False, lambda _text: None, lambda: False)
SERVER = "https://orders.example"


class Answering(HttpSender):
    """Gives every call the same answer."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.calls: list[HttpCall] = []
        self._answer = answer

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.calls.append(call)
        return self._answer


def source(
    scheme: JsonObject, secret: str, answer: HttpAnswer | None = None, **operation: JsonValue
) -> tuple[OpenApiTools, Answering]:
    """One operation that asks for a credential."""
    sender = Answering(answer or HttpAnswer(200, "text/plain", content=b"fine"))
    document: JsonObject = {
        "openapi": "3.0.3",
        "info": {"title": "Orders", "version": "1"},
        "paths": {"/order": {"get": {"operationId": "order", "security": [{"key": []}], **operation}}},
        "components": {"securitySchemes": {"key": scheme}},
    }
    return openapi_tools(document, server=SERVER, auth={"key": secret}, sender=sender), sender


async def call(made: OpenApiTools) -> str:
    return await call_alone((await made.tools()).tools["order"], "order", {}, CONTEXT)


@pytest.mark.parametrize(
    ("place", "name", "url", "cookie"),
    [
        ("query", "api_key", f"{SERVER}/order?api_key=s%2Bcret%2F1%3D", None),
        ("cookie", "sid", f"{SERVER}/order", "sid=s+cret/1="),
    ],
)
async def test_a_key_is_no_argument_and_is_sent_once(place: str, name: str, url: str, cookie: str | None) -> None:
    """Servers decode a query, and no cookie."""
    parameter: JsonObject = {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
    made, sender = source({"type": "apiKey", "in": place, "name": name}, "s+cret/1=", parameters=[parameter])
    [tool] = (await made.tools()).tools.values()
    assert tool.spec.parameters["properties"] == {}
    await call(made)
    [sent] = sender.calls
    assert sent.url == url
    assert dict(sent.headers).get("Cookie") == cookie


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ({"type": "http", "scheme": "digest"}, "of a kind that is not known"),
        ({"type": "mutualTLS"}, "of a kind that is not known"),
        ({"type": "apiKey", "in": "header", "name": ""}, "of a kind that is not known"),
        ({"type": "apiKey", "in": "body", "name": "key"}, "of a kind that is not known"),
        ({"type": "apiKey", "in": "header", "name": "Host"}, "needs the header 'Host'"),
        ({"type": "apiKey", "in": "header", "name": "X\r\nY"}, "may not set"),
    ],
)
async def test_a_scheme_that_cannot_be_followed_is_named(scheme: JsonObject, reason: str) -> None:
    made, _ = source(scheme, "secret-1")
    assert (await made.tools()).tools == {}
    [refused] = made.refused
    assert reason in refused.reason


BASIC: JsonObject = {"type": "http", "scheme": "basic"}
QUERY: JsonObject = {"type": "apiKey", "in": "query", "name": "key"}


@pytest.mark.parametrize(
    ("scheme", "secret", "told"),
    [
        (BASIC, "someone:pass/word+1", base64.b64encode(b"someone:pass/word+1").decode()),
        (BASIC, "someone:pass/word+1", "password: pass/word+1"),
        (QUERY, "pass/word+1", "GET /order?key=pass%2Fword%2B1"),
        (QUERY, "pass/word+1", "GET /order?key=pass%2fword%2b1"),
        (QUERY, "pass/word+1", '{"key": "pass\\/word+1"}'),
        (QUERY, 'pass"wörd', '{"key": "pass\\"w\\u00f6rd"}'),
        (QUERY, "pass/word+1", "x" * 1_495 + "pass/word+1"),
    ],
)
@pytest.mark.parametrize("status", [200, 401])
async def test_a_server_that_repeats_a_credential_tells_it_to_no_model(
    scheme: JsonObject, secret: str, told: str, status: int
) -> None:
    link = (("link", f'<https://orders.example/order?key={quote(secret, safe="")}>; rel="next"'),)
    made, _ = source(scheme, secret, HttpAnswer(status, "text/plain", headers=link, content=told.encode()))
    try:
        read = await call(made)
    except ToolError as error:
        read = error.message
    assert "***" in read
    for part in ("pass", "word+1", base64.b64encode(b"someone").decode()[:8]):
        assert part not in read.replace("password: ***", "")


@pytest.mark.parametrize("place", ["query", "cookie"])
async def test_no_argument_takes_the_place_of_a_credential(place: str) -> None:
    """An object's properties become names in the query, whichever the model gives it."""
    free: JsonObject = {"name": "filter", "in": place, "schema": {"type": "object"}}
    made, sender = source({"type": "apiKey", "in": place, "name": "api_key"}, "secret-1", parameters=[free])
    tool = (await made.tools()).tools["order"]
    with pytest.raises(ToolError, match="api_key is filled in by the program"):
        await call_alone(tool, "order", {"filter": {"a": 1, "api_key": "of a stranger"}}, CONTEXT)
    assert sender.calls == []
    await call_alone(tool, "order", {"filter": {"a": 1}}, CONTEXT)
    assert len(sender.calls) == 1
