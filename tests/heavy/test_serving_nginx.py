"""A served agent behind nginx: an agent that is silent for longer than the proxy waits."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from lightagent import LightAgent, serve
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.servers.nginx import nginx_server
from tests.support.asgi_calls import chat
from tests.support.served import served

pytestmark = [pytest.mark.timeout(120), pytest.mark.needs("nginx")]

SILENCE = 10.0
"""Seconds; the proxy waits for 3."""


class SilentModel(ChatModel):
    """Says nothing for a long time, and then all of it."""

    name = "silent"

    def __init__(self) -> None:
        self.spoken = threading.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        await asyncio.sleep(SILENCE)
        self.spoken.set()
        yield TextDelta("At last.")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


class Seen:
    """What a client has got of a stream, when the first byte of it came, and whether the model had spoken then."""

    def __init__(self, model: SilentModel) -> None:
        self.model = model
        self.first = 0.0
        self.held_back = False
        self.body = b""
        self.headers = httpx.Headers()

    def ask(self, address: str) -> None:
        """Ask the agent, and read until the end or until the proxy breaks off."""
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            client.get("/healthz").raise_for_status()  # What a first request costs is no matter of streams.
            begun = time.monotonic()
            with client.stream("POST", "/v1/chat/completions", json=chat("Hello", stream=True)) as answer:
                self.headers = answer.headers
                for piece in answer.iter_bytes():
                    if not self.body:
                        self.first, self.held_back = time.monotonic() - begun, self.model.spoken.is_set()
                    self.body += piece


def seen(folder: Path, heartbeat: float) -> tuple[Seen, bool]:
    """What comes through the proxy, and whether it was cut."""
    settings = ServeSettings(heartbeat_seconds=heartbeat)
    model = SilentModel()
    app = serve(LightAgent(name="helper", model=model), settings=settings)
    told = Seen(model)
    with served(app) as base, nginx_server(folder, base) as proxy:
        try:
            told.ask(proxy.url)
        except httpx.RemoteProtocolError:
            return told, True
    return told, False


def test_with_a_heartbeat_a_silent_stream_comes_whole(tmp_path: Path) -> None:
    told, cut = seen(tmp_path, heartbeat=1.0)
    sys.stdout.write(f"The first byte came after {told.first * 1000:.0f} ms.\n")
    assert not cut
    assert told.headers["content-encoding"] == "gzip"
    assert not told.held_back
    assert told.body.count(b": alive\n\n") >= 5
    assert b"At last." in told.body
    assert told.body.endswith(b"data: [DONE]\n\n")


def test_without_one_it_is_cut(tmp_path: Path) -> None:
    told, cut = seen(tmp_path, heartbeat=60.0)
    assert b"assistant" in told.body
    assert b"At last." not in told.body
    assert cut or not told.body.endswith(b"data: [DONE]\n\n")
