"""Chromium without a window, driven by its own DevTools protocol: what a person does on a page, and what it shows."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path

import aiohttp

from tests.servers.child import Child, ServerError, free_port, running
from tests.servers.json_values import Json, JsonObject, as_list, as_object
from tests.servers.polling import ticks

TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 60.0
SECONDS = 60.0
"""For what a page does: a busy machine takes its time."""

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # Root has none.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


class Page:
    """The only page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def open(self, url: str) -> None:
        """Go to an address, and wait until what was there before is gone."""
        await self.value("window.isLeft = true")
        await self.call("Page.navigate", url=url)
        await self.until("!window.isLeft && document.readyState === 'complete'")

    async def call(self, method: str, **params: Json) -> JsonObject:
        """A method of the DevTools protocol, and its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(SECONDS):
            async for message in self._socket:
                told = as_object(json.loads(message.data))
                if told.get("id") == number:
                    if "error" in told:
                        raise ServerError(f"chromium refused {method}: {told['error']}")
                    return as_object(told["result"])
        raise ServerError(f"chromium closed the connection during {method}")

    async def value(self, expression: str) -> Json:
        """What an expression of JavaScript gives on the page."""
        told = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise ServerError(f"{expression} failed on the page: {told['exceptionDetails']}")
        return as_object(told["result"]).get("value")

    async def until(self, expression: str) -> Json:
        """Wait until an expression gives something true, which is returned."""
        for pause in ticks(SECONDS):
            with suppress(ServerError):  # A page that is just being left answers nothing.
                if found := await self.value(expression):
                    return found
            await asyncio.sleep(pause)
        shown = await self.value("document.body.innerText")
        raise ServerError(f"{expression} was not true within {SECONDS:g} s on a page that shows:\n{shown}")

    async def type(self, selector: str, text: str) -> None:
        """Type a line into a field, and press Enter."""
        found = json.dumps(selector)
        await self.until(f"!!document.querySelector({found}) && !document.querySelector({found}).disabled")
        await self.value(f"document.querySelector({found}).focus()")
        await self.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
            )

    async def click(self, selector: str) -> None:
        """Click on an element once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"!!{found}")
        await self.value(f"{found}.click()")

    async def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in a field for files."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"!!{found}")
        field = as_object((await self.call("Runtime.evaluate", expression=found))["result"])
        await self.call("DOM.setFileInputFiles", objectId=field["objectId"], files=[str(path)])


@contextmanager
def chromium_browser(folder: Path) -> Iterator[Child]:
    """A browser that ends with the block.

    Args:
        folder: where it keeps its things.
    """
    port = free_port()
    command = [sys.executable, str(TIED), str(port), "chromium", *OPTIONS]
    command += [f"--remote-debugging-port={port}", f"--user-data-dir={folder / 'profile'}", "about:blank"]
    log = folder / "chromium.log"
    with running("chromium", command, log=log, start_seconds=START_SECONDS) as child:
        yield child


@asynccontextmanager
async def page_of(browser: Child) -> AsyncIterator[Page]:
    """The page of a browser that has just been started."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{browser.url}/json/list") as answer:
            pages = [as_object(one) for one in as_list(await answer.json())]
        address = next(str(one["webSocketDebuggerUrl"]) for one in pages if one["type"] == "page")
        async with session.ws_connect(address, max_msg_size=0) as socket:
            yield Page(socket)
