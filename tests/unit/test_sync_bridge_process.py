"""The bridge and its process: Ctrl-C, fork and exit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WATCHDOG = 50.0
"""Seconds after which a process will never end. What it would have to wait for takes ten times as long."""

# A process that is started in the background, as by nohup, inherits that SIGINT is ignored.
INTERRUPTED = """
import asyncio
import signal
from lightagent import LightAgent, tool
from lightagent.testing import ScriptedModel, call_tool

@tool
async def slow() -> str:
    "Takes long."
    try:
        print("started", flush=True)
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
    print("went on", flush=True)
    return "done"

signal.signal(signal.SIGINT, signal.default_int_handler)
agent = LightAgent(model=ScriptedModel([call_tool("slow"), "end"]), tools=[slow])
try:
    RUN
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

FORKED = """
import os
from lightagent import LightAgent
from lightagent.testing import ScriptedModel

agent = LightAgent(model=ScriptedModel(lambda request: f"{request.messages[-1].content}!"))
print(agent.run("parent"), flush=True)
child = os.fork()
if child == 0:
    print(agent.run("child"), flush=True)
    print(len(list(agent.run("child", stream=True, result_format="event"))), flush=True)
else:
    print(os.waitpid(child, 0)[1], agent.run("parent again"), flush=True)
"""

OPEN_AT_EXIT = """
import threading
import asyncio
from lightagent import LightAgent, tool
from lightagent.testing import ScriptedModel, call_tool

@tool
async def hangs() -> str:
    "Never answers."
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
    return ""

@tool
def hangs_in_a_thread() -> str:
    "Never answers."
    threading.Event().wait(600)
    return ""

@tool
async def answers() -> str:
    "Answers at once."
    return "here"

model = ScriptedModel([[call_tool("hangs"), call_tool("hangs_in_a_thread"), call_tool("answers")], "end"])
agent = LightAgent(model=model, tools=[hangs, hangs_in_a_thread, answers])
stream = agent.run("q", stream=True, result_format="event")
print(next(event.type for event in stream if event.type == "tool_result"), flush=True)
"""

CONNECTED = """
import sys
from lightagent import LightAgent

agent = LightAgent(model="m", api_key="k", base_url=sys.argv[1])
print(agent.run("q"), flush=True)
stream = agent.run("q", stream=True)
print(next(stream).choices[0].delta.content, flush=True)
"""

ANSWER = b"""{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices":
 [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}"""
CHUNK = (
    b"""data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices":
 [{"index": 0, "delta": {"role": "assistant", "content": "hel"}}]}""".replace(b"\n", b"")
    + b"\n\n"
)


class Provider(BaseHTTPRequestHandler):
    """Keeps the connection open after a plain answer, and never ends a stream."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        if not body.get("stream"):
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)
            return
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(CHUNK)
        self.connection.recv(1)  # until the client goes away

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "always::ResourceWarning", "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def end_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a process tells until it ends by itself; one that does not is killed, and the test fails."""
    try:
        return process.communicate(timeout=WATCHDOG)
    finally:
        process.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("run", ["agent.run('q')", "list(agent.run('q', stream=True))"])
def test_ctrl_c_cancels_the_run(run: str) -> None:
    with start(INTERRUPTED.replace("RUN", run)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        told, errors = end_of(process)
    assert told == "cancelled\ninterrupted\n"
    assert errors == ""
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_agents_of_its_own() -> None:
    with start(FORKED) as process:
        told, errors = end_of(process)
    assert told.splitlines() == ["parent!", "child!", "2", "0 parent again!"]
    assert process.returncode == 0, errors


def test_a_process_ends_silently_while_runs_are_under_way() -> None:
    with start(OPEN_AT_EXIT) as process:
        told, errors = end_of(process)
    assert told == "tool_result\ncancelled\n"
    assert errors == ""
    assert process.returncode == 0


def test_a_process_ends_silently_while_connections_are_open(provider: str) -> None:
    with start(CONNECTED, provider) as process:
        told, errors = end_of(process)
    assert told.splitlines() == ["hello", "hel"]
    assert errors == ""
    assert process.returncode == 0
