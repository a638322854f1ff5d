"""Errors as A2A tells them: JSON-RPC's, and those that the protocol has of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.application.serving.refusals import RequestRefused, status_of, told_outside
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class A2aError:
    """One kind of error.

    Attributes:
        code: in JSON-RPC.
        status: of HTTP, where the protocol is spoken without JSON-RPC.
        reason: its name, by which clients know it.
    """

    code: int
    status: int
    reason: str


TASK_NOT_FOUND: Final = A2aError(-32001, 404, "TASK_NOT_FOUND")
TASK_NOT_CANCELABLE: Final = A2aError(-32002, 400, "TASK_NOT_CANCELABLE")
NO_PUSH_NOTIFICATIONS: Final = A2aError(-32003, 400, "PUSH_NOTIFICATION_NOT_SUPPORTED")
UNSUPPORTED_OPERATION: Final = A2aError(-32004, 400, "UNSUPPORTED_OPERATION")
CONTENT_NOT_SUPPORTED: Final = A2aError(-32005, 400, "CONTENT_TYPE_NOT_SUPPORTED")
NO_EXTENDED_CARD: Final = A2aError(-32007, 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED")
VERSION_NOT_SUPPORTED: Final = A2aError(-32009, 400, "VERSION_NOT_SUPPORTED")
INVALID_REQUEST: Final = A2aError(-32600, 400, "INVALID_REQUEST")
METHOD_NOT_FOUND: Final = A2aError(-32601, 404, "METHOD_NOT_FOUND")
INVALID_PARAMS: Final = A2aError(-32602, 400, "INVALID_PARAMS")
INTERNAL: Final = A2aError(-32603, 500, "INTERNAL_ERROR")

_BY_STATUS: Final = {400: INVALID_PARAMS, 404: INVALID_PARAMS, 409: UNSUPPORTED_OPERATION, 413: INVALID_PARAMS}

_ALSO_KNOWN: Final = frozenset({401, 403, 421, 429, 503})
"""Statuses of HTTP that say enough for themselves, and that clients and proxies act upon."""


class A2aRefused(RequestRefused):
    """A request that is refused, by an error of the protocol."""

    def __init__(self, error: A2aError, message: str, guidance: str = "", *, param: str | None = None) -> None:
        super().__init__(min(error.status, 404), message, guidance, param=param)
        self.error = error


def rpc_result(call_id: JsonValue, result: JsonObject) -> JsonObject:
    """The answer to a call."""
    return {"jsonrpc": "2.0", "id": call_id, "result": result}


def rpc_refusal(refused: RequestRefused, call_id: JsonValue = None) -> JsonObject:
    """The answer to a call that is refused; `call_id` is None where it could not be read."""
    if isinstance(refused, A2aRefused):
        error = refused.error
    else:
        error = _BY_STATUS.get(refused.status, INTERNAL if refused.status >= 500 else INVALID_REQUEST)
    return _answer(error, refused.info, call_id, refused.param)


def rpc_run_error(info: LightAgentErrorInfo, call_id: JsonValue = None) -> JsonObject:
    """The answer to a call whose run could not be had; one that fails is a failed task, and no error."""
    error = INTERNAL if status_of(info) >= 500 else UNSUPPORTED_OPERATION
    return _answer(error, told_outside(info), call_id, None)


def rpc_status(refused: RequestRefused) -> int:
    """The status of HTTP: that of an answer, unless clients and proxies are to act upon it."""
    return refused.status if refused.status in _ALSO_KNOWN else 200


def _answer(error: A2aError, info: LightAgentErrorInfo, call_id: JsonValue, param: str | None) -> JsonObject:
    told: JsonObject = {"code": info.code, "guidance": info.guidance, "param": param}
    metadata: JsonObject = {name: value for name, value in told.items() if value}
    detail: JsonObject = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason,
        "domain": "a2a-protocol.org",
        "metadata": metadata,
    }
    text = whole_characters(" ".join(filter(None, (info.message, info.guidance))))
    return {
        "jsonrpc": "2.0",
        "id": call_id,
        "error": {"code": error.code, "message": text, "data": [detail]},
    }
