"""Errors in the format of OpenAI's APIs, with our error code and guidance."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightagent.application.serving.error_statuses import RequestRefused, public_error, status_of
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject

_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_LOOK_UP: Final = "docs/serving.md says what each field does."
"""The guidance for errors that have none of their own."""


def refusal_object(refused: RequestRefused) -> JsonObject:
    """Return the body of the response to a refused request."""
    info = refused.info if refused.info.guidance else replace(refused.info, guidance=_LOOK_UP)
    return _body(refused.status, info, refused.param)


def run_error_object(info: LightAgentErrorInfo) -> JsonObject:
    """Return the body of the response for a run that ended with an error."""
    return _body(status_of(info), public_error(info), None)


def run_error_frame(info: LightAgentErrorInfo) -> bytes:
    """Return the error as a frame of a stream; OpenAI's clients raise an exception when a chunk contains `error`."""
    return b"data: " + encode_json(run_error_object(info)) + b"\n\n"


def _body(status: int, info: LightAgentErrorInfo, param: str | None) -> JsonObject:
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {
        "error": {
            "message": info.message,
            "type": kind,
            "param": param,
            "code": info.code,
            "guidance": info.guidance,
        }
    }
