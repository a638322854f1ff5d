"""What goes wrong in a first hour with a server: it is not there, or its client leaves."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from lightagent import AgentOptions, LightAgent, LightAgentError, Limits, ProviderError, RunOptions
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.error_codes import ErrorCode
from lightagent.entrypoints.cli.progress import progress_line
from lightagent.testing import ScriptedModel
from tests.servers.child import free_port
from tests.support.warm_programs import WarmPrograms


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    return free_port()


def retries(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "lightagent" and "retry:" in one.getMessage()]


@pytest.mark.parametrize("options", [{}, {"limits": Limits(max_tool_iterations=3)}], ids=["plain", "other limits"])
def test_a_refused_connection_is_given_up_soon(
    closed_port: int, caplog: pytest.LogCaptureFixture, options: AgentOptions
) -> None:
    options |= {"model": "m", "api_key": "k", "base_url": f"http://127.0.0.1:{closed_port}/v1"}
    agent = LightAgent(**options)
    events = [*agent.stream_events("Hello")]
    notes = [event.data for event in events if event.type == "note"]
    assert [(note["attempt"], note["of"], note["code"]) for note in notes] == [(2, 3, "LA-503"), (3, 3, "LA-503")]
    assert sum(float(str(note["seconds"])) for note in notes) < 5
    assert "attempt 2 of 3, LA-503, waiting" in retries(caplog)[0]
    assert "attempt 2 of 3" in (progress_line(next(event for event in events if event.type == "note")) or "")
    (error,) = (event.data for event in events if event.type == "error")
    assert "Start the server, or correct base_url" in str(error["guidance"])


@pytest.mark.openai
@pytest.mark.parametrize("host", ["localhost", "no-such-host.invalid"])
def test_other_ways_to_reach_nobody(closed_port: int, host: str) -> None:
    openai = pytest.importorskip("openai")
    client = openai.AsyncOpenAI(base_url=f"http://{host}:{closed_port}/v1", api_key="k", max_retries=0)
    for model in (
        OpenAIChatModel("m", base_url=f"http://{host}:{closed_port}/v1", api_key="k"),
        OpenAIChatModel("m", client=client),
    ):
        result = LightAgent(model=model).run_result("Hello", trace=True)
        assert result.error is not None
        assert result.error.code == "LA-503"
        assert sum(event["type"] == "note" for event in result.trace) == 2, result.trace


def _refused() -> ProviderError:
    return ProviderError("The connection was refused.", code="LA-503", details={"unreached": "refused"})


def _quick(code: ErrorCode) -> ProviderError:
    error = ProviderError("Not now.", code=code)
    error.retry_after = 0.0
    return error


def _quickly(error: ProviderError) -> ProviderError:
    error.retry_after = 0.0
    return error


@pytest.mark.parametrize(
    ("limits", "options", "attempts"),
    [
        (Limits(), {}, 3),
        (Limits(max_retry=6), {}, 6),
        (Limits(max_retry=10), {}, 10),
        (Limits(max_retry=10), {"timeout": 60}, 10),
        (Limits(), {"max_retry": 10}, 10),
        (Limits(), {"max_retry": 2}, 2),
    ],
    ids=["by default", "limits", "limits of ten", "beside a timeout", "ten are asked for", "two are asked for"],
)
def test_who_says_how_often_means_it(limits: Limits, options: RunOptions, attempts: int) -> None:
    model = ScriptedModel([_quickly(_refused()) for _ in range(20)])
    result = LightAgent(model=model, limits=limits).run_result("Hello", **options)
    assert not result.success
    assert len(model.requests) == attempts


def test_failures_of_a_server_that_was_reached_are_not_counted() -> None:
    model = ScriptedModel([*(_quick("LA-503") for _ in range(4)), *(_quickly(_refused()) for _ in range(9))])
    assert not LightAgent(model=model).run_result("Hello").success
    assert len(model.requests) == 4 + 3


async def test_a_caller_who_leaves_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lightagent")
    agent = LightAgent(model=ScriptedModel(["A long answer."]), debug=False)
    async with agent.astream("Hello") as stream:
        async for _ in stream:
            break
    lines = [one for one in caplog.records if one.name == "lightagent"]
    assert [one.levelname for one in lines if one.levelno >= logging.WARNING] == []
    assert any("cancelled" in one.getMessage() for one in lines if one.levelno == logging.INFO)
    assert not any("LA-UNKNOWN" in one.getMessage() for one in lines)


async def test_nor_is_one_whose_connection_breaks(caplog: pytest.LogCaptureFixture) -> None:
    """A server that writes to a client that has gone raises within the loop over the stream."""
    caplog.set_level(logging.INFO, "lightagent")
    agent = LightAgent(model=ScriptedModel(["A long answer."]))
    with pytest.raises(ConnectionResetError):
        await _send_to_nobody(agent)
    lines = [one for one in caplog.records if one.name == "lightagent"]
    assert [one.getMessage() for one in lines if one.levelno >= logging.WARNING] == []


async def _send_to_nobody(agent: LightAgent) -> None:
    async with agent.astream("Hello") as stream:
        async for _ in stream:
            raise ConnectionResetError("the client has gone")


def test_a_missing_key_names_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(LightAgentError, match="offline"):
        LightAgent(model="gpt-4.1").run("Hello")


def test_a_line_is_on_stderr_once(tmp_path: Path, warm_programs: WarmPrograms) -> None:
    """A program may have set up logging of its own, whose handlers the lines reach as well."""
    program = """
import logging, sys
logging.basicConfig(level=logging.INFO)
from lightagent import LightAgent
LightAgent(provider="offline", debug=True).run("Hello")
"""
    for text in (program, program.replace("logging.basicConfig(level=logging.INFO)", "")):
        (tmp_path / "program.py").write_text(text, encoding="utf-8")
        done = warm_programs.run(tmp_path / "program.py", folder=tmp_path, environment=os.environ)
        assert (done.returncode, done.stderr.count("run_end")) == (0, 1)
