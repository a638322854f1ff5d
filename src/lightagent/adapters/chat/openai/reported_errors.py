"""Errors that an endpoint reports: with an HTTP status, in a body of status 200, or in the middle of a stream."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lightagent.adapters.chat.openai.faults import fault, moved
from lightagent.domain.error_mapping import code_for_status
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject

_SHOWN = 500
_TOO_LONG = re.compile(r"(?i)context_length_exceeded|exceed_context_size|maximum context length|context window")
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_CODES = {
    "rate_limit_exceeded": "LA-429",
    "rate_limit_error": "LA-429",
    "invalid_api_key": "LA-401",
    "authentication_error": "LA-401",
    "permission_error": "LA-403",
    "model_not_found": "LA-404",
    "not_found_error": "LA-404",
    "request_too_large": "LA-413",
    "timeout": "LA-408",
    "timeout_error": "LA-408",
    "overloaded": "LA-503",
    "overloaded_error": "LA-503",
    "service_unavailable": "LA-503",
    "invalid_request_error": "LA-400",
}
"""The words of an error that came without an HTTP status of its own."""


@dataclass(frozen=True, slots=True)
class _Report:
    message: str
    code: str = ""
    type: str = ""


def status_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error for an answer whose status is none of success; `body` may be cut short."""
    if 300 <= status < 400:
        return moved(status, headers.get("location", ""))
    report = _read_body(body)
    wait = retry_after(headers)
    details: JsonObject = {"status": status}
    if wait is not None:
        details["retry_after"] = wait
    if request_id := headers.get("x-request-id"):
        details["request_id"] = request_id[:_SHOWN]
    message = report.message or f"The provider answered HTTP {status} and did not say why."
    passing = status in (408, 409, 429) or status >= 500
    return _error(message, report, code_for_status(status), passing, details, wait)


def reported_error(answer: Mapping[object, object]) -> ProviderError | None:
    """The error that an answer of status 200, or an event of a stream, carries in place of a completion."""
    error = answer.get("error")
    if not error and answer.get("object") != "error":
        return None
    report = _read(answer)
    status = int(report.code) if re.fullmatch(r"[45]\d\d", report.code) else None
    if status is not None:
        code = code_for_status(status)
    else:
        code = _CODES.get(report.code) or _CODES.get(report.type) or "LA-500"
    passing = code in ("LA-408", "LA-429", "LA-500", "LA-503") or status == 409
    message = report.message or "The provider reported an error and did not say which."
    return _error(message, report, code, passing, {}, None)


def event_error(data: bytes) -> ProviderError:
    """The error in an event that is named one: an object of any form, or text."""
    text = data.decode("utf-8", "replace").strip()
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        parsed = text
    if isinstance(parsed, dict) and (error := reported_error(parsed)) is not None:
        return error
    return reported_error({"error": parsed}) or fault("The provider reported an error and did not say which.", "LA-500")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the provider wants to be left alone; None if it does not say, or says nonsense."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or not told:
        return seconds
    from email.utils import parsedate_to_datetime  # 10 ms that only a provider who answers with a date costs

    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _error(
    message: str, report: _Report, code: str, passing: bool, details: JsonObject, wait: float | None
) -> ProviderError:
    if report.code:
        details["provider_code"] = report.code
    if report.type:
        details["provider_type"] = report.type
    if _TOO_LONG.search(f"{report.code} {report.type} {report.message}") and code in ("LA-400", "LA-413", "LA-500"):
        guidance = "Shorten the conversation, or use a model with a larger context."
        return fault(message, "LA-413", guidance=guidance, retryable=False, details=details)
    if _NO_MONEY & {report.code, report.type}:
        guidance = "Look at the plan and billing of the account."
        return fault(message, "LA-429", guidance=guidance, retryable=False, details=details)
    return fault(message, code, retryable=passing, details=details, retry_after=wait)


def _read_body(body: bytes) -> _Report:
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        page = text[:1] == "<"
        return _Report("The provider answered with a web page." if page else text[:_SHOWN])
    if isinstance(parsed, list) and parsed:  # as Google does
        parsed = parsed[0]
    return _read(parsed) if isinstance(parsed, dict) else _Report(text[:_SHOWN])


def _read(answer: Mapping[object, object]) -> _Report:
    """OpenAI's form, `{"error": {"message", "type", "code"}}`, or one of those that others made of it."""
    error = answer.get("error") or answer
    if not isinstance(error, Mapping):
        return _Report(str(error)[:_SHOWN])
    message = next((error[name] for name in ("message", "detail", "msg") if error.get(name)), "")
    return _Report(str(message)[:_SHOWN], _word(error.get("code")), _word(error.get("type")))


def _word(value: object) -> str:
    return str(value)[:100] if isinstance(value, str | int) else ""
