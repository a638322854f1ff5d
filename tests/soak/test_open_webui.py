"""Open WebUI in a real browser before a served agent: what somebody types there, and what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.child import Child
from tests.servers.chromium import Page, chromium_browser, page_of
from tests.servers.open_webui import open_webui
from tests.support.client_scene import PIXEL, ClientScene, client_scene
from tests.support.client_table import shows
from tests.support.interface_scene import InterfaceScene, interface_scene

pytestmark = [pytest.mark.timeout(900), pytest.mark.needs("open_webui"), pytest.mark.needs("chromium")]

QUESTION = "I live in Rome. What is 2 + 3?"
FIELD = "#chat-input"
NO_NEWS = """fetch('/api/v1/users/user/settings/update', {
    method: 'POST',
    headers: {authorization: `Bearer ${localStorage.token}`, 'content-type': 'application/json'},
    body: JSON.stringify({ui: {showChangelog: false}}),
}).then(answer => answer.ok)"""
USER = """fetch('/api/v1/auths/', {headers: {authorization: `Bearer ${localStorage.token}`}})
    .then(answer => answer.json()).then(user => user.id)"""
THOUGHT = "[...document.querySelectorAll('*')].findLast(one => one.innerText?.startsWith('Thought for'))"


@pytest.fixture(scope="module")
def scene() -> Iterator[ClientScene]:
    with client_scene("reasoning") as made:
        yield made


@pytest.fixture(scope="module")
def site(scene: ClientScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with open_webui(tmp_path_factory.mktemp("open-webui"), scene.url, "unused") as site:
        yield site


@pytest.fixture
async def page(site: Child, tmp_path: Path) -> AsyncIterator[Page]:
    async with chat_page(site, tmp_path) as page:
        yield page


@asynccontextmanager
async def chat_page(site: Child, folder: Path) -> AsyncIterator[Page]:
    """A new chat in a browser of its own, over which no news are laid."""
    with chromium_browser(folder) as browser:
        async with page_of(browser) as page:
            await page.open(site.url)
            await page.until(f"!!document.querySelector('{FIELD}') && !!localStorage.token")
            await page.until(NO_NEWS)
            await page.open(site.url)
            await page.until(f"!!document.querySelector('{FIELD}')")
            yield page


async def shown(page: Page, text: str) -> None:
    """Wait until the page shows this."""
    await page.until(f"document.body.innerText.includes({json.dumps(text)})")


@pytest.fixture
def interface() -> Iterator[InterfaceScene]:
    """An agent that knows by the key of Open WebUI whose runs it begins."""
    with interface_scene() as made:
        yield made


async def test_one_message_is_one_run_of_its_user(interface: InterfaceScene, tmp_path: Path) -> None:
    folder = tmp_path / "open-webui"
    folder.mkdir()
    with open_webui(folder, interface.address, interface.key) as site:
        async with chat_page(site, tmp_path) as page:
            await page.type(FIELD, QUESTION)
            await shown(page, "It is 5.")
            await page.until("document.title.includes('Sums')")
            await asyncio.to_thread(interface.wait_for, 5)  # Two turns of the agent; a title, tags and follow-ups.
            user = str(await page.value(USER))
            chat = str(await page.value("location.pathname.split('/').at(-1)"))

    assert interface.added == [5]
    assert await interface.history(user) == [(chat, QUESTION)]
    assert await interface.remembered() == [QUESTION]
    asked = interface.model.requests
    plain = [request for request in asked if str(request.messages[-1].content).startswith("### Task:")]
    assert [(len(request.tools), len(request.messages)) for request in plain] == [(0, 1)] * 3
    assert {len(request.tools) for request in asked} == {0, 1}, "Open WebUI's own tools are switched off"


@shows("open webui", "text")
async def test_a_conversation(page: Page) -> None:
    await page.type(FIELD, "Hello")
    await shown(page, "You said Hello.")
    await page.type(FIELD, "Bye")
    await shown(page, "You said Bye.")


@shows("open webui", "reasoning", "tools")
@pytest.mark.parametrize(
    ("question", "answer", "thought"), [("think", "So be it.", "Hm. Yes."), ("add", "It is 5.", "add")]
)
async def test_what_the_agent_thinks_and_does_is_behind_a_line(
    page: Page, question: str, answer: str, thought: str
) -> None:
    await page.type(FIELD, question)
    await shown(page, answer)
    await page.until(f"!!{THOUGHT}")
    await page.value(f"{THOUGHT}.click()")
    await page.until(
        f"document.querySelector('#messages-container').innerText.split('Thought for')[1].includes('{thought}')"
    )


@shows("open webui", "stop")
async def test_an_answer_is_seen_as_it_comes_and_can_be_stopped(page: Page, scene: ClientScene) -> None:
    await page.type(FIELD, "wait")
    await shown(page, "Well,")
    await page.click("button[aria-label=Stop]")
    assert scene.stopped()


@shows("open webui", "error")
async def test_an_error_in_mid_stream_is_told_below_the_text_before_it(page: Page) -> None:
    await page.type(FIELD, "break")
    await shown(page, "I was about")
    await shown(page, "The line is dead.")


@shows("open webui", "image")
async def test_an_image(page: Page, tmp_path: Path) -> None:
    image = tmp_path / "pixel.png"
    image.write_bytes(base64.b64decode(PIXEL.partition(",")[2]))
    await page.choose_file("input[type=file]", image)
    await page.until("!!document.querySelector('form img')")
    await page.type(FIELD, "What is it?")
    await shown(page, "Images: 1.")


@shows("open webui", "approval")
async def test_an_approval_in_words(page: Page, scene: ClientScene) -> None:
    await page.type(FIELD, "pay")
    await shown(page, "with the ID that stands above.")
    found = re.search(r"ID\s+([0-9a-f]{32})", str(await page.value("document.body.innerText")))
    assert found is not None
    assert scene.paid == []
    await page.type(FIELD, f"approve {found[1]}")
    await shown(page, "It is 5 paid.")
    assert scene.paid == [5]
