"""The clients that web pages and Node programs use, with a served agent over real HTTP: one program for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lightagent import Runs
from lightagent.domain.json_types import JsonObject, JsonValue
from tests.servers.npm import seen_by
from tests.support.client_scene import SECONDS, ClientScene, client_scene
from tests.support.client_table import shows

pytestmark = pytest.mark.needs("npm_clients")

TEXT = "You said text."
THOUGHT = ("Hm. Yes.", "So be it.")
PAID = "It is 5 paid."


@dataclass(frozen=True)
class Scenes:
    """The agent with its tools in full, and the same with lines about them."""

    full: ClientScene
    lines: ClientScene

    def seen(self, program: str) -> dict[str, JsonObject]:
        return seen_by(
            program, SERVED=self.full.url.removesuffix("/v1"), SERVED_LINES=self.lines.url.removesuffix("/v1")
        )

    def cancelled(self, wanted: int) -> int:
        """How many runs were cancelled, once it is as many as wanted: a client is gone before the server notices."""
        deadline = time.monotonic() + SECONDS
        while (found := asyncio.run(_cancelled(self.full))) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        return found


async def _cancelled(scene: ClientScene) -> int:
    return len([info async for info in Runs(scene.store).list(status="cancelled")])


@pytest.fixture
def scenes() -> Iterator[Scenes]:
    with client_scene("extension") as full, client_scene("reasoning") as lines:
        yield Scenes(full, lines)


def said(seen: JsonObject) -> tuple[JsonValue, JsonValue]:
    return seen["reasoning"], seen["text"]


def tokens(seen: JsonObject) -> int:
    return int(str(seen["tokens"]))


@shows("npm openai", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
@shows("npm openai responses", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
def test_openai_for_node(scenes: Scenes) -> None:
    seen = scenes.seen("openai.mjs")

    chat = seen["chat text"]
    assert (chat["text"], tokens(chat) > 0) == (TEXT, True)
    assert said(seen["chat reasoning"]) == THOUGHT
    shown = seen["chat tools"]
    assert (shown["text"], shown["calls"], shown["shown"]) == ("It is 5.", 0, ["tool_call add", "tool_result add"])
    assert (seen["chat error"]["text"], seen["chat error"]["error"]) == ("I was about", "LA-400")
    assert seen["chat image"]["text"] == "Images: 1."
    assert seen["chat stop"] == {"text": "Well, "}
    assert (seen["chat approval"]["asked"], seen["chat approval"]["text"]) == (True, PAID)

    response = seen["responses text"]
    assert (response["text"], response["ends"], tokens(response) > 0) == (TEXT, "response.completed", True)
    assert said(seen["responses reasoning"]) == THOUGHT
    shown = seen["responses tools"]
    assert (shown["items"], shown["calls"]) == (["mcp_call", "message"], ["add 5"])
    failed = seen["responses error"]
    assert (failed["text"], failed["ends"]) == ("I was about", "response.failed")
    assert failed["error"] == "The line is dead."
    assert seen["responses image"]["text"] == "Images: 1."
    assert seen["responses stop"] == {"text": "Well, "}
    paid = seen["responses approval"]
    assert (paid["asked"], paid["calls"], paid["text"]) == (["mcp_approval_request"], ["pay 5 paid"], PAID)
    outlives = seen["responses background"]  # It left after the second event, and asked for those behind it.
    assert (outlives["text"], outlives["ends"]) == (TEXT, "response.completed")

    assert scenes.cancelled(2) == 2


@shows("ai openai", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
@shows("ai compatible", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
def test_the_ai_sdk_with_openais_apis(scenes: Scenes) -> None:
    seen = scenes.seen("ai.mjs")

    for provider in ("openai", "compatible"):
        text = seen[f"{provider} text"]
        assert (text["text"], text["ends"], tokens(text) > 0) == (TEXT, "stop", True)
        assert said(seen[f"{provider} reasoning"]) == THOUGHT
        failed = seen[f"{provider} error"]
        assert (failed["text"], failed["error"], failed["ends"]) == ("I was about", "The line is dead.", "error")
        assert seen[f"{provider} image"]["text"] == "Images: 1."
        assert seen[f"{provider} stop"] == {"text": "Well, ", "aborted": True}
        assert seen[f"{provider} approval"]["text"] == PAID
        assert "toolError" not in seen[f"{provider} tools"]

    shown = seen["openai tools"]
    assert (shown["text"], shown["calls"]) == ("It is 5.", ['mcp.add {"a":2,"b":3}'])
    for kept in ("openai", "unstored"):
        paid = seen[f"{kept} approval"]
        assert (paid["asked"], paid["requests"], paid["text"]) == (['mcp.pay {"amount":5}'], [], PAID)
        assert seen[f"{kept} further"]["text"] == "You said more."

    assert (seen["compatible tools"]["calls"], seen["compatible tools"]["raw"]) == ([], ["tool_call", "tool_result"])
    assert seen["compatible lines"]["reasoning"] == '\n→ add {"a":2,"b":3}\n← add: ok\n'

    assert scenes.cancelled(2) == 2


@shows("ai useChat", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
def test_use_chat_of_the_ai_sdk(scenes: Scenes) -> None:
    seen = scenes.seen("use_chat.mjs")

    text = seen["text"]
    assert (text["text"], text["status"], tokens(text) > 0) == (TEXT, "ready", True)
    assert said(seen["reasoning"]) == THOUGHT
    assert seen["tools"]["calls"] == ['add {"a":2,"b":3} output-available 5']
    failed = seen["error"]
    assert (failed["text"], failed["status"]) == ("I was about", "error")
    assert "The line is dead." in str(failed["error"])
    assert seen["image"]["text"] == "Images: 1."
    assert (seen["stop"]["text"], seen["stop"]["status"]) == ("Well, ", "ready")
    approved, rejected = seen["approval"], seen["rejection"]
    assert approved["asked"] == rejected["asked"] == ['pay {"amount":5} approval-requested']
    assert (approved["calls"], approved["text"]) == (['pay {"amount":5} output-available 5 paid'], PAID)
    assert rejected["calls"] == ['pay {"amount":5} output-denied']
    assert {one["messages"] for one in (approved, rejected, seen["client tool"])} == {2}
    assert (seen["client tool"]["input"], seen["client tool"]["text"]) == ({}, 'It is {"sky":"blue"}.')
    assert (seen["two questions"]["text"], seen["two questions"]["messages"]) == (TEXT, 4)
    assert seen["reader"] == {"states": True, "types": ["step-start", "reasoning", "text"], "resumes": None}

    assert scenes.cancelled(1) == 1


@shows("ag-ui", "text", "reasoning", "tools", "usage", "error", "stop", "image", "approval")
def test_the_client_of_ag_ui(scenes: Scenes) -> None:
    seen = scenes.seen("ag_ui.mjs")

    text = seen["text"]
    assert (text["text"], text["outcome"], tokens(text) > 0) == (TEXT, "success", True)
    assert said(seen["reasoning"]) == THOUGHT
    shown = seen["tools"]
    assert (shown["calls"], shown["results"], shown["text"]) == (['add {"a":2,"b":3}'], ["5"], "It is 5.")
    assert (seen["error"]["text"], seen["error"]["error"]) == ("I was about", "LA-400")
    assert seen["image"]["text"] == "Images: 1."
    assert seen["stop"] == {"text": "Well, "}
    paid = seen["approval"]
    assert (paid["asked"], paid["calls"]) == ("interrupt", ['pay {"amount":5}'])
    assert (paid["results"], paid["text"]) == (["5 paid"], PAID)

    assert scenes.cancelled(1) == 1
