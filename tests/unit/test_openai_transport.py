"""Which client carries the requests, when it is imported, and what a network error of it means."""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from lightagent.adapters._endpoints.aiohttp_transport import connection_fault
from lightagent.adapters._endpoints.endpoint import proxy_for
from lightagent.adapters._endpoints.reported_errors import status_error
from lightagent.adapters._endpoints.retry_after import retry_after
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.conversation.deltas import TextDelta
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.domain.json_types import JsonValue
from lightagent.ports.models import ChatRequest
from tests.architecture.source import run_python
from tests.support.costs import count_calls

REMOTE = "https://api.example/v1"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


def chosen(model: OpenAIChatModel) -> str:
    return model.transport_choice().client


async def token() -> str:
    return "t"


def test_a_plain_endpoint_is_served_by_aiohttp_and_the_rest_by_the_sdk() -> None:
    assert chosen(OpenAIChatModel("m", "k", REMOTE)) == "aiohttp"
    assert chosen(OpenAIChatModel("m")) == "aiohttp"
    assert chosen(OpenAIChatModel("m", token, REMOTE)) == "sdk"
    assert chosen(OpenAIChatModel("m", "k", REMOTE, default_query={"a": "b"})) == "sdk"
    assert chosen(OpenAIChatModel("m", azure_endpoint="https://x.openai.azure.com")) == "sdk"
    assert chosen(OpenAIChatModel("m", "k", REMOTE, transport="sdk")) == "sdk"
    assert chosen(OpenAIChatModel("m", "k", REMOTE, transport="aiohttp")) == "aiohttp"


def test_aiohttp_is_refused_for_endpoints_that_need_the_sdk() -> None:
    with pytest.raises(ConfigurationError, match="token provider"):
        OpenAIChatModel("m", token, REMOTE, transport="aiohttp").transport_choice()


@pytest.mark.parametrize(
    ("name", "value", "client"),
    [
        ("HTTPS_PROXY", "http://proxy.example:3128", "aiohttp"),
        ("HTTPS_PROXY", "proxy.example:3128", "aiohttp"),
        ("HTTPS_PROXY", "socks5://proxy.example:1080", "sdk"),
        ("HTTPS_PROXY", "https://proxy.example:443", "sdk"),
        ("ALL_PROXY", "socks5h://proxy.example:1080", "sdk"),
        ("HTTP_PROXY", "socks5://proxy.example:1080", "aiohttp"),  # not for https
    ],
)
def test_a_proxy_that_aiohttp_cannot_use_is_left_to_the_sdk(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, client: str
) -> None:
    monkeypatch.setenv(name, value)
    assert chosen(OpenAIChatModel("m", "k", REMOTE)) == client
    assert chosen(OpenAIChatModel("m", "k", "https://127.0.0.1/v1")) == "aiohttp", "nothing is between us and ourselves"
    monkeypatch.setenv("NO_PROXY", "api.example")
    assert chosen(OpenAIChatModel("m", "k", REMOTE)) == "aiohttp"


def test_proxies_by_scheme() -> None:
    assert proxy_for("https", {"https": "http://a", "all": "http://b"}) == "http://a"
    assert proxy_for("https", {"http": "http://a", "all": "http://b"}) == "http://b"
    assert proxy_for("https", {"https": "a:1"}) == "http://a:1"
    assert proxy_for("https", {"http": "http://a"}) is None


async def test_a_proxy_gets_the_request_and_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    monkeypatch.setenv("HTTP_PROXY", f"http://us:er@127.0.0.1:{server.sockets[0].getsockname()[1]}")
    model = OpenAIChatModel("m", "k", "http://api.example/v1")
    async with server:
        deltas = [delta async for delta in model.stream(ChatRequest((UserMessage("hi"),)))]
        await model.aclose()
    assert deltas[0] == TextDelta("hi")
    assert heads[0].startswith(b"POST http://api.example/v1/chat/completions ")
    assert b"Proxy-Authorization: Basic dXM6ZXI=" in heads[0]
    assert b"Authorization: Bearer k" in heads[0]


async def test_a_missing_sdk_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    model = OpenAIChatModel("m", "k", azure_endpoint="https://x.openai.azure.com", api_version="2024-10-21")
    with pytest.raises(MissingExtraError, match=r"pip install 'openai<4,>=2'") as caught:
        await anext(model.stream(ChatRequest((UserMessage("hi"),))))
    assert "azure_endpoint" in str(caught.value)


FIND_AND_MAKE = """
import sys, json
from lightagent.adapters.registry import find_adapter, open_adapter
find_adapter("chat", "openai")
open_adapter("chat", "openai", {"model": "m", "api_key": "k", "base_url": "https://api.example/v1"})
print(json.dumps([name for name in ("aiohttp", "openai", "yarl", "httpx", "httpx2", "email") if name in sys.modules]))
"""


def test_no_client_is_imported_before_the_first_request() -> None:
    done = run_python("-c", FIND_AND_MAKE)
    assert done.returncode == 0, done.stderr
    assert not {"aiohttp", "openai", "yarl", "httpx", "httpx2"} & set(json.loads(done.stdout))


def test_a_model_is_cheap_to_make() -> None:
    def make() -> None:
        OpenAIChatModel("m", "k", "http://127.0.0.1:8080/v1")

    make()
    assert count_calls(make) < 40


def test_a_certificate_that_is_not_trusted_is_not_tried_again() -> None:
    key = ConnectionKey("api.example", 443, True, True, None, None, None)
    exc = aiohttp.ClientConnectorCertificateError(key, ssl.SSLCertVerificationError(1, "self-signed"))
    fault = connection_fault(exc, "api.example")
    assert (fault.code, fault.retryable) == ("LA-503", False)
    assert "api.example" in fault.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no", "type": "t", "code": "c"}}, "no"),
        ({"error": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"msg": "no"}]}, "no"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "missing"}, {"msg": "no"}]}, "body.messages: missing; no"),
        ([{"error": {"message": "no"}}], "no"),
        ({"error": {}}, "The provider answered HTTP 400 without a reason."),
        ([], "[]"),
        (5, "5"),
    ],
)
def test_the_message_of_an_error_is_found(body: JsonValue, message: str) -> None:
    assert status_error(400, {}, json.dumps(body).encode()).message == message


def test_error_bodies_that_are_not_json() -> None:
    assert status_error(500, {}, b"boom").message == "boom"
    assert status_error(500, {}, b"<html>" + b"x" * 9999).message == "The provider answered with a web page."
    assert status_error(500, {}, b"\xff\xfe").message
    assert status_error(500, {}, b"[" * 60_000).code == "LA-500"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_redirects_are_named_not_followed(status: int) -> None:
    fault = status_error(status, {"location": "https://api.example/v1"}, b"")
    assert (fault.code, fault.retryable) == ("LA-404", False)
    assert "https://api.example/v1" in fault.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2),
        ({"retry-after": "0"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "Thu, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "later"}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
