"""examples/browser_use_tool.py in an agent: a real Chromium, a page of this machine, and a limit of time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.servers.json_values import JsonObject

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".tools/browser-use/bin/python"
PAGE = b"<html><title>Harbour</title><body><h1>Harbour</h1><p>The ferry leaves at 07:42.</p></body></html>"
TRIES = 3
"""browser-use gives Chromium 30 s to start, which is not enough on a machine that is busy."""

# In the environment that has browser-use; the model of the agent is scripted, and that of browser-use is the server.
PROGRAM = """
import sys
from browser_use_tool import browse
from lightagent import LightAgent
from lightagent.testing import ScriptedModel, call_tool

model = ScriptedModel([call_tool("browse", task=f"When does the ferry leave? Look at {sys.argv[1]}"), "Done."])
call = LightAgent(model=model, tools=[browse]).run("?", result_format="object").tool_calls[0]
print(call.status, call.output)
"""

pytestmark = [pytest.mark.timeout(400), pytest.mark.needs("browser_use"), pytest.mark.needs("chromium")]


class Harbour(BaseHTTPRequestHandler):
    """The page, and a model that opens it and tells what it says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer("text/html", PAGE)

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        seen = re.search(r"The ferry leaves at (\d\d:\d\d)", asked)
        action: JsonObject = {"navigate": {"url": f"http://{self.headers['host']}/", "new_tab": False}}
        if seen:
            action = {"done": {"text": f"It leaves at {seen[1]}.", "success": True}}
        said = {"evaluation_previous_goal": "", "memory": "", "next_goal": "", "action": [action]}
        message = {"role": "assistant", "content": json.dumps(said)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        self.answer("application/json", json.dumps(reply).encode())

    def answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def harbour() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Harbour) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def browse(url: str, folder: Path, **variables: str) -> str:
    """What the agent's call of the tool came to, once no browser is left."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "examples")]),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"{url}/v1",
        "BROWSER_HOSTS": "127.0.0.1",
        "BROWSER_USE_CONFIG_DIR": str(folder),
        "CHROMIUM_SANDBOX": "0",  # Root has none.
        **variables,
    }
    command = [str(PYTHON), "-c", PROGRAM, url]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    return done.stdout.strip()


def test_a_page_is_opened_and_read(harbour: str, tmp_path: Path) -> None:
    tries = (browse(harbour, tmp_path) for _ in range(TRIES))
    found = next((one for one in tries if "timed out after 30.0s" not in one), "")

    assert found == "ok It leaves at 07:42."


def test_a_browser_that_takes_too_long_is_cancelled(harbour: str, tmp_path: Path) -> None:
    cancelled = "failed [LA-TOOL] browse took longer than 2 s and was cancelled."
    # To close a browser may take longer than the half second that is left to a call which was cancelled.
    given_up = "unknown [LA-TOOL] browse took longer than 2 s and was given up;"
    assert browse(harbour, tmp_path, BROWSER_SECONDS="2").startswith((cancelled, given_up))
