"""Images that a request names by URL: fetched by the server through the guard, where a setting says so."""

from __future__ import annotations

import pytest

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.application.serving.chat.requests import read_chat_request
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpAnswer, HttpCall, HttpFault
from lightagent.entrypoints.serving.images import MOST_IMAGES, with_images
from lightagent.ports.http import HttpSender
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, objects

CHAT = "/v1/chat/completions"


class Pictures(HttpSender):
    """A server of images, which counts what it is asked."""

    def __init__(self, media_type: str = "image/png", status: int = 200) -> None:
        self.answer = HttpAnswer(status, media_type, content=b"\x89PNG")
        self.asked: list[HttpCall] = []

    async def send(self, call: HttpCall) -> HttpAnswer:
        self.asked.append(call)
        if "away" in call.url:
            raise HttpFault("There is nothing at 10.0.0.1.")
        return self.answer


def asking(*urls: str) -> JsonObject:
    parts: list[JsonValue] = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    content: JsonObject = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}
    return {"model": "helper", "messages": [content, {"role": "assistant", "content": "A cat."}, content]}


async def test_each_image_is_fetched_once_and_becomes_a_part_of_the_request() -> None:
    pictures = Pictures()
    asked = read_chat_request(asking("https://example.org/cat.png"), image_urls=True)
    found = await with_images(asked, pictures)
    expected = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}}
    assert len(pictures.asked) == 1
    assert isinstance(found.query, list)
    assert found.query[1] == expected
    assert expected in objects(found.history[0]["content"])


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("https://away.example/cat.png", Pictures()),
        ("https://example.org/cat.html", Pictures("text/html")),
        ("https://example.org/cat.png", Pictures(status=404)),
    ],
)
async def test_what_is_no_image_is_refused_without_a_word_of_what_is_there(url: str, sender: Pictures) -> None:
    with pytest.raises(RequestRefused) as refused:
        await with_images(read_chat_request(asking(url), image_urls=True), sender)
    assert refused.value.message == "An image cannot be fetched."


async def test_there_are_only_so_many() -> None:
    pictures = Pictures()
    urls = [f"https://example.org/{number}.png" for number in range(MOST_IMAGES + 1)]
    with pytest.raises(RequestRefused, match="too many"):
        await with_images(read_chat_request(asking(*urls), image_urls=True), pictures)
    assert pictures.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.png", "http://169.254.169.254/latest", "http://[::1]/x.png"])
async def test_addresses_behind_the_walls_of_the_server_are_not_asked(url: str) -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(["A cat."]))
    told = await answer_to(serve(agent, settings=ServeSettings(image_urls=True)), CHAT, asking(url))
    assert told.status == 400
    assert b"cannot be fetched" in told.body


async def test_by_default_urls_are_refused() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(["A cat."]))
    told = await answer_to(serve(agent), CHAT, asking("https://example.org/cat.png"))
    assert told.status == 400
