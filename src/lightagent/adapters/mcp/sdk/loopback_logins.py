"""Logins in the browser of this machine; what users get for them is kept in files that only their owner may read."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter

from lightagent.aiokits.replaced_files import replacing
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import LoginAnswer
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Logins

PORT: Final = 8976
LOGIN_SECONDS: Final = 300.0

_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)
_PAGE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYou may close this page."
_NONE: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LoopbackLogins(Logins):
    """For programs whose user sits at the machine, such as the command line.

    Args:
        folder: where tokens are kept, a file for each server and user.
        show: shows the user the address of a login page.
        port: where the user comes back to. Servers remember it, so it should stay the same.
        seconds: how long the user may take.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        show: Callable[[str], None],
        *,
        port: int = PORT,
        seconds: float = LOGIN_SECONDS,
    ) -> None:
        self._folder = Path(folder)
        self._show = show
        self._port = port
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()

    @property
    def redirect_uri(self) -> str:
        """A page on this machine."""
        return f"http://127.0.0.1:{self._port}/callback"

    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        """Show the address, and wait for the user to come back from it.

        Raises:
            TimeoutError: they do not.
            PermissionError: they come back without a permission; the text says why.
            OSError: the port is taken.
        """
        async with self._one_at_a_time, asyncio.timeout(self._seconds):
            back: asyncio.Future[LoginAnswer] = asyncio.get_running_loop().create_future()
            listener = await asyncio.start_server(partial(_answer, back), "127.0.0.1", self._port)
            try:
                self._show(address)
                return await back
            finally:
                listener.close()
                await listener.wait_closed()

    async def load(self, server: str, scope: Scope) -> JsonObject | None:
        """Return what the file of this server and user holds, or None if the file does not exist."""
        return await asyncio.to_thread(_read, self._file(server, scope))

    async def save(self, server: str, scope: Scope, secrets: JsonObject) -> None:
        """Write the file; only its owner may read it."""
        await asyncio.to_thread(_write, self._file(server, scope), secrets)

    def _file(self, server: str, scope: Scope) -> Path:
        name = sha256(json.dumps([server, scope.tenant, scope.user]).encode()).hexdigest()
        return self._folder / f"{name}.json"


async def _answer(
    back: asyncio.Future[LoginAnswer], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One request of the browser."""
    try:
        target = (await reader.readline()).decode("latin-1").split(" ")[1:2]
        parts = urlsplit(target[0] if target else "")
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        returns = parts.path == "/callback" and bool(given)
        writer.write(_PAGE if returns else _NONE)
        await writer.drain()
        if returns and not back.done():
            _settle(back, given)
    except (OSError, ValueError):
        pass  # It was not an HTTP request.
    finally:
        writer.close()


def _settle(back: asyncio.Future[LoginAnswer], given: dict[str, str]) -> None:
    if "code" in given:
        back.set_result(LoginAnswer(given["code"], given.get("state", ""), given.get("iss", "")))
    else:
        told = given.get("error_description") or given.get("error", "no code came back")
        back.set_exception(PermissionError(f"the login was refused: {told[:300]}"))


def _read(file: Path) -> JsonObject | None:
    try:
        return _OBJECT.validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None  # The user has to log in again.


def _write(file: Path, secrets: JsonObject) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(file) as new:
        new.write(json.dumps(secrets))
