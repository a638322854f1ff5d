"""LiteLLM's exceptions as typed errors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lightagent.adapters.chat._credentials import Credentials
from lightagent.adapters.chat.openai.faults import fault
from lightagent.adapters.chat.openai.reported_errors import retry_after
from lightagent.domain.error_mapping import code_for_status
from lightagent.domain.errors import LightAgentError, ProviderError
from lightagent.domain.json_types import JsonObject

_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Timeout|Exception)\s*[:-]\s*)+(?:\w+Exception - )?")
_UNREACHABLE = re.compile(r"APIConnectionError|Connection error|ConnectError|ConnectionError|Cannot connect")


def translated(exc: Exception, credentials: Credentials) -> Exception:
    """What litellm raised, as a `ProviderError` without a credential; what is a fault of ours stays one."""
    if isinstance(exc, LightAgentError):
        return credentials.without(exc)
    if isinstance(getattr(exc, "status_code", None), int) or isinstance(exc, OSError):
        return credentials.without(provider_error(exc))
    return credentials.without(exc)


def provider_error(exc: Exception) -> ProviderError:
    """What an exception of litellm means, by its status."""
    status = getattr(exc, "status_code", None)
    details: JsonObject = {"exception": type(exc).__name__}
    if isinstance(status, int):
        details["status"] = status
    wait = retry_after(_headers(exc))
    if wait is not None:
        details["retry_after"] = wait
    message = _PREFIX.sub("", str(exc).partition("\n")[0])
    return fault(message, _code(exc, status), details=details, retry_after=wait)


def _code(exc: Exception, status: object) -> str:
    if "ContextWindow" in type(exc).__name__:
        return "LA-413"
    if isinstance(exc, TimeoutError):
        return "LA-408"
    # Litellm gives a connection that failed the status 500.
    if isinstance(exc, OSError) or (status in (500, 503) and _UNREACHABLE.search(f"{type(exc).__name__}: {exc}")):
        return "LA-503"
    return code_for_status(status) if isinstance(status, int) else "LA-500"


def _headers(exc: Exception) -> Mapping[str, str]:
    for holder in (exc, getattr(exc, "response", None)):
        for name in ("litellm_response_headers", "headers"):
            headers = getattr(holder, name, None)
            if isinstance(headers, Mapping) and headers:
                return {str(key).lower(): str(value) for key, value in headers.items()}
    return {}
