"""Every kind of credential, against every way by which it could leave: none does.

The server tells what it was sent wherever an answer can tell anything. What is looked at is all that a caller can get:
errors with their chain, results, journals, traces, streams, logs at DEBUG, warnings, and what `repr` says.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from urllib.parse import quote

import openai
import pytest

from lightagent import LightAgent, LightAgentError, Limits
from lightagent.adapters.chat.openai import OpenAIChatModel
from tests.functional.agents import MODES
from tests.support.echo_server import ANSWERS, EchoServer, echo_server

SECRET = "sk-Zx9/kQ+7wB-4tT8_vYm2"
WINDOW = 10
"""So many characters of it in a row count as the secret."""

Make = Callable[[EchoServer, pytest.MonkeyPatch], OpenAIChatModel]


async def token() -> str:
    return SECRET


def _with_environment(name: str, value: str, make: Make) -> Make:
    def made(server: EchoServer, environ: pytest.MonkeyPatch) -> OpenAIChatModel:
        environ.setenv(name, value.replace("PORT", str(server.port)))
        return make(server, environ)

    return made


def _plain(key: str | None = SECRET, transport: str = "aiohttp", url: str = "") -> Make:
    def made(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
        assert transport in ("aiohttp", "sdk")
        return OpenAIChatModel("m", key, url or server.base_url, transport="sdk" if transport == "sdk" else "aiohttp")

    return made


def _azure(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    return OpenAIChatModel("m", azure_endpoint=f"http://127.0.0.1:{server.port}", api_version="2024-10-21")


def _azure_token(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    url = f"http://127.0.0.1:{server.port}"
    return OpenAIChatModel("m", token, azure_endpoint=url, api_version="2024-10-21")


def _client(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    return OpenAIChatModel("m", client=openai.AsyncOpenAI(api_key=SECRET, base_url=server.base_url))


def _client_with_token(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    return OpenAIChatModel("m", client=openai.AsyncOpenAI(api_key=token, base_url=server.base_url))


def _client_with_query(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    query = {"subscription-key": SECRET}
    client = openai.AsyncOpenAI(api_key="none", base_url=server.base_url, default_query=query)
    return OpenAIChatModel("m", client=client)


def _client_with_headers(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    headers = {"X-AuthToken": SECRET}
    client = openai.AsyncOpenAI(api_key="none", base_url=server.base_url, default_headers=headers)
    return OpenAIChatModel("m", client=client)


def _client_with_user(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    url = f"http://me:{quote(SECRET, safe='')}@127.0.0.1:{server.port}/v1"
    return OpenAIChatModel("m", client=openai.AsyncOpenAI(api_key="none", base_url=url))


def _headers(name: str, value: str, transport: str = "aiohttp") -> Make:
    def made(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
        if transport == "sdk":
            return OpenAIChatModel("m", "none", server.base_url, headers={name: value}, transport="sdk")
        return OpenAIChatModel("m", "none", server.base_url, headers={name: value})

    return made


def _token_provider(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    return OpenAIChatModel("m", token, server.base_url)


def _query(server: EchoServer, _: pytest.MonkeyPatch) -> OpenAIChatModel:
    return OpenAIChatModel("m", "none", server.base_url, default_query={"api_key": SECRET})


PROXY = f"http://me:{quote(SECRET, safe='')}@127.0.0.1:PORT"
PAIR = base64.b64encode(f"me:{SECRET}".encode()).decode()

KINDS: dict[str, Make] = {
    "api_key": _plain(),
    "api_key with blanks": _plain(f"  {SECRET}\n"),
    "api_key, by the SDK": _plain(transport="sdk"),
    "OPENAI_API_KEY": _with_environment("OPENAI_API_KEY", SECRET, _plain(None)),
    "headers: Authorization": _headers("Authorization", f"Bearer {SECRET}"),
    "headers: basic": _headers("Authorization", f"Basic {PAIR}"),
    "headers: a key": _headers("Ocp-Apim-Subscription-Key", SECRET),
    "headers: a cookie": _headers("Cookie", f"a=b; session={SECRET}"),
    "headers, by the SDK": _headers("X-AuthToken", SECRET, "sdk"),
    "a token provider": _token_provider,
    "default_query": _query,
    "AZURE_OPENAI_API_KEY": _with_environment("AZURE_OPENAI_API_KEY", SECRET, _azure),
    "a token provider of Azure": _azure_token,
    "a client": _client,
    "a client with a token provider": _client_with_token,
    "a client with a query": _client_with_query,
    "a client with headers": _client_with_headers,
    "a client with a user in its URL": _client_with_user,
    "a proxy": _with_environment("HTTP_PROXY", PROXY, _plain("none", url="http://api.example/v1")),
    "a proxy, by the SDK": _with_environment("http_proxy", PROXY, _plain("none", "sdk", "http://api.example/v1")),
}


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def chain(error: BaseException) -> Iterator[str]:
    """All that an exception tells, and those that it was caused by."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        yield f"{one} {one!r} {one.args} {getattr(one, '__notes__', '')} {vars(one)}"
        request = getattr(one, "request", None) or getattr(one, "request_info", None)
        yield str(dict(getattr(request, "headers", {})))
        waiting += (one.__cause__, one.__context__)
    # Its frames would show lines of the program, which take long to find and hold no values.
    yield "".join(traceback.format_exception(error, limit=0))


