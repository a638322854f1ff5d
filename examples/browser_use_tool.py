"""A browser as a tool: browser-use does a task in Chromium, within a time limit, and says what came of it.

    pip install browser-use, and a Chromium or Chrome on this machine
    OPENAI_API_KEY=… python examples/browser_use_tool.py "What does https://example.org say?"

BROWSER_MODEL is the model that looks at the pages (gpt-4.1-mini), CHROMIUM a browser that is not found by itself.
See docs/browser-use.md.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec

from lightagent import LightAgent, ToolError, tool

# Before the package is imported: it sends usage data and sets up logging unless told otherwise.
os.environ.setdefault("ANONYMIZED_TELEMETRY", "false")
os.environ.setdefault("BROWSER_USE_SETUP_LOGGING", "false")

SECONDS = float(os.environ.get("BROWSER_SECONDS", "120"))
HOSTS = [host for host in os.environ.get("BROWSER_HOSTS", "").split(",") if host]
"""The hosts that it may open; any, unless there are some."""


@tool(timeout=SECONDS, output_limit=4_000)
async def browse(task: str) -> str:
    """Do a task in a web browser, and say what came of it. It cannot ask back, so say all that matters.

    Args:
        task: what to do, with the address to begin at.
    """
    from browser_use import Agent, Browser, ChatOpenAI

    browser = Browser(
        headless=True,
        executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
        allowed_domains=HOSTS or None,
        chromium_sandbox=os.environ.get("CHROMIUM_SANDBOX") != "0",
        enable_default_extensions=False,  # They would be downloaded.
    )
    model = ChatOpenAI(
        model=os.environ.get("BROWSER_MODEL", "gpt-4.1-mini"),
        api_key=os.environ.get("OPENAI_API_KEY"),
        base_url=os.environ.get("OPENAI_BASE_URL"),
    )
    try:
        agent = Agent(task=task, llm=model, browser=browser, use_vision=False, use_judge=False)
        history = await agent.run(max_steps=15)
    finally:
        await browser.kill()  # Also where the time is over: then this coroutine is cancelled.
    if not history.is_done():
        raise ToolError(f"The browser did not finish: {'; '.join(filter(None, history.errors()))[:500]}")
    return history.final_result() or "It is done; there is nothing to tell."


def main() -> None:
    """Answer the question on the command line."""
    if find_spec("browser_use") is None:
        print("This example needs a browser: pip install browser-use")
        return
    agent = LightAgent(instructions="Use the browser for what is on the web.", tools=[browse])
    print(agent.run(" ".join(sys.argv[1:]) or "What is the heading of https://example.org?"))


if __name__ == "__main__":
    main()
