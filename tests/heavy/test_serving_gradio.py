"""Gradio's chat page over a served agent, in a real browser: what somebody types, and what they then see."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.servers.child import Child
from tests.servers.chromium import Page, chromium_browser, page_of
from tests.servers.gradio_page import gradio_page
from tests.support.client_scene import PIXEL, ClientScene, client_scene
from tests.support.client_table import shows

pytestmark = [pytest.mark.timeout(300), pytest.mark.needs("gradio"), pytest.mark.needs("chromium")]

FIELD = "textarea"
STOP = "button[aria-label=Stop]"
ANSWERS = "[...document.querySelectorAll('[data-testid=bot]')].map(one => one.innerText)"


@pytest.fixture(scope="module")
def scene() -> Iterator[ClientScene]:
    with client_scene() as made:
        yield made


@pytest.fixture(scope="module")
def site(scene: ClientScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with gradio_page(tmp_path_factory.mktemp("gradio"), scene.url, "helper") as page:
        yield page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with chromium_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
async def page(site: Child, browser: Child) -> AsyncIterator[Page]:
    """The chat page, before anything was said."""
    async with page_of(browser) as page:
        await page.open(site.url)
        yield page


async def shown(page: Page, text: str) -> str:
    """The last answer on the page, once one holds this."""
    return str(await page.until(f"{ANSWERS}.filter(one => one.includes({json.dumps(text)})).at(-1)"))


@shows("gradio", "text")
async def test_a_conversation(page: Page) -> None:
    await page.type(FIELD, "Hello")
    await shown(page, "You said Hello.")
    await page.type(FIELD, "Bye")
    await shown(page, "You said Bye.")
    assert await page.value(f"{ANSWERS}.length") == 2


async def test_what_the_agent_s_tools_do_is_not_shown(page: Page) -> None:
    await page.type(FIELD, "add")
    await shown(page, "It is 5.")


async def test_an_answer_is_seen_as_it_comes_and_can_be_stopped(page: Page) -> None:
    """That the page shows no more of it: Gradio does not always close the connection then, so the run may go on."""
    await page.type(FIELD, "talk")
    await shown(page, "Well, Well,")
    await page.click(STOP)
    await page.until(f"!document.querySelector('{STOP}')")
    await page.type(FIELD, "Hello")
    await shown(page, "You said Hello.")


@shows("gradio", "error")
async def test_an_error_in_mid_stream_is_told_below_the_text_before_it(page: Page) -> None:
    await page.type(FIELD, "break")
    await page.until("document.body.innerText.includes('The line is dead.')")
    await shown(page, "I was about")


@shows("gradio", "image")
async def test_an_image(page: Page, tmp_path: Path) -> None:
    image = tmp_path / "pixel.png"
    image.write_bytes(base64.b64decode(PIXEL.partition(",")[2]))
    await page.choose_file("input[type=file]", image)
    await page.until("!!document.querySelector('.multimodal-textbox img')")
    await page.type(FIELD, "What is it?")
    await shown(page, "Images: 1.")


@shows("gradio", "approval")
async def test_an_approval_in_words(page: Page, scene: ClientScene) -> None:
    await page.type(FIELD, "pay")
    found = re.search(r"ID ([0-9a-f]{32})", await shown(page, "with the ID that stands above."))
    assert found is not None
    assert scene.paid == []
    await page.type(FIELD, f"approve {found[1]}")
    await shown(page, "It is 5 paid.")
    assert scene.paid == [5]
