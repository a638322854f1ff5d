"""From any exception, or any error as data, to the error tree and back."""

from __future__ import annotations

import re
import traceback
from contextlib import suppress
from dataclasses import replace
from reprlib import Repr
from typing import Final

from lightagent.domain.error_codes import ERROR_TAXONOMY, ErrorCode, LightAgentErrorInfo, known_code
from lightagent.domain.errors import (
    BudgetError,
    ConfigurationError,
    FlowTimeout,
    LightAgentError,
    OutputError,
    PolicyError,
    ProviderError,
    StoreError,
    ToolError,
)
from lightagent.domain.errors import format_lightagent_error as format_info
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject

_FAMILIES: dict[str, type[LightAgentError]] = {
    "LA-JSON": ToolError,
    "LA-TOOL": ToolError,
    "LA-GUARDRAIL": PolicyError,
    "LA-HOOK": PolicyError,
    "LA-POLICY": PolicyError,
    "LA-BUDGET": BudgetError,
    "LA-FLOW-TIMEOUT": FlowTimeout,
    "LA-FLOW-LOST": LightAgentError,
    "LA-OUTPUT": OutputError,
    "LA-STORE": StoreError,
    "LA-CONFIG": ConfigurationError,
    "LA-UNKNOWN": LightAgentError,
}


def classify_exception(exc: BaseException, default_code: str = "LA-UNKNOWN") -> LightAgentErrorInfo:
    """What an exception means in our terms; anything unexpected has the default code, and its type's name in the text.

    It can be kept in a journal: details that are no JSON are texts.
    """
    if isinstance(exc, LightAgentError) and (info := error_info(exc)) is not None:
        return recorded_info(info)
    if isinstance(exc, TimeoutError):
        return ERROR_TAXONOMY["LA-408"]
    if isinstance(exc, ConnectionError):
        return ERROR_TAXONOMY["LA-503"]
    said = ""
    with suppress(Exception):  # Its `__str__` may be foreign code.
        said = str(exc)
    text = f"{type(exc).__name__}: {said}" if said else type(exc).__name__
    known = ERROR_TAXONOMY.get(default_code, ERROR_TAXONOMY["LA-UNKNOWN"])
    return LightAgentErrorInfo(known.code, text, known.guidance, retryable=known.retryable)


def format_lightagent_error(
    error: BaseException | LightAgentErrorInfo, action: str | None = None, default_code: str = "LA-UNKNOWN"
) -> str:
    """The text of an error: code, message, and what to do.

    Args:
        error: any exception, or what `classify_exception` made of one.
        action: what was being done.
        default_code: the code for an unexpected exception.
    """
    info = error if isinstance(error, LightAgentErrorInfo) else classify_exception(error, default_code)
    return format_info(info if action is None else replace(info, message=f"{action}: {info.message}"))


def error_from_info(info: LightAgentErrorInfo) -> LightAgentError:
    """The exception of the family that `info` belongs to, ready to be raised."""
    family = _FAMILIES.get(info.code, ProviderError)
    return family(info.message, code=info.code, guidance=info.guidance, details=info.details, retryable=info.retryable)


def code_for_status(status: int) -> ErrorCode:
    """The code for an HTTP status that a provider answered."""
    exact = f"LA-{status}"
    if exact in ERROR_TAXONOMY:
        return known_code(exact)
    if status in (502, 504):
        return "LA-503" if status == 502 else "LA-408"
    return "LA-500" if status >= 500 else "LA-400"


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


_INNERMOST: Final = 3
"""Frames that are named."""


def raised_place(error: BaseException) -> str:
    """Such as ``ValueError (sinks.py, line 12, in see)``."""
    frames = traceback.extract_tb(error.__traceback__)[-_INNERMOST:]
    places = (f"{_file_name(frame.filename)}, line {frame.lineno}, in {frame.name}" for frame in frames)
    told = "; ".join(places)
    return f"{type(error).__name__} ({told})" if told else type(error).__name__


def _file_name(path: str) -> str:
    """Without its folders, which may be named for users and customers."""
    return path.replace("\\", "/").rpartition("/")[2]
