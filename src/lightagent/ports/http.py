"""The port for HTTP calls to third-party servers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lightagent.domain.network.http_calls import HttpAnswer, HttpCall


@runtime_checkable
class HttpSender(Protocol):
    """Sends requests to URLs from untrusted sources, and blocks those that lead into the program's own network."""

    async def send(self, call: HttpCall) -> HttpAnswer:
        """Send one request, and follow redirections of requests that change nothing.

        The connection goes to the same IP address that was resolved and allowed. Each redirection is checked like the
        first address, and the headers of the call are not sent to another server.

        Raises:
            HttpFault: no answer arrived; the class says what may have happened.
        """
        ...
