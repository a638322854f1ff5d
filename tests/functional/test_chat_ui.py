"""examples/chat_ui: its agent as it is served, through the official client, as the page of Gradio asks."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessage

from lightagent import serve
from lightagent.settings import load_settings
from tests.support.served import served

pytestmark = pytest.mark.openai

EXAMPLE = Path(__file__).parents[2] / "examples/chat_ui"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    made = runpy.run_path(str(EXAMPLE / "clerk.py"))["make_clerk"](tmp_path)
    settings = load_settings(EXAMPLE / "lightagent.toml", environ={})
    with (
        served(serve(made, settings=settings)) as base,
        openai.OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def ask(client: openai.OpenAI, text: str) -> ChatCompletionMessage:
    """The answer to a message in parts, as Gradio writes it."""
    answer = client.chat.completions.create(
        model="clerk", messages=[{"role": "user", "content": [{"type": "text", "text": text}]}]
    )
    return answer.choices[0].message


def test_it_has_tools_a_memory_and_an_approval(client: openai.OpenAI) -> None:
    found = ask(client, "Where is my order 1001?")
    assert found.content == "Order 1001: a kettle, 40 EUR, delivered on Monday."
    assert '→ look_up_order {"number":"1001"}' in str(getattr(found, "reasoning_content", ""))

    ask(client, "I live in Rome.")
    assert "I live in Rome." in str(ask(client, "Where do I live?").content)

    waits = str(ask(client, "Pay order 1001 back, please.").content)
    assert '`pay_back` with `{"number":"1001"}`' in waits
    request = re.search(r"ID ([0-9a-f]{32})", waits)
    assert request is not None
    assert ask(client, f"approve {request[1]}").content == "40 EUR paid back for order 1001."


def test_what_an_interface_asks_for_itself_has_no_tools(client: openai.OpenAI) -> None:
    answer = str(ask(client, "### Task:\nGenerate a title for: Pay order 1001 back.").content)
    assert answer.startswith("I look up the orders")
