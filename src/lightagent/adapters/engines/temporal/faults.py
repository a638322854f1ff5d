"""What goes wrong between an engine and its server, in words that say what to do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from temporalio.service import RPCError, RPCStatusCode

from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.secrets.masking import mask_named

_AWAY: Final = frozenset((RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED))
_NOT_LET_IN: Final = frozenset((RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED))


@contextmanager
def told_errors(address: str, namespace: str) -> Generator[None]:
    """Within it, errors of the SDK become those of the port.

    Raises:
        StoreError: the server does not answer, or failed.
        ConfigurationError: the server does not know the namespace, or rejects the key.
    """
    try:
        yield
    except RPCError as error:
        raise fault(error, address, namespace) from None


def fault(error: RPCError, address: str, namespace: str) -> LightAgentError:
    """An answer of the server that is an error."""
    said = mask_named(error.message)
    if error.status is RPCStatusCode.NOT_FOUND and "amespace" in error.message:
        return ConfigurationError(
            f"The Temporal server at {address} has no namespace {namespace!r:.100}.",
            guidance=f"Type: temporal operator namespace create --namespace {namespace} --address {address}",
        )
    if error.status in _NOT_LET_IN:
        return ConfigurationError(
            f"The Temporal server at {address} does not let this client in: {said}",
            guidance="Check api_key, tls and the certificates of the engine, and what the key may do in the namespace.",
        )
    if error.status in _AWAY:
        return unreachable(address, said)
    if is_too_large(error):
        return ConfigurationError(
            f"The Temporal server refuses what it was sent as too large: {said}",
            guidance="Keep large values elsewhere, and give the flow their names.",
        )
    return StoreError(f"The Temporal server at {address} could not do it: {said}", guidance="See its log.")


def unreachable(address: str, said: str) -> StoreError:
    """The server does not answer."""
    return StoreError(
        f"The Temporal server at {address} does not answer: {mask_named(said)}",
        guidance="Start it, or check address and tls of the engine and the network. For a try: temporal server "
        "start-dev",
        retryable=True,
    )


def is_away(error: RPCError) -> bool:
    """Whether the server may only be away for a while."""
    return error.status in _AWAY


def is_no_run(error: RPCError) -> bool:
    """Whether the server has no such workflow."""
    return error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message


def is_too_large(error: RPCError) -> bool:
    """Whether the server refused a payload for its size."""
    said = error.message.lower()
    return "size" in said and ("exceed" in said or "larger" in said or "too large" in said)
