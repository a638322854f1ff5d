"""A URL is told of each request that waits; whatever its server does, the run waits all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from lightagent import ConfigurationError, HumanApprovalHook, InMemoryReviewStore, LightAgent, RunResult
from lightagent.domain.runs.events import Noted
from lightagent.testing import ManualClock, Reply, ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck


@dataclass
class Receiver:
    """What a server was told, and how it answers."""

    status: int = 204
    told: list[tuple[dict[str, str], str]] = field(default_factory=list)
    url: str = ""
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.told.append((dict(request.headers), await request.text()))
        if self.status == 0:
            await self.release.wait()
        return web.Response(status=self.status, headers={"Location": f"{self.url}/elsewhere"})


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}"
        yield receiver.url
    finally:
        await runner.cleanup()


async def ask(url: str) -> RunResult[str]:
    """A run that waits."""

    def pay(amount: int, to: str) -> str:
        """Pay."""
        raise AssertionError("nobody has approved it")

    desk = HumanApprovalHook(store=InMemoryReviewStore(), webhook=url)
    model = ScriptedModel([call_tool("pay", amount=5, to="a secret friend")])
    agent = LightAgent(name="till", model=model, tools=[pay], hooks=[desk])
    result = await agent.arun("Pay.", user_id="bob", result_format="object")
    assert result.outcome.kind == "suspended"
    return result


def look() -> str:
    """Look."""
    return "nothing to see"


def notes(result: RunResult[str]) -> list[object]:
    return [event.data["text"] for event in result.journal.events if isinstance(event, Noted)]


async def test_a_url_is_told_what_waits_but_not_with_which_arguments(leaks: LeakCheck) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        result = await ask(f"{url}/waiting?team=5")
    ((headers, body),) = receiver.told
    told = json.loads(body)
    assert (told["type"], told["tool_name"], told["user_id"]) == ("approval_requested", "pay", "bob")
    assert (told["run_id"], told["call_id"], told["agents"]) == (result.run_id, "call_1_1", ["till"])
    assert headers["Idempotency-Key"] == f"{told['request_id']}:1:{told['created_at']:.3f}"
    assert headers["Content-Type"] == "application/json"
    assert "secret" not in body
    assert notes(result) == []


async def test_a_request_that_is_asked_anew_is_told_under_another_key(leaks: LeakCheck) -> None:
    """A receiver that honours the key would drop the second notice, and nobody would decide."""
    receiver, clock = Receiver(), ManualClock()
    async with receiving(receiver) as url:
        store = InMemoryReviewStore(clock.now)
        desk = HumanApprovalHook(store=store, webhook=url, timeout=60.0)

        def agent(*replies: Reply) -> LightAgent[None, str]:
            return LightAgent(name="till", model=ScriptedModel([*replies]), tools=[look], hooks=[desk])

        result = await agent(call_tool("look")).arun("Look.", result_format="object")
        clock.advance(60.0)
        with pytest.raises(ConfigurationError, match="waits for a decision"):
            await agent().aresume(result.journal)
    keys = [headers["Idempotency-Key"] for headers, _ in receiver.told]
    assert len(set(keys)) == 2
    assert len({key.partition(":")[0] for key in keys}) == 1


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_server_that_does_not_take_it_changes_nothing(leaks: LeakCheck, status: int) -> None:
    receiver = Receiver(status)
    async with receiving(receiver) as url:
        result = await ask(url)
    assert len(receiver.told) == 1  # A redirection is not followed.
    assert notes(result) == ["The notification that pay waits was not sent. It raised WebhookError."]


async def test_a_server_that_is_not_there_changes_nothing(leaks: LeakCheck) -> None:
    async with receiving(Receiver()) as url:
        pass
    assert notes(await ask(url)) == ["The notification that pay waits was not sent. It raised WebhookError."]


async def test_a_server_that_does_not_answer_is_waited_for_a_few_seconds(
    leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightagent.adapters.webhook._SECONDS", 0.05)
    receiver = Receiver(0)
    async with receiving(receiver) as url:
        result = await ask(url)
        receiver.release.set()
    assert len(receiver.told) == 2
    assert notes(result) == ["The notification that pay waits was not sent. It raised WebhookError."]
