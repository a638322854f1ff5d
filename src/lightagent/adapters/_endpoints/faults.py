"""What can go wrong with an answer, as typed errors that say what happened and what to do."""

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
    """A `ProviderError` with all that is known."""
    error = ProviderError(message, code=code, guidance=guidance, retryable=retryable, details=details)
    error.retry_after = retry_after
    return error


def malformed(what: str, found: object) -> ProviderError:
    """The answer is not what the protocol says."""
    return fault(f"The provider sent {what}.", "LA-500", details={"found": repr(found)[:_LARGEST]})


def no_choices() -> ProviderError:
    """An answer without an answer in it."""
    return fault("The provider answered without any choice.", "LA-500")


def no_text_or_calls() -> ProviderError:
    """An answer of neither text nor calls, which would pass for a success without content."""
    return fault(
        "The provider's answer is empty: neither text nor a call.",
        "LA-500",
        guidance="Try again. A model that has to think needs a max_tokens with room for the answer after it.",
    )


def calls_missing() -> ProviderError:
    """The finish reason says that tools are to be called, and no call came."""
    return fault(
        "The provider ended the answer with 'tool_calls', but sent no call.",
        "LA-500",
        guidance="Try again. If it happens often, the server cannot parse the calls of this model: check its settings.",
    )


def unknown_finish_reason(word: str) -> ProviderError:
    """A finish reason that may mean anything, also that half of the answer is missing."""
    return fault(
        f"The provider ended the answer with {word!r}, which is not known to mean that it is whole.",
        "LA-500",
        guidance="Look the word up in the provider's documentation, and please report it to lightagent.",
        retryable=False,
        details={"finish_reason": word},
    )


def broken_off(word: str, code: ErrorCode, *, retryable: bool) -> ProviderError:
    """A finish reason that says that the server gave the answer up."""
    return fault(
        f"The provider broke the answer off with the finish reason {word!r}.",
        code,
        guidance="Try again." if retryable else "Change the request, or use another endpoint.",
        retryable=retryable,
        details={"finish_reason": word},
    )


def empty_answer() -> ProviderError:
    """Not a byte."""
    return fault("The provider's answer was empty.", "LA-500")


def truncated() -> ProviderError:
    """The stream ended before the model did."""
    return fault("The stream broke off before the answer was whole.", "LA-503", guidance="Try again.")


def web_page() -> ProviderError:
    """A login page, a start page, the page of a proxy."""
    return fault(
        "The endpoint answered with a web page, not with JSON.",
        "LA-404",
        guidance="Check base_url; most base URLs end in /v1.",
        retryable=False,
    )


def too_large(limit: int) -> ProviderError:
    """More than anybody asked for."""
    return fault(
        f"The answer is larger than {limit} bytes.", "LA-413", guidance="Lower max_tokens or raise max_response_bytes."
    )


def took_too_long(seconds: float) -> ProviderError:
    """The attempt as a whole."""
    return fault(f"The provider did not finish within {seconds:g} s.", "LA-408")


def idle_too_long(seconds: float) -> ProviderError:
    """Not a byte for so long."""
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
        guidance="Nobody listens there: start the server, or correct base_url (by default OPENAI_BASE_URL).",
        details={"unreached": "refused"},
    )


def unknown_host(host: str) -> ProviderError:
    """No such name."""
    return fault(
        f"No such host: {host}.",
        "LA-503",
        guidance="Check the network and the host in base_url (by default OPENAI_BASE_URL).",
        details={"unreached": "unresolved"},
    )


def connection_failed(exc: BaseException, host: str, reason: str) -> ProviderError:
    """No connection came about, or it broke: what kind of failure that is shows somewhere in the chain of causes."""
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
    """The exception and what is behind it, one way at each step; `os_error` is where aiohttp keeps it."""
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
    """A redirect; following it would carry the key and the conversation to a place that was not configured."""
    return fault(
        f"The endpoint redirects (HTTP {status}) to {target or 'nowhere'}.",
        "LA-404",
        guidance="Set base_url to the place it leads to.",
        retryable=False,
        details={"status": status},
    )
