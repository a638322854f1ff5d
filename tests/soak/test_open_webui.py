"""Open WebUI in a real browser before a served agent: what somebody types there, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.child import Child
from tests.servers.chromium import Page, chromium_browser, page_of
from tests.servers.open_webui import open_webui
from tests.support.interface_scene import InterfaceScene, interface_scene

pytestmark = [pytest.mark.timeout(900), pytest.mark.needs("open_webui"), pytest.mark.needs("chromium")]

QUESTION = "I live in Rome. What is 2 + 3?"
FIELD = "#chat-input"
CLOSE_NEWS = """(button => button ? (button.click(), true) : false)(
    [...document.querySelectorAll('button')].find(one => one.innerText.includes('Okay')))"""
USER = """fetch('/api/v1/auths/', {headers: {authorization: `Bearer ${localStorage.token}`}})
    .then(answer => answer.json()).then(user => user.id)"""


@pytest.fixture
def scene() -> Iterator[InterfaceScene]:
    with interface_scene() as made:
        yield made


@pytest.fixture
def site(scene: InterfaceScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with open_webui(tmp_path_factory.mktemp("open-webui"), scene.address, scene.key) as site:
        yield site


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Child]:
    with chromium_browser(tmp_path) as browser:
        yield browser


async def begun(page: Page, site: Child) -> None:
    """The page is there, and its news are put away."""
    await page.open(site.url)
    await page.until(f"!!document.querySelector('{FIELD}')")
    await page.until(CLOSE_NEWS)


async def test_one_message_is_one_run_of_its_user(scene: InterfaceScene, site: Child, browser: Child) -> None:
    async with page_of(browser) as page:
        await begun(page, site)
        await page.type(FIELD, QUESTION)
        await page.until("document.body.innerText.includes('It is 5.')")
        await page.until("document.title.includes('Sums')")
        await asyncio.to_thread(scene.wait_for, 5)  # Two turns of the agent; a title, tags and follow-ups.
        user = str(await page.value(USER))
        chat = str(await page.value("location.pathname.split('/').at(-1)"))

    assert scene.added == [5]
    assert await scene.history(user) == [(chat, QUESTION)]
    assert await scene.remembered() == [QUESTION]
    plain = [request for request in scene.model.requests if str(request.messages[-1].content).startswith("### Task:")]
    assert [(len(request.tools), len(request.messages)) for request in plain] == [(0, 1)] * 3
    assert {len(request.tools) for request in scene.model.requests} == {0, 1}, (
        "tools of Open WebUI's own are switched off"
    )
