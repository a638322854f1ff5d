"""The errors of requests to a provider: what happened, and what to do."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Literal

from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject

_LARGEST = 64 * 1024
"""Characters of an answer that an error carries until its credentials are masked, after which it is cut."""


def fault(
    message: str,
    code: ErrorCode,
    *,
    guidance: str | None = None,
    retryable: bool | None = None,
    details: JsonObject | None = None,
    retry_after: float | None = None,
) -> ProviderError:
    """Return a `ProviderError` with these attributes."""
    error = ProviderError(message, code=code, guidance=guidance, retryable=retryable, details=details)
    error.retry_after = retry_after
    return error


def malformed(what: str, found: object) -> ProviderError:
    """The answer does not follow the protocol."""
    return fault(f"The provider sent {what}.", "LA-500", details={"found": repr(found)[:_LARGEST]})


def no_choices() -> ProviderError:
    """The answer has no choices."""
    return fault("The provider's answer has no choices.", "LA-500")


def no_text_or_calls() -> ProviderError:
    """The answer has neither text nor calls, and would otherwise count as a success."""
    return fault(
        "The provider's answer has neither text nor tool calls.",
        "LA-500",
        guidance="Try again. If the model reasons first, raise max_tokens so that the answer fits after the reasoning.",
    )


def calls_missing() -> ProviderError:
    """The finish reason is `tool_calls`, but no call came."""
    return fault(
        "The provider ended the answer with finish_reason 'tool_calls', but sent no tool call.",
        "LA-500",
        guidance="Try again. If it happens often, check the server's tool parser: it may not fit this model.",
    )


def unknown_finish_reason(word: str) -> ProviderError:
    """An unknown finish reason may mean that a part of the answer is missing."""
    return fault(
        f"The provider ended the answer with the unknown finish reason {word!r}, so it may be incomplete.",
        "LA-500",
        guidance="Look the word up in the provider's documentation, and please report it to lightagent.",
        retryable=False,
        details={"finish_reason": word},
    )


def broken_off(word: str, code: ErrorCode, *, retryable: bool) -> ProviderError:
    """The finish reason says that the server gave up."""
    return fault(
        f"The provider stopped the answer with the finish reason {word!r}.",
        code,
        guidance="Try again." if retryable else "Change the request, or use another endpoint.",
        retryable=retryable,
        details={"finish_reason": word},
    )


def empty_answer() -> ProviderError:
    """The body has no bytes."""
    return fault("The provider's answer was empty.", "LA-500")


def truncated() -> ProviderError:
    """The stream ended without a finish reason."""
    return fault("The stream ended before the answer was complete.", "LA-503", guidance="Try again.")


def web_page() -> ProviderError:
    """The answer is HTML, such as a login page or the page of a proxy."""
    return fault(
        "The endpoint answered with a web page, not with JSON.",
        "LA-404",
        guidance="Check base_url; most base URLs end in /v1.",
        retryable=False,
    )


def too_large(limit: int) -> ProviderError:
    """The answer exceeds max_response_bytes."""
    return fault(
        f"The answer is larger than {limit} bytes.", "LA-413", guidance="Lower max_tokens or raise max_response_bytes."
    )


def took_too_long(seconds: float) -> ProviderError:
    """The timeout of the whole attempt elapsed."""
    return fault(f"The provider did not finish within {seconds:g} s.", "LA-408")


def idle_too_long(seconds: float) -> ProviderError:
    """The idle timeout elapsed."""
    return fault(
        f"The provider sent nothing for {seconds:g} s.", "LA-408", guidance="Try again, or raise idle_timeout=."
    )


def no_connection_in_time(host: str, seconds: float) -> ProviderError:
    """The connect timeout elapsed."""
    return fault(f"No connection to {host} within {seconds:g} s.", "LA-408", guidance="Check the network and base_url.")


def unreachable(host: str, reason: str) -> ProviderError:
    """The connection was refused, reset, or broke."""
    return fault(f"The connection to {host} failed: {reason}", "LA-503")


def refused_connection(host: str, reason: str) -> ProviderError:
    """The connection was refused or could not be made."""
    return fault(
        f"The connection to {host} failed: {reason}",
        "LA-503",
        guidance="Start the server, or correct base_url (by default OPENAI_BASE_URL).",
        details={"unreached": "refused"},
    )


def unknown_host(host: str) -> ProviderError:
    """The host name does not resolve."""
    return fault(
        f"No such host: {host}.",
        "LA-503",
        guidance="Check the network and the host in base_url (by default OPENAI_BASE_URL).",
        details={"unreached": "unresolved"},
    )


def connection_failed(exc: BaseException, host: str, reason: str) -> ProviderError:
    """Return the error for a connection that could not be made or broke, depending on its chain of causes."""
    match how_unreached(exc):
        case "refused":
            return refused_connection(host, reason)
        case "unresolved":
            return unknown_host(host)
        case None:
            return unreachable(host, reason)


def how_unreached(exc: BaseException) -> Literal["refused", "unresolved"] | None:
    """Return why no server was reached at all, or None if the request may have reached one."""
    for cause in _chain(exc):
        if isinstance(cause, socket.gaierror):
            return "unresolved"
        if isinstance(cause, ConnectionRefusedError) or getattr(cause, "errno", None) == errno.ECONNREFUSED:
            return "refused"
    return None


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield the exception and its causes, one at each step; aiohttp keeps its cause in `os_error`."""
    seen: set[int] = set()
    found: object = exc
    while isinstance(found, BaseException) and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = getattr(found, "os_error", None) or found.__cause__ or found.__context__


def bad_certificate(host: str, reason: str) -> ProviderError:
    """The certificate of the server could not be verified."""
    return fault(
        f"The certificate of {host} is not trusted: {reason}",
        "LA-503",
        guidance="Add its authority to the machine's trust store, or check base_url.",
        retryable=False,
    )


def moved(status: int, target: str) -> ProviderError:
    """Redirects are not followed: that would send the key and the conversation to a place that is not configured."""
    return fault(
        f"The endpoint redirects (HTTP {status}) to {target or 'an unnamed place'}.",
        "LA-404",
        guidance="Set base_url to the target of the redirect.",
        retryable=False,
        details={"status": status},
    )
