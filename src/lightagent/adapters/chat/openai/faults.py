"""What can go wrong with an answer, as typed errors that say what happened and what to do."""

from __future__ import annotations

from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject

_LARGEST = 64 * 1024
"""Characters of an answer that an error carries until its credentials are masked, after which it is cut."""


def fault(
    message: str,
    code: str,
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


def went_silent(seconds: float) -> ProviderError:
    """Not a byte for so long."""
    return fault(
        f"The provider sent nothing for {seconds:g} s.", "LA-408", guidance="Try again, or raise idle_timeout=."
    )


def no_connection_in_time(host: str, seconds: float) -> ProviderError:
    """Nobody answered the door."""
    return fault(f"No connection to {host} within {seconds:g} s.", "LA-408", guidance="Check the network and base_url.")


def unreachable(host: str, reason: str) -> ProviderError:
    """The connection was refused, reset, or broke."""
    return fault(f"The connection to {host} failed: {reason}", "LA-503")


def unknown_host(host: str) -> ProviderError:
    """No such name."""
    return fault(f"No such host: {host}.", "LA-503", guidance="Check the network and the host in base_url.")


def bad_certificate(host: str, reason: str) -> ProviderError:
    """Whoever answered could not prove who they are."""
    return fault(
        f"The certificate of {host} is not trusted: {reason}",
        "LA-503",
        guidance="Add its authority to the machine's trust store, or check base_url.",
        retryable=False,
    )


def moved(status: int, target: str) -> ProviderError:
    """A redirect; following it would carry the key and the conversation to a place nobody named."""
    return fault(
        f"The endpoint redirects (HTTP {status}) to {target or 'nowhere'}.",
        "LA-404",
        guidance="Set base_url to the place it leads to.",
        retryable=False,
        details={"status": status},
    )
