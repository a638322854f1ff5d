"""The parts of a user's message: text, and images that come with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,")
"""The beginning of an image that came with the request, of a type that models take."""


def check_parts(content: Sequence[JsonValue], at: str, *, image_urls: bool) -> list[JsonObject]:
    """The parts, if a model may be given each.

    Args:
        at: names the message in errors.
        image_urls: images may also be named by a URL of http; whoever serves fetches them.

    Raises:
        RequestRefused: a part is of another kind; it is named.
    """
    found = list[JsonObject]()
    for place, part in enumerate(content):
        name = f"{at}.content[{place}]"
        if not isinstance(part, dict):
            raise RequestRefused(400, f"{name}: a part is an object with a type.", param=name)
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            found.append(part)
        elif part.get("type") == "image_url":
            found.append(_checked_image(part, name, image_urls=image_urls))
        else:
            raise RequestRefused(
                400,
                f"{name}: a part of the type {str(part.get('type'))[:40]!r} is not taken.",
                "Send text and images.",
                param=name,
            )
    return found


def image_url(part: JsonObject) -> str:
    """Where the image of a part is; empty for a part of text."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return url if isinstance(url, str) else ""


def _checked_image(part: JsonObject, name: str, *, image_urls: bool) -> JsonObject:
    url = image_url(part)
    if _IMAGE.match(url) or (image_urls and url.startswith(("https://", "http://"))):
        return part
    raise RequestRefused(
        400,
        f"{name}: this image is not taken.",
        "Send it as data:image/png;base64,… (png, jpeg, gif or webp)" + (", or a URL." if image_urls else "."),
        param=name,
    )
