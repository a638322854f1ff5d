"""Records as one text for stores whose own texts are Unicode alone: read again, they are the same to the letter."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Final

from lightagent.adapters.memory._marks import decoded, encoded

_AS_BYTES: Final = "base64:"


def written_out(record: object) -> str:
    """What can be written as JSON: with numbers of any size, and texts with halves of surrogate pairs.

    Those are not written as the escapes of JSON, which make one character of two halves that stand together.
    """
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _AS_BYTES + b64encode(encoded(text)).decode("ascii")
    return text


def read_out(content: str) -> object:
    """What `written_out` wrote.

    Raises:
        ValueError: it is none of it.
    """
    if content.startswith(_AS_BYTES):
        content = decoded(b64decode(content.removeprefix(_AS_BYTES), validate=True))
    try:
        found: object = json.loads(content)
    except RecursionError:
        raise ValueError("It is nested too deep.") from None
    return found
