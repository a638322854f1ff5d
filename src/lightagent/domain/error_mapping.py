"""From any exception, or any error as data, to the error tree and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from lightagent.domain.error_codes import ERROR_TAXONOMY, ErrorCode, LightAgentErrorInfo, known_code
from lightagent.domain.error_records import error_info, recorded_info
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
