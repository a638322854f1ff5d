"""Logins at MCP servers from a terminal: one command logs in, the others use what it got."""

from __future__ import annotations

import logging
import os

from lightagent.adapters.mcp.sdk.loopback_logins import LoopbackLogins
from lightagent.domain.mcp import McpServer
from lightagent.domain.mcp_exchange import LoginAnswer
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.console import err
from lightagent.ports.mcp import Logins
from lightagent.settings import Settings
from lightagent.settings.origins import printable
from lightagent.settings.trust_store import TrustStore


def terminal_logins() -> Logins:
    """Shows the address of the login page, and waits for the user to come back from it."""
    return LoopbackLogins(_folder(), _show)


def kept_logins() -> Logins:
    """What earlier logins got; a server that wants another one is told of instead."""
    return _KeptLogins(_folder(), _show)


def logins_for(server: McpServer, logins: Logins) -> Logins | None:
    """The logins, where the server may want one."""
    return logins if server.may_want_login else None


def app_logins(settings: Settings) -> Logins | None:
    """What earlier logins got, where the settings have servers."""
    return kept_logins() if settings.mcp or settings.tools.mcp_file else None


class _KeptLogins(LoopbackLogins):
    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        raise PermissionError(f"it wants a login; type: lightagent mcp login {server}")


def _folder() -> str:
    """Beside the records of trusted files, private as they are."""
    # A failed login is told once, by the command; without a handler the SDK's own traceback goes to the terminal.
    logging.getLogger("mcp.client.auth").addHandler(logging.NullHandler())
    return str(TrustStore(os.environ).folder.with_name("mcp-logins"))


def _show(address: str) -> None:
    console = err()
    console.print("Open this page in a browser of this machine, and log in:", markup=False)
    console.print(printable(address), markup=False)
