"""Errors that an endpoint reports: by an HTTP status, in a body with status 200, or in the middle of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lightagent.adapters._endpoints.error_bodies import Report, carries_error, read_body, read_report
from lightagent.adapters._endpoints.error_words import Meaning, code_of_words, meaning
from lightagent.adapters._endpoints.faults import fault, moved
from lightagent.adapters._endpoints.retry_after import pause
from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.error_mapping import code_for_status
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject


def status_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an answer with an error status; `body` may be incomplete."""
    if 300 <= status < 400:
        return moved(status, headers.get("location", ""))
    report = read_body(body)
    details: JsonObject = {"status": status}
    if request_id := headers.get("x-request-id"):
        details["request_id"] = request_id
    message = report.message or f"The provider answered HTTP {status} without a reason."
    passing = status in (408, 409, 429) or status >= 500
    wait = pause(headers, report.body, report.message)
    return error_of(message, report, status, code_for_status(status), passing=passing, details=details, wait=wait)


def reported_error(answer: Mapping[object, object]) -> ProviderError | None:
    """Return the error in an answer with status 200 or an event of a stream, or None if there is none."""
    if not carries_error(answer):
        return None
    report = read_report(answer)
    status = report.status
    code = code_of_words(report.words, report.text) if status is None else code_for_status(status)
    passing = code in ("LA-408", "LA-429", "LA-500", "LA-503") or status == 409
    message = report.message or "The provider reported an error without saying which."
    wait = pause({}, report.body, report.message)
    return error_of(message, report, status, code, passing=passing, details={}, wait=wait)


def event_error(data: bytes) -> ProviderError:
    """Return the error in an event named `error`, whose data is an object of any form or a text."""
    text = data.decode("utf-8", "replace").strip()
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        parsed = text
    if isinstance(parsed, dict) and (error := reported_error(parsed)) is not None:
        return error
    return reported_error({"error": parsed}) or fault("The provider reported an error without saying which.", "LA-500")


def withholds(error: ProviderError) -> bool:
    """Whether a reported error means that a content filter withdrew the answer before it."""
    return error.details.get("finish_reason") == "content_filter"


def error_of(
    message: str,
    report: Report,
    status: int | None,
    code: ErrorCode,
    *,
    passing: bool,
    details: JsonObject,
    wait: float | None,
) -> ProviderError:
    """Return the error for a report: by its meaning, or if it has no special one, with `code`."""
    if report.code:
        details["provider_code"] = report.code
    if report.type:
        details["provider_type"] = report.type
    if wait is not None:
        details["retry_after"] = wait
    match meaning(status, report.words, report.text, asks_to_wait=wait is not None):
        case Meaning.TOO_LONG:
            guidance = "Shorten the conversation, or use a model with a larger context."
            return fault(message, "LA-413", guidance=guidance, retryable=False, details=details, retry_after=wait)
        case Meaning.FILTERED:
            details["finish_reason"] = "content_filter"
            guidance = "The provider's content filter refused the prompt. Change the request."
            return fault(message, "LA-403", guidance=guidance, retryable=False, details=details, retry_after=wait)
        case Meaning.NO_BALANCE:
            guidance = "Look at the plan and billing of the account."
            return fault(message, "LA-429", guidance=guidance, retryable=False, details=details, retry_after=wait)
        case Meaning.BAD_CALL:
            details |= _failed_generation(report)
            guidance = "The model's call or JSON was refused by its provider. Try again, or use a stronger model."
            return fault(message, "LA-500", guidance=guidance, retryable=True, details=details, retry_after=wait)
        case None:
            return fault(message, code, retryable=passing, details=details, retry_after=wait)


def _failed_generation(report: Report) -> JsonObject:
    """Return the text that the model wrote, if the provider shows it."""
    error = report.body.get("error") if isinstance(report.body, Mapping) else None
    text = error.get("failed_generation") if isinstance(error, Mapping) else None
    return {"failed_generation": text} if isinstance(text, str) and text else {}
