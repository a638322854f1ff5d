"""Connections that misbehave, over real sockets, and the command that serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lightagent import LightAgent, serve
from lightagent.domain.conversation.deltas import Delta, TextDelta
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.functional.test_cli import environment
from tests.servers.child import running
from tests.servers.polling import ticks
from tests.support.asgi_calls import chat
from tests.support.command_line import call_lightagent
from tests.support.served import served


class Torrent(ChatModel):
    """Talks without end, until its request is given up."""

    name = "torrent"

    def __init__(self) -> None:
        self.given_up = threading.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        try:
            while True:
                yield TextDelta("x" * 10_000)
        finally:
            self.given_up.set()

    async def aclose(self) -> None:
        """Nothing is open."""


MODEL = Torrent()
SETTINGS = ServeSettings(header_seconds=0.3, reader_seconds=0.3, body_seconds=0.3, runs=1, waiting_runs=0)
PATIENT = ServeSettings(header_seconds=50, body_seconds=50, body_bytes=100_000, image_body_bytes=200_000)
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
MUCH = 20_000_000


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with served(serve(LightAgent(name="helper", model=MODEL), settings=SETTINGS), SETTINGS) as base:
        parts = urlsplit(base)
        yield str(parts.hostname), parts.port or 0


@pytest.fixture(scope="module")
def patient() -> Iterator[tuple[str, int]]:
    """A server whose limits are of size alone."""
    with served(serve(LightAgent(name="helper", model=MODEL), settings=PATIENT), PATIENT) as base:
        parts = urlsplit(base)
        yield str(parts.hostname), parts.port or 0


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=20)


def until_closed(sock: socket.socket) -> bytes:
    """All that the server sends before it closes the connection."""
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("begun", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_headers_that_do_not_come_end_the_connection(address: tuple[str, int], begun: bytes) -> None:
    with connected(address) as sock:
        sock.sendall(begun)
        assert until_closed(sock) == b""


def test_headers_of_a_second_request_that_do_not_come_end_it_too(address: tuple[str, int]) -> None:
    with connected(address) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = b""
        while b'{"status":"ok"}' not in found:
            found += sock.recv(65536)
        sock.sendall(b"GET /heal")
        assert until_closed(sock) == b""


def test_a_client_that_takes_nothing_is_cut_with_its_run(address: tuple[str, int]) -> None:
    with connected(address) as sock:
        sock.sendall(asking(json.dumps(chat("Hello", stream=True)).encode()))
        assert MODEL.given_up.wait(50)


def test_a_run_beyond_the_limit_is_a_429_that_says_when_to_come_again(address: tuple[str, int]) -> None:
    body = json.dumps(chat("Hello", stream=True)).encode()
    with connected(address) as busy, connected(address) as sock:
        busy.sendall(asking(body))
        until_told(busy, b"xxx")
        sock.sendall(asking(body))
        found = until_told(sock, b"LA-429")
        assert found.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nretry-after: 5\r\n" in found


def asking(body: bytes, length: int | None = None) -> bytes:
    """A request; `length` announces more than there is."""
    size = len(body) if length is None else length
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + body


def until_told(sock: socket.socket, text: bytes) -> bytes:
    """What the server sends, until this is in it."""
    found = b""
    while text not in found:
        piece = sock.recv(65536)
        assert piece, found
        found += piece
    return found


def flood(address: tuple[str, int], head: bytes, more: bytes) -> tuple[int, bytes]:
    """Send this without end, but for 20 MB; how much was taken, and what was answered."""
    taken = 0
    with connected(address) as sock:
        try:
            sock.sendall(head)
            while taken < MUCH:
                taken += sock.send(more)
        except OSError:
            pass  # The server has closed the connection.
        return taken, until_closed(sock)


@pytest.mark.parametrize(
    ("head", "more", "status", "told"),
    [
        (POST + b"Content-Length: 1000000000\r\n\r\n", b"x" * 65536, b"413", b"200000 bytes"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", b"413", b"100000 bytes"),
        (POST + b"X: ", b"x" * 65536, b"431", b"65536 bytes"),
        (POST, b"X: y\r\n" * 1000, b"431", b"65536 bytes"),
        (b"", b"x" * 65536, b"400", b"not an HTTP request"),
    ],
    ids=["announced", "in pieces", "a header", "headers", "no HTTP"],
)
def test_what_has_no_end_is_refused_early(
    patient: tuple[str, int], head: bytes, more: bytes, status: bytes, told: bytes
) -> None:
    taken, answer = flood(patient, head, more)
    assert taken < MUCH
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert told in answer
    assert b'"code":"LA-' in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("more", [b"x" * 65536, b"X: y\r\n" * 1000])
def test_headers_behind_the_body_end_with_the_connection(patient: tuple[str, int], more: bytes) -> None:
    taken, answer = flood(patient, POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", more)
    assert taken < MUCH
    assert answer == b""


def test_a_body_that_does_not_come_is_a_408(address: tuple[str, int]) -> None:
    with connected(address) as sock:
        sock.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"retry-after" not in answer
        assert b"LA-408" in answer


@pytest.mark.parametrize("host", [b"evil.example", b"localhost"])
def test_who_is_refused_before_the_body_is_read_gets_the_answer(patient: tuple[str, int], host: bytes) -> None:
    """A client that sends its whole request before it reads must not find the connection closed."""
    head = POST.replace(b"localhost", host).replace(b"application/json", b"text/plain")
    with connected(patient) as sock:
        sock.sendall(head + b"Content-Length: 190000\r\n\r\n" + b"x" * 100_000)
        answer = sock.recv(65536)
        sock.sendall(b"x" * 90_000)
        assert answer.startswith(b"HTTP/1.1 421" if host == b"evil.example" else b"HTTP/1.1 415")
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/models/a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/models/\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_has_an_answer_as_any_error(patient: tuple[str, int], sent: bytes) -> None:
    with connected(patient) as sock:
        sock.sendall(sent)
        answer = until_closed(sock)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "LA-400"


def test_headers_behind_the_body_are_none(patient: tuple[str, int]) -> None:
    trailer = b"0\r\nHost: evil.example\r\nOrigin: https://evil.example\r\n\r\n"
    with connected(patient) as sock:
        sock.sendall(POST + b"Transfer-Encoding: chunked\r\nTrailer: Host\r\n\r\n2\r\n{}\r\n" + trailer)
        answer = sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"model: must be text" in answer


AGENTS = """
import asyncio
from pathlib import Path

