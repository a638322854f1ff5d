"""Refusals of requests before a run exists, and the HTTP statuses of runs that end with an error."""

from __future__ import annotations

from typing import Final

from lightagent.domain.error_codes import ErrorCode, LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.runs.selection_folding import MISSING_TOOLS

_CODES: Final[dict[int, ErrorCode]] = {
    400: "LA-400",
    401: "LA-401",
    403: "LA-403",
    404: "LA-404",
    405: "LA-400",
    408: "LA-408",
    409: "LA-400",
    413: "LA-413",
    415: "LA-400",
    421: "LA-403",
    422: "LA-400",
    429: "LA-429",
    431: "LA-413",
    503: "LA-503",
}

_RUN_STATUSES: Final = {
    "LA-400": 400,
    "LA-401": 502,  # The provider refused the server's own key. A 401 would tell clients that theirs was refused.
    "LA-403": 502,
    "LA-404": 502,
    "LA-408": 504,
    "LA-413": 413,
    "LA-429": 429,
    "LA-500": 502,
    "LA-503": 503,
    "LA-GUARDRAIL": 403,
    "LA-HOOK": 403,
    "LA-POLICY": 403,
    "LA-BUDGET": 429,
    "LA-FLOW-TIMEOUT": 504,
    "LA-OUTPUT": 502,
    "LA-STORE": 503,
}

_INSIDE: Final[dict[str, str]] = {
    "LA-401": "The provider of the model refused the server.",
    "LA-403": "The provider of the model refused the server.",
    "LA-404": "The provider does not have the model, or its address is wrong.",
    "LA-503": "The provider of the model cannot be reached.",
    "LA-STORE": "The store of the server cannot be read or written.",
}
"""Messages for clients that replace errors whose texts name internals of the server."""

CANCELLED: Final = LightAgentErrorInfo(
    "LA-503", "The run was cancelled.", "Send the request again if you still need the answer.", None, retryable=True
)
"""The error of a run that was cancelled, by its client or because the server stops."""

NEVER_BEGAN: Final = LightAgentErrorInfo(
    "LA-503",
    "The server ended before the run had started.",
    "Send the request again: nothing has been done.",
    None,
    retryable=True,
)
"""The error of a background run without any recorded event."""

_LACKING: Final = "The run was started with tools that this request does not have."
"""The message does not name the agent's own tools."""

_OF_SERVER: Final = frozenset({CANCELLED.message, NEVER_BEGAN.message})
"""The LA-503 messages that are about the server rather than a model's provider."""


class RequestRefused(LightAgentError):
    """A request that is refused, in any protocol.

    Args:
        status: the HTTP status.
        param: the path of the invalid field, such as ``messages[2].role``.
        retry_after: seconds after which the same request may be accepted.
    """

    def __init__(
        self,
        status: int,
        message: str,
        guidance: str = "",
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, guidance=guidance, code=_CODES[status], retryable=status in (408, 429, 503))
        self.status = status
        self.param = param
        self.retry_after = retry_after


def status_of(info: LightAgentErrorInfo) -> int:
    """Return the HTTP status for a run that ended with this error; 500 for faults of the server."""
    return 400 if _lacks_tools(info) else _RUN_STATUSES.get(info.code, 500)


def _lacks_tools(info: LightAgentErrorInfo) -> bool:
    """Whether a run cannot resume because tools that it started with are missing, usually functions of the client."""
    return info.details is not None and MISSING_TOOLS in info.details


def public_error(info: LightAgentErrorInfo) -> LightAgentErrorInfo:
    """Return the error as clients may read it: errors about the server's internals say only that it failed.

    Their messages may contain files, hosts and values of the server; its log has them.
    """
    if _lacks_tools(info):
        return LightAgentErrorInfo(info.code, _LACKING, "Send the tools of the request that started it.", None, False)
    inside = None if info.message in _OF_SERVER else _INSIDE.get(info.code)
    if inside is None and status_of(info) != 500:
        return LightAgentErrorInfo(info.code, info.message, info.guidance, None, info.retryable)
    told = inside or "The server failed."
    return LightAgentErrorInfo(info.code, told, "See the log of the server.", None, info.retryable)
