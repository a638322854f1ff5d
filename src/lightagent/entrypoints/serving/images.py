"""Fetch the images that a request names by URL, from public addresses only, and embed them as data URLs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightagent.adapters.guarded_http import GuardedHttp
from lightagent.application.serving.chat.requests import ChatInput
from lightagent.application.serving.content_parts import image_url, is_image
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpCall, HttpFault
from lightagent.ports.http import HttpSender
from lightagent.settings.sections.serve import ServeSettings

MOST_IMAGES: Final = 10
"""Images that a request may name by URL."""

_BYTES: Final = 10_000_000
_SECONDS: Final = 15.0
_TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")


async def with_images_by_url(asked: ChatInput, settings: ServeSettings) -> ChatInput:
    """Return the chat with its images embedded, if the setting `image_urls` allows URLs; otherwise unchanged.

    Raises:
        RequestRefused: there are too many images, or one cannot be fetched.
    """
    return await with_images(asked, GuardedHttp()) if settings.image_urls else asked


async def with_images(asked: ChatInput, sender: HttpSender) -> ChatInput:
    """Return the chat with every image URL replaced by a data URL.

    Raises:
        RequestRefused: there are too many images, or one cannot be fetched.
    """
    contents = [asked.query, *(message.get("content") for message in asked.history)]
    urls = list(dict.fromkeys(url for content in contents for url in _urls(content)))
    if not urls:
        return asked
    if len(urls) > MOST_IMAGES:
        raise RequestRefused(
            400, f"messages: {len(urls)} images are too many.", f"The most is {MOST_IMAGES}.", param="messages"
        )
    fetched = await asyncio.gather(*(_fetched(url, sender) for url in urls))
    found = dict(zip(urls, fetched, strict=True))
    history = [
        {**message, "content": _replaced(content, found)}
        if isinstance(content := message.get("content"), list)
        else message
        for message in asked.history
    ]
    query = asked.query
    if isinstance(query, list):
        query = [_replaced_part(part, found) for part in query]
    return replace(asked, query=query, history=history)


async def _fetched(url: str, sender: HttpSender) -> str:
    try:
        answer = await sender.send(HttpCall("GET", url, timeout=_SECONDS, max_bytes=_BYTES))
    except HttpFault:
        # The reason is withheld, since it could reveal hosts of the server's internal network.
        raise RequestRefused(400, "An image cannot be fetched.", "Send it as a data URL.", param="messages") from None
    if answer.status != 200 or answer.media_type not in _TYPES or not is_image(answer.content):
        raise RequestRefused(400, "An image cannot be fetched.", "Send it as a data URL.", param="messages")
    return f"data:{answer.media_type};base64,{base64.b64encode(answer.content).decode()}"


def _urls(content: str | Sequence[JsonValue] | JsonValue) -> list[str]:
    parts = content if isinstance(content, list) else []
    found = [image_url(part) for part in parts if isinstance(part, dict)]
    return [url for url in found if url.startswith(("http://", "https://"))]


def _replaced(content: list[JsonValue], found: dict[str, str]) -> list[JsonValue]:
    return [_replaced_part(part, found) if isinstance(part, dict) else part for part in content]


def _replaced_part(part: JsonObject, found: dict[str, str]) -> JsonObject:
    url = image_url(part)
    image = part.get("image_url")
    if url not in found or not isinstance(image, dict):
        return part
    return {**part, "image_url": {**image, "url": found[url]}}
