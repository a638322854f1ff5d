"""Translates LiteLLM's exceptions to typed errors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lightagent.adapters._endpoints.credentials import Credentials
from lightagent.adapters._endpoints.error_bodies import Report, read_body, read_report
from lightagent.adapters._endpoints.faults import how_unreached
from lightagent.adapters._endpoints.reported_errors import error_of
from lightagent.adapters._endpoints.retry_after import pause
from lightagent.domain.error_codes import ERROR_TAXONOMY, ErrorCode
from lightagent.domain.error_mapping import code_for_status
from lightagent.domain.errors import LightAgentError, ProviderError
from lightagent.domain.json_types import JsonObject

_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Timeout|Exception)\s*[:-]\s*)+(?:\w+Exception - )?")
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n?")
# Texts of the openai SDK 3 and 2; LiteLLM gives these errors the status 500.
_KEYLESS = re.compile(r"Missing credentials\.|api_key client option must be set")
_UNREACHABLE = re.compile(r"APIConnectionError|Connection error|ConnectError|ConnectionError|Cannot connect")


def translated(exc: Exception, credentials: Credentials) -> Exception:
    """Return LiteLLM's exception as a `ProviderError` without credentials; others are returned unchanged."""
    if isinstance(exc, LightAgentError):
        return credentials.without(exc)
    if isinstance(getattr(exc, "status_code", None), int) or isinstance(exc, OSError):
        return credentials.without(provider_error(exc))
    return credentials.without(exc)


def provider_error(exc: Exception) -> ProviderError:
    """Return the error for an exception of LiteLLM, by its status."""
    found = getattr(exc, "status_code", None)
    status = found if isinstance(found, int) else None
    details: JsonObject = {"exception": type(exc).__name__}
    if status is not None:
        details["status"] = status
    if (how := how_unreached(exc)) is not None:
        details["unreached"] = how
    message = _first_line(str(exc)) or type(exc).__name__
    report, code = _report(exc, message), _code(exc, status)
    wait = pause(_headers(exc), report.body, message)
    passing = ERROR_TAXONOMY[code].retryable
    return error_of(message, report, status, code, passing=passing, details=details, wait=wait)


def _first_line(text: str) -> str:
    """Return the first meaningful line: the one before a traceback, or else the exception at its end."""
    before, *after = _TRACEBACK.split(text)
    lines = [line for line in _PREFIX.sub("", before.lstrip()).splitlines() if line.strip()]
    # The frames of a traceback are indented.
    lines += [line for part in after for line in part.splitlines() if line.strip() and not line.startswith(" ")]
    return lines[0].strip() if lines else ""


def _report(exc: Exception, message: str) -> Report:
    """Return the provider's own report, which LiteLLM keeps or quotes, with the name of the exception as a code."""
    body: object = getattr(exc, "body", None)
    quoted = message.find("{")
    if isinstance(body, Mapping) and body:
        report = read_report(body if "error" in body else {"error": body})
    else:
        report = read_body(message[quoted:].encode("utf-8", "replace")) if quoted >= 0 else Report("")
    words = ("content_policy_violation",) if "ContentPolicy" in type(exc).__name__ else ()
    return Report(message, report.code, report.type, (*words, *report.words), report.body)


def _code(exc: Exception, status: int | None) -> ErrorCode:
    if "ContextWindow" in type(exc).__name__:
        return "LA-413"
    if isinstance(exc, TimeoutError):
        return "LA-408"
    if status == 500 and _KEYLESS.search(str(exc)):
        return "LA-401"
    # LiteLLM gives a failed connection the status 500.
    if isinstance(exc, OSError) or (status in (500, 503) and _UNREACHABLE.search(f"{type(exc).__name__}: {exc}")):
        return "LA-503"
    return code_for_status(status) if status is not None else "LA-500"


def _headers(exc: Exception) -> Mapping[str, str]:
    for holder in (exc, getattr(exc, "response", None)):
        for name in ("litellm_response_headers", "headers"):
            headers = getattr(holder, name, None)
            if isinstance(headers, Mapping) and headers:
                return {str(key).lower(): str(value) for key, value in headers.items()}
    return {}
