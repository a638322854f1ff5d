"""Logins in the browser of this machine: the answer of the page is returned, and tokens are kept for their user."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from lightagent.adapters.mcp.sdk.loopback_logins import LoopbackLogins
from lightagent.domain.scopes import Scope
from tests.servers.child import free_port
from tests.servers.leaks import LeakCheck

ANN, BOB = Scope(user="ann"), Scope(user="bob")


async def browse(port: int, target: str) -> str:
    """What the page says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_the_code_comes_back_from_the_page(leaks: LeakCheck, tmp_path: Path) -> None:
    port = free_port()
    shown: asyncio.Queue[str] = asyncio.Queue()
    logins = LoopbackLogins(tmp_path, shown.put_nowait, port=port)
    login = asyncio.create_task(logins.log_in("shop", ANN, "https://login.example/?state=s"))
    assert await shown.get() == "https://login.example/?state=s"
    assert "404" in await browse(port, "/favicon.ico")
    assert "close this page" in await browse(port, "/callback?code=c%20d&state=s&iss=https%3A%2F%2Flogin.example")
    answer = await login
    assert (answer.code, answer.state, answer.issuer) == ("c d", "s", "https://login.example")
    assert logins.redirect_uri == f"http://127.0.0.1:{port}/callback"


async def test_a_refusal_and_a_user_who_does_not_come_back_end_the_login(leaks: LeakCheck, tmp_path: Path) -> None:
    port = free_port()
    shown: asyncio.Queue[str] = asyncio.Queue()
    logins = LoopbackLogins(tmp_path, shown.put_nowait, port=port)
    login = asyncio.create_task(logins.log_in("shop", ANN, "https://login.example/"))
    await shown.get()
    await browse(port, "/callback?error=access_denied&error_description=not+today")
    with pytest.raises(PermissionError, match="not today"):
        await login
    with pytest.raises(TimeoutError):
        await LoopbackLogins(tmp_path, shown.put_nowait, port=port, seconds=0.1).log_in("shop", ANN, "https://x/")


async def test_tokens_are_kept_for_their_user_alone(leaks: LeakCheck, tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    logins = LoopbackLogins(folder, print)
    assert await logins.load("shop", ANN) is None
    await logins.save("shop", ANN, {"tokens": {"access_token": "of ann"}})
    await logins.save("shop", BOB, {"tokens": {"access_token": "of bob"}})
    await logins.save("other", ANN, {})
    again = LoopbackLogins(folder, print)
    assert await again.load("shop", ANN) == {"tokens": {"access_token": "of ann"}}
    assert await again.load("shop", BOB) == {"tokens": {"access_token": "of bob"}}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