async def leavings(agent: LightAgent[None, str], *, stream: bool) -> dict[str, str]:
    """All that a caller gets of two runs which fail, by the way it takes."""
    told: dict[str, str] = {}
    if stream:
        events = agent.astream("Hi", result_format="event", trace=True)
        told["events"] = str([event async for event in events])
        result = events.result
    else:
        result = await agent.arun("Hi", result_format="object", trace=True)
    told["result"] = f"{result!r} {result} {json.dumps(result.to_dict())}"
    told["error"] = f"{result.error!r}"
    told["journal"] = result.journal.to_json()
    told["trace"] = f"{result.trace} {agent.export_trace()}"
    try:
        if stream:
            told["chunks"] = str([chunk async for chunk in agent.astream("Hi")])
        else:
            told["text"] = await agent.arun("Hi")
    except LightAgentError as error:
        told["exception"] = "".join(chain(error))
        told["pickled exception"] = str(vars(pickle.loads(pickle.dumps(error)))) + repr(copy.copy(error))
    told["repr"] = f"{agent!r} {agent.means!r} {agent.means.model!r} {agent.means.model.name}"
    return told


def found(text: str) -> list[str]:
    """The pieces of the secret that are in `text`, as it is or as part of a login."""
    pieces = [SECRET[start : start + WINDOW] for start in range(len(SECRET) - WINDOW + 1)]
    spelled = (quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), PAIR, SECRET.replace("/", "\\/"))
    return [piece for piece in (*pieces, *spelled) if piece in text]


def was_sent(head: str) -> bool:
    return any(
        form in head for form in (SECRET, quote(SECRET, safe=""), quote(SECRET, safe="").replace("%2B", "+"), PAIR)
    )


def some_answers(place: int) -> list[str]:
    """A third of the answers, another one for each of three places in a row; `make soak` has all of them everywhere."""
    names = list(ANSWERS)
    return names if os.environ.get("TEST_CREDENTIALS") == "whole" else names[place % 3 :: 3]


@MODES
@pytest.mark.parametrize("kind", KINDS)
async def test_no_credential_leaves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    leaks: list[str] = []
    async with echo_server() as server:
        model = KINDS[kind](server, monkeypatch)
        for answer in some_answers([*KINDS].index(kind) + stream):
            server.answer, server.secret = answer, PAIR if kind == "headers: basic" else SECRET
            most = 2 if answer == "a rate limit" else 1
            agent = LightAgent(model=model, limits=Limits(max_retry=most))
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                told = await leavings(agent, stream=stream)
            assert told["error"] != "None", answer
            told["warnings"] = str([str(one.message) for one in warned])
            told["logs"] = caplog.text
            caplog.clear()
            leaks += [f"{answer} → {way}: {found(text)[0]}" for way, text in told.items() if found(text)]
        await model.aclose()
    assert any(map(was_sent, server.heads)), f"the server was never sent it: {server.heads[:1]}"
    assert leaks == []
