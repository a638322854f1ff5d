"""The parts of a user's message: text and attached images."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|jpg|gif|webp);base64,")
"""The prefix of a data URL with an image of a type that models accept."""

_BEGINNINGS: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")
"""The first bytes of such images, of any type: models detect the type, and clients often declare a wrong one."""


def check_parts(content: Sequence[JsonValue], at: str, *, image_urls: bool) -> list[JsonObject]:
    """Return the parts if each can be given to a model.

    Args:
        at: the path of the message, for errors.
        image_urls: also allow images named by an HTTP URL, which the server fetches.

    Raises:
        RequestRefused: a part is of another kind; the error names it.
    """
    found = list[JsonObject]()
    for place, part in enumerate(content):
        name = f"{at}.content[{place}]"
        if not isinstance(part, dict):
            raise RequestRefused(400, f"{name}: must be an object with a type.", param=name)
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            found.append(part)
        elif part.get("type") == "image_url":
            found.append(_checked_image(part, name, image_urls=image_urls))
        else:
            raise RequestRefused(
                400,
                f"{name}: parts of the type {str(part.get('type'))[:40]!r} are not supported.",
                "Send text and images.",
                param=name,
            )
    return found


def image_url(part: JsonObject) -> str:
    """Return the URL of a part's image; empty for a text part."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return url if isinstance(url, str) else ""


def is_image(content: bytes) -> bool:
    """Whether the content begins like an image of a type that models accept."""
    return content.startswith(_BEGINNINGS)


def _holds_image(url: str) -> bool:
    """Whether a data URL holds an image, judging by its type and first bytes."""
    found = _IMAGE.match(url)
    if found is None:
        return False
    try:
        return is_image(b64decode(url[found.end() : found.end() + _LOOKED_AT], validate=True))
    except ValueError:
        return False


_LOOKED_AT: Final = 16
"""The number of base64 characters that are decoded to check the first bytes; a multiple of four."""


def _checked_image(part: JsonObject, name: str, *, image_urls: bool) -> JsonObject:
    url = image_url(part)
    if _holds_image(url) or (image_urls and url.startswith(("https://", "http://"))):
        return part
    raise RequestRefused(
        400,
        f"{name}: this image is not supported.",
        "Send it as data:image/png;base64,… (png, jpeg, gif or webp)" + (", or a URL." if image_urls else "."),
        param=name,
    )
