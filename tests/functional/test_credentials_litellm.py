"""The same as `test_credentials_stay_inside`, through LiteLLM."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from lightagent import LightAgent, Limits
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from tests.functional.agents import MODES
from tests.functional.test_credentials_stay_inside import SECRET, found, leavings, some_answers, was_sent
from tests.support.echo_server import EchoServer, echo_server

pytestmark = [
    pytest.mark.litellm,
    pytest.mark.filterwarnings("default"),
]

KINDS: dict[str, Callable[[EchoServer], LiteLLMChatModel]] = {
    "api_key": lambda server: LiteLLMChatModel("openai/m", api_key=SECRET, api_base=server.base_url),
    "the environment": lambda server: LiteLLMChatModel("openai/m", api_base=server.base_url),
    "headers": lambda server: LiteLLMChatModel(
        "openai/m", api_key="none", api_base=server.base_url, headers={"X-AuthToken": SECRET}
    ),
    "arguments": lambda server: LiteLLMChatModel("openai/m", api_base=server.base_url, arguments={"api_key": SECRET}),
}


@MODES
@pytest.mark.parametrize("kind", KINDS)
async def test_no_credential_leaves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, stream: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET if kind == "the environment" else "none")
    caplog.set_level(logging.DEBUG)
    leaks: list[str] = []
    async with echo_server() as server:
        server.secret = SECRET
        model = KINDS[kind](server)
        for answer in some_answers([*KINDS].index(kind) + stream):
            server.answer = answer
            agent = LightAgent(model=model, limits=Limits(max_retry=1))
            told = await leavings(agent, stream=stream)
            told["logs"] = caplog.text
            caplog.clear()
            leaks += [f"{answer} → {way}: {found(text)[0]}" for way, text in told.items() if found(text)]
        await model.aclose()
    assert any(map(was_sent, server.heads))
    assert leaks == []
