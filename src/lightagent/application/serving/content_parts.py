"""The parts of a user's message: text, and images that come with it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,")
"""The beginning of an image that came with the request, of a type that models take."""

_BEGINNINGS: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""Of the bytes of such images. Which one it is, models see for themselves: clients often declare another."""


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


def is_image(content: bytes) -> bool:
    """Whether these bytes begin as an image does that models take."""
    return content.startswith(_BEGINNINGS)


def _holds_image(url: str) -> bool:
    """Whether a data URL is one of an image, and its bytes begin as one."""
    found = _IMAGE.match(url)
    if found is None:
        return False
    try:
        return is_image(b64decode(url[found.end() : found.end() + _LOOKED_AT], validate=True))
    except ValueError:
        return False


_LOOKED_AT: Final = 16
"""Characters of base64 that tell how the bytes begin; a multiple of four."""


def _checked_image(part: JsonObject, name: str, *, image_urls: bool) -> JsonObject:
    url = image_url(part)
    if _holds_image(url) or (image_urls and url.startswith(("https://", "http://"))):
        return part
    raise RequestRefused(
        400,
        f"{name}: this is no image that is taken.",
        "Send it as data:image/png;base64,… (png, jpeg, gif or webp)" + (", or a URL." if image_urls else "."),
        param=name,
    )
