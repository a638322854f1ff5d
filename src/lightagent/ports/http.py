"""The port to servers of others that are called over HTTP."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lightagent.domain.http_calls import HttpAnswer, HttpCall


@runtime_checkable
class HttpSender(Protocol):
    """Sends requests to servers that others name, and lets none of them lead behind the program's own walls."""

    async def send(self, call: HttpCall) -> HttpAnswer:
        """Send one request, and follow redirections of requests that change nothing.

        The address that was looked up and allowed is the one that is connected to. Each redirection is looked at like
        the first address, and to another server no header of the call goes.

        Raises:
            HttpFault: no answer arrived; the class says what may have happened.
        """
        ...