from lightagent import LightAgent
from lightagent.testing import ScriptedModel


class Model(ScriptedModel):
    async def stream(self, request):
        while "wait" in str(request.messages[-1].content) and not Path(__file__).with_name("go on").exists():
            await asyncio.sleep(0.02)
        async for delta in super().stream(request):
            yield delta

    async def aclose(self) -> None:
        print("the model is closed", flush=True)


helper = LightAgent(name="helper", model=Model("Hello."))
"""


def _asking(url: str, body: JsonObject) -> urllib.request.Request:
    told = {"content-type": "application/json"}
    return urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), told)


def _status(url: str) -> int:
    """What a probe, which comes by a connection of its own, is answered."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    command = [sys.executable, "-m", "lightagent", "serve", str(tmp_path / "agents.py:helper"), "--port", "0"]
    plain = environment(XDG_STATE_HOME=str(tmp_path / "state"))
    with running("serve", command, log=tmp_path / "log", start_seconds=50, stop_seconds=50, env=plain) as child:
        with urllib.request.urlopen(_asking(child.url, chat("Hi")), timeout=20) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == "Hello."
        with urllib.request.urlopen(_asking(child.url, chat("wait", stream=True)), timeout=20) as answer:
            os.kill(child.pid, signal.SIGTERM)
            for pause in ticks(20):
                if _status(f"{child.url}/readyz") == 503:
                    break
                time.sleep(pause)
            else:
                pytest.fail("Probes are not told that the server stops.")
            (tmp_path / "go on").touch()
            assert answer.read().endswith(b"data: [DONE]\n\n")
    told = (tmp_path / "log").read_text()
    assert "Traceback" not in told
    assert "the model is closed" in told  # What is open is closed after the server.


def test_the_command_refuses_to_listen_elsewhere_without_keys(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    plain = environment(XDG_STATE_HOME=str(tmp_path / "state"))
    arguments = ("serve", "agents.py:helper", "--host", "0.0.0.0", "--port", "0")
    refused = call_lightagent(*arguments, folder=tmp_path, variables=plain)
    assert refused.returncode == 2
    assert "lightagent keys create" in refused.stderr


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    (tmp_path / "lightagent.toml").write_text('[default.journals]\nkind = "sqlite"\npath = "store.db"\n')
    plain = environment(XDG_STATE_HOME=str(tmp_path / "state"), LIGHTAGENT_TRUST_CONFIG="1")

    def keys(*arguments: str) -> str:
        done = call_lightagent("keys", *arguments, folder=tmp_path, variables=plain)
        assert done.returncode == 0, done.stderr
        return done.stdout

    key = keys("create", "Ann's", "--tenant", "acme", "--user", "ann", "--days", "1").strip()
    listed = keys("list")
    assert key.startswith("lak_")
    assert key not in listed
    assert "tenant acme" in listed
    key_id = key.split("_")[1]
    keys("revoke", key_id)
    (shown,) = json.loads(keys("list", "--json"))
    assert (shown["key_id"], shown["status"], shown["last_used_at"]) == (key_id, "revoked", None)
    assert "digest" not in shown
