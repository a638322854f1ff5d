"""Notifies a URL of calls that wait for a decision."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.requests import ApprovalRequest

_ATTEMPTS: Final = 2
_SECONDS: Final = 2.0


class WebhookError(Exception):
    """The server did not accept the notice."""


class Webhook:
    """Sends review requests to a URL, as JSON without the arguments; reviewers read those in the store.

    Args:
        url: http or https. It is the program's own, so redirections are not followed.

    Raises:
        ConfigurationError: `url` is not an http or https URL.
    """

    name = "webhook"

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port  # Reading either raises where it is not valid.
            usable = parts.scheme in ("http", "https") and bool(host)
        except ValueError:
            usable = False
        if not usable:
            raise ConfigurationError("webhook must be a URL that begins with http:// or https://.", guidance="")
        self._url = url

    async def __call__(self, request: ApprovalRequest) -> None:
        """Send one request; once more if the server cannot be reached.

        Raises:
            WebhookError: it was not taken.
        """
        import aiohttp  # Importing it takes a tenth of a second, and most programs have no webhook.

        body = encode_json(notice_of(request))
        # A request that expired or was revoked is repeated in the same round and needs a new notice.
        key = f"{request.request_id}:{request.round}:{request.created_at:.3f}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS)) as session:
            for attempt in range(_ATTEMPTS):
                try:
                    async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                        if response.status < 300:
                            return
                        raise WebhookError(f"The server answered with {response.status}.")
                except (TimeoutError, aiohttp.ClientError) as error:
                    if attempt == _ATTEMPTS - 1:
                        raise WebhookError("The server could not be reached.") from error


def notice_of(request: ApprovalRequest) -> JsonObject:
    """Return the notice: enough to find the request, without the arguments of the tool."""
    return {
        "type": "approval_requested",
        "request_id": request.request_id,
        "tool_name": request.tool_name,
        "agents": list(request.agents),
        "run_id": request.run_id,
        "trace_id": request.trace_id,
        "call_id": request.call_id,
        "tenant": request.tenant,
        "user_id": request.user_id,
        "session_id": request.session_id,
        "created_at": request.created_at,
        "expires_at": request.expires_at,
    }
