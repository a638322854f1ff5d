"""The command line on a terminal, and against a server that nobody here wrote."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.test_cli import ROOT, Cli, cli, environment, folder, scripted
from tests.servers.aimock import Aimock
from tests.support.typed_chat import typed_chat

__all__ = ["cli", "folder"]


def test_the_openai_environment_is_enough(aimock: Aimock, cli: Cli) -> None:
    variables = {"OPENAI_BASE_URL": aimock.base_url, "OPENAI_API_KEY": "sk-canary-1", "OPENAI_MODEL": "some-model"}
    done = cli("run", "[plain] What is the capital of France?", **variables)
    assert (done.returncode, done.stdout) == (0, "The capital of France is Paris.\n")
    (entry,) = aimock.journal()
    assert entry.body["model"] == "some-model"
    shown = cli("config", "show", **variables)
    assert '{ env = "OPENAI_API_KEY" }' in shown.stdout
    assert "sk-canary-1" not in shown.stdout + shown.stderr


def test_the_doctor_asks_for_very_little(aimock: Aimock, cli: Cli, folder: Path) -> None:
    aimock.add({"match": {"userMessage": "Reply with the word OK."}, "response": {"content": "OK"}})
    (folder / "lightagent.toml").write_text(
        f'[default.model]\nkind = "openai"\nmodel = "m"\nbase_url = "{aimock.base_url}"\napi_key = {{ env = "K" }}\n'
    )
    done = cli("doctor", K="sk-canary-1")
    assert done.returncode == 0
    assert "✓ model · openai · m" in done.stdout
    (entry,) = aimock.journal()
    assert entry.body["max_tokens"] == 16


def test_a_server_that_refuses_is_diagnosed(aimock: Aimock, cli: Cli) -> None:
    aimock.fail_next(401, "bad key")
    done = cli("doctor", OPENAI_BASE_URL=aimock.base_url, OPENAI_API_KEY="sk-canary-1")
    assert done.returncode == 1
    assert "[LA-401]" in done.stderr
    assert "sk-canary-1" not in done.stdout + done.stderr


SLOW = "import asyncio\n\nasync def wait() -> str:\n    await asyncio.sleep(600)\n    return ''\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")
def test_ctrl_c_in_a_chat_stops_the_answer_and_ctrl_d_leaves(folder: Path) -> None:
    scripted(folder, {"tool_calls": [{"name": "wait", "arguments": {}}]}, "here again")
    (folder / "slow.py").write_text(SLOW)
    with typed_chat("--tools", "slow.py", folder=folder, variables=environment()) as chat:
        chat.type("wait\n", "wait()")
        chat.type("\x03", "Stopped")
        chat.type("again?\n", "here again")
        chat.type("")


def test_the_demo_uses_the_model_of_the_environment(aimock: Aimock) -> None:
    demo = [sys.executable, str(ROOT / "examples/repository_agent.py"), "[plain] What is the capital of France?"]
    done = subprocess.run(
        demo,
        env=environment(OPENAI_BASE_URL=aimock.base_url, OPENAI_API_KEY="k", OPENAI_MODEL="some-model"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "some-model, because OPENAI_API_KEY or OPENAI_BASE_URL is set" in done.stdout
    assert "The capital of France is Paris." in done.stdout
