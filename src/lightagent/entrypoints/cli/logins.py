"""Logins to MCP servers from a terminal: one command logs in, the others use the stored tokens."""

from __future__ import annotations

import logging
import os

from lightagent.adapters.mcp.sdk.loopback_logins import LoopbackLogins
from lightagent.domain.mcp.exchange import LoginAnswer
from lightagent.domain.mcp.servers import McpServer
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.console import err
from lightagent.ports.mcp import Logins
from lightagent.settings import Settings
from lightagent.settings.origins import printable
from lightagent.settings.trust import TrustStore


def terminal_logins() -> Logins:
    """Return logins that print the address of the login page and wait for the user to complete it."""
    return LoopbackLogins(_folder(), _show)


def stored_logins() -> Logins:
    """Return logins that use stored tokens; if a new login is needed, the error names the command for it."""
    return _StoredLogins(_folder(), _show)


def logins_for(server: McpServer, logins: Logins) -> Logins | None:
    """Return the logins if the server may require one, else None."""
    return logins if server.may_want_login else None


def app_logins(settings: Settings) -> Logins | None:
    """Return the logins with stored tokens if the settings name MCP servers, else None."""
    return stored_logins() if settings.mcp or settings.tools.mcp_file else None


class _StoredLogins(LoopbackLogins):
    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        raise PermissionError(f"it requires a login; type: lightagent mcp login {server}")


def _folder() -> str:
    """Return the private directory of stored logins, next to the records of trusted files."""
    # The command reports a failed login itself; without this handler the SDK's traceback would appear as well.
    logging.getLogger("mcp.client.auth").addHandler(logging.NullHandler())
    return str(TrustStore(os.environ).folder.with_name("mcp-logins"))


def _show(address: str) -> None:
    console = err()
    console.print("Open this page in a browser on this machine, and log in:", markup=False)
    console.print(printable(address), markup=False)
