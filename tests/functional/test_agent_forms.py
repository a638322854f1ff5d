"""The methods with one form each give what `run` gives by its options."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lightagent import ApprovalDecision, ApprovalRequired, Journal, LightAgent, LightAgentError
from lightagent.testing import ScriptedModel, call_tool


def agent() -> LightAgent[None, str]:
    return LightAgent(model=ScriptedModel(["It rains."]))


async def test_the_result_is_that_of_the_run() -> None:
    assert agent().run_result("Weather?").content == "It rains."
    assert (await agent().arun_result("Weather?", user_id="ann")).content == "It rains."


def test_a_failed_run_raises_nothing_where_its_result_is_asked_for() -> None:
    failing: LightAgent[None, str] = LightAgent(model=ScriptedModel([LightAgentError("LA-503")]), limits=None)
    error = failing.run_result("Weather?", max_retry=1).error
    assert error is not None
    assert error.code == "LA-503"


async def test_streams_give_what_run_gives_by_its_options() -> None:
    chunks = agent().stream("Weather?")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It rains."
    assert chunks.result.content == "It rains."
    expected = [event.type for event in agent().run("Weather?", stream=True, result_format="event")]
    events = agent().stream_events("Weather?")
    assert [event.type for event in events] == expected
    assert events.result.content == "It rains."
    async with agent().astream_events("Weather?") as live:
        assert [event.type async for event in live] == expected
    assert live.result.content == "It rains."


def test_an_unknown_option_is_refused_by_each() -> None:
    for method in ("run_result", "stream", "stream_events", "astream_events"):
        with pytest.raises(ValueError, match="has no option 'nothing'"):
            getattr(agent(), method)("Weather?", nothing=True)


def test_going_on_gives_a_result_whoever_asks_for_one() -> None:
    def pay() -> str:
        """Pay."""
        raise ApprovalRequired("It is much.")

    bank = LightAgent(model=ScriptedModel([call_tool("pay"), "Paid."]), tools=[pay])
    waiting = bank.run_result("Pay.")
    assert waiting.journal.resumable
    resume: Callable[..., object] = bank.resume
    with pytest.raises(
        ValueError, match=r"'result_format' can be 'object' alone, got 'str'\. resume.. gives a RunResult"
    ):
        resume(waiting.journal, ApprovalDecision.respond("paid"), result_format="str")
    ended = bank.resume(waiting.journal, ApprovalDecision.respond("paid"), result_format="object")
    assert ended.content == "Paid."
    assert not ended.journal.resumable
    cut = Journal(waiting.journal.events[:2])
    assert cut.resumable
