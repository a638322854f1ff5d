"""A2A errors: those of JSON-RPC and those that A2A adds, for both bindings of the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.application.serving.error_statuses import RequestRefused, public_error, status_of
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import encode_json, whole_characters
from lightagent.domain.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class A2aError:
    """One kind of A2A error.

    Attributes:
        code: the JSON-RPC error code.
        status: the HTTP status in the HTTP+JSON binding.
        grpc: the name of the gRPC status in the HTTP+JSON binding.
        reason: the name of the error, by which clients recognize it.
    """

    code: int
    status: int
    grpc: str
    reason: str


TASK_NOT_FOUND: Final = A2aError(-32001, 404, "NOT_FOUND", "TASK_NOT_FOUND")
TASK_NOT_CANCELABLE: Final = A2aError(-32002, 400, "FAILED_PRECONDITION", "TASK_NOT_CANCELABLE")
NO_PUSH_NOTIFICATIONS: Final = A2aError(-32003, 400, "FAILED_PRECONDITION", "PUSH_NOTIFICATION_NOT_SUPPORTED")
UNSUPPORTED_OPERATION: Final = A2aError(-32004, 400, "FAILED_PRECONDITION", "UNSUPPORTED_OPERATION")
CONTENT_NOT_SUPPORTED: Final = A2aError(-32005, 400, "INVALID_ARGUMENT", "CONTENT_TYPE_NOT_SUPPORTED")
NO_EXTENDED_CARD: Final = A2aError(-32007, 400, "FAILED_PRECONDITION", "EXTENDED_AGENT_CARD_NOT_CONFIGURED")
VERSION_NOT_SUPPORTED: Final = A2aError(-32009, 400, "FAILED_PRECONDITION", "VERSION_NOT_SUPPORTED")
INVALID_REQUEST: Final = A2aError(-32600, 400, "INVALID_ARGUMENT", "INVALID_REQUEST")
METHOD_NOT_FOUND: Final = A2aError(-32601, 404, "NOT_FOUND", "METHOD_NOT_FOUND")
INVALID_PARAMS: Final = A2aError(-32602, 400, "INVALID_ARGUMENT", "INVALID_PARAMS")
INTERNAL: Final = A2aError(-32603, 500, "INTERNAL", "INTERNAL_ERROR")

_BY_STATUS: Final = {400: INVALID_PARAMS, 404: INVALID_PARAMS, 409: UNSUPPORTED_OPERATION, 413: INVALID_PARAMS}

_ALSO_KNOWN: Final = frozenset({401, 403, 421, 429, 503})
"""HTTP statuses that JSON-RPC responses keep, because clients and proxies act on them."""


class A2aRefused(RequestRefused):
    """A request that is refused with an A2A error."""

    def __init__(self, error: A2aError, message: str, guidance: str = "", *, param: str | None = None) -> None:
        super().__init__(min(error.status, 404), message, guidance, param=param)
        self.error = error


def rpc_refusal(refused: RequestRefused, call_id: JsonValue = None) -> JsonObject:
    """Return the JSON-RPC response to a refused call; `call_id` is None if it could not be read."""
    return _rpc_error(_error_of(refused), refused.info, call_id, refused.param)


def rpc_run_error(info: LightAgentErrorInfo, call_id: JsonValue = None) -> JsonObject:
    """Return the error for a call whose run could not be started or read; a run that fails is a failed task instead."""
    return _rpc_error(_error_of_run(info), public_error(info), call_id, None)


def rest_refusal(refused: RequestRefused) -> JsonObject:
    """Return the HTTP+JSON response to a refused request."""
    return _rest_error(_error_of(refused), refused.info, refused.status, refused.param)


def rest_run_error(info: LightAgentErrorInfo) -> JsonObject:
    """Return the HTTP+JSON error for a request whose run could not be started or read."""
    return _rest_error(_error_of_run(info), public_error(info), status_of(info), None)


@dataclass(frozen=True, slots=True)
class RpcBinding:
    """Writes responses to one JSON-RPC call."""

    call_id: JsonValue

    def result(self, told: JsonObject) -> JsonObject:
        """Return the JSON-RPC response with this result."""
        return {"jsonrpc": "2.0", "id": self.call_id, "result": told}

    def run_error(self, info: LightAgentErrorInfo) -> tuple[JsonObject, int]:
        """Return the error response and its HTTP status, for a run that could not be started or read."""
        return rpc_run_error(info, self.call_id), 200

    def event(self, told: JsonObject) -> bytes:
        """Return one frame of a stream."""
        return b"data: " + encode_json(self.result(told)) + b"\n\n"

    def error_event(self, info: LightAgentErrorInfo) -> bytes:
        """Return the last frame of a stream whose run could not be started or read."""
        return b"data: " + encode_json(rpc_run_error(info, self.call_id)) + b"\n\n"


@dataclass(frozen=True, slots=True)
class RestBinding:
    """Writes responses in the HTTP+JSON binding."""

    def result(self, told: JsonObject) -> JsonObject:
        """Return the response body with this result."""
        return told

    def run_error(self, info: LightAgentErrorInfo) -> tuple[JsonObject, int]:
        """Return the error response and its HTTP status, for a run that could not be started or read."""
        return rest_run_error(info), status_of(info)

    def event(self, told: JsonObject) -> bytes:
        """Return one frame of a stream."""
        return b"data: " + encode_json(told) + b"\n\n"

    def error_event(self, info: LightAgentErrorInfo) -> bytes:
        """Return the last frame of a stream whose run could not be started or read."""
        return b"event: error\ndata: " + encode_json(rest_run_error(info)) + b"\n\n"


Binding: TypeAlias = RpcBinding | RestBinding
"""The binding of the protocol in which a response is written."""


def rpc_status(refused: RequestRefused) -> int:
    """Return the HTTP status of a refused JSON-RPC call: 200, except for statuses that clients and proxies act on."""
    return refused.status if refused.status in _ALSO_KNOWN else 200


def _error_of(refused: RequestRefused) -> A2aError:
    if isinstance(refused, A2aRefused):
        return refused.error
    return _BY_STATUS.get(refused.status, INTERNAL if refused.status >= 500 else INVALID_REQUEST)


def _error_of_run(info: LightAgentErrorInfo) -> A2aError:
    return INTERNAL if status_of(info) >= 500 else UNSUPPORTED_OPERATION


def _rpc_error(error: A2aError, info: LightAgentErrorInfo, call_id: JsonValue, param: str | None) -> JsonObject:
    told: JsonObject = {"code": error.code, "message": _text(info), "data": [_detail(error, info, param)]}
    return {"jsonrpc": "2.0", "id": call_id, "error": told}


def _rest_error(error: A2aError, info: LightAgentErrorInfo, status: int, param: str | None) -> JsonObject:
    details: list[JsonValue] = [_detail(error, info, param)]
    return {"error": {"code": status, "status": error.grpc, "message": _text(info), "details": details}}


def _text(info: LightAgentErrorInfo) -> str:
    return whole_characters(" ".join(filter(None, (info.message, info.guidance))))


def _detail(error: A2aError, info: LightAgentErrorInfo, param: str | None) -> JsonObject:
    told: JsonObject = {"code": info.code, "guidance": info.guidance, "param": param}
    metadata: JsonObject = {name: value for name, value in told.items() if value}
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason,
        "domain": "a2a-protocol.org",
        "metadata": metadata,
    }
