"""What a journal keeps of an error that foreign code raised: its data as plain JSON, whatever it was made with."""

from __future__ import annotations

import re
from contextlib import suppress
from reprlib import Repr
from typing import Final

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject

_MOST_TEXT: Final = 200
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_REPR: Final = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = _MOST_TEXT


def error_info(error: LightAgentError) -> LightAgentErrorInfo | None:
    """The error's own data; None if its class never set it because it does not call `super().__init__`."""
    info: object = None
    with suppress(Exception):  # It may be a property of foreign code.
        info = getattr(error, "info", None)
    return info if isinstance(info, LightAgentErrorInfo) else None


def recorded_info(info: LightAgentErrorInfo) -> LightAgentErrorInfo:
    """The same as a journal can keep it, sharing nothing that can be changed.

    Of the details, a value that is no JSON becomes a short text of it.
    """
    code: object = info.code
    guidance: object = info.guidance
    retryable: object = info.retryable
    return LightAgentErrorInfo(
        info.code if isinstance(code, str) else "LA-UNKNOWN",
        _text(info.message),
        guidance if isinstance(guidance, str) else "",
        _details(info.details),
        retryable is True,
    )


def _details(details: object) -> JsonObject | None:
    if details is None:
        return None
    if not isinstance(details, dict):
        return {"text": _text(details)}
    with suppress(Exception):  # They may be of a foreign class.
        return to_json_object(details, "details")
    with suppress(Exception):
        return {name: found for key, value in details.items() for name, found in _detail(key, value).items()}
    return {}


def _detail(key: object, value: object) -> JsonObject:
    """One of several details, of which at least one is no JSON."""
    for name in (key, _text(key).encode("utf-8", "replace").decode()):
        for found in (value, _text(value)):
            with suppress(Exception):
                return to_json_object({name: found}, "details")
    return {}


def _text(value: object) -> str:
    """A text as it is, and of anything else a short one, in which nothing differs from one process to another."""
    if isinstance(value, str):
        return value
    with suppress(Exception):  # A number with more digits than Python converts, or a foreign `__repr__`.
        return _ADDRESS.sub("", _REPR.repr(value))[:_MOST_TEXT]
    return f"({type(value).__name__})"
