"""How far a run may go: attempts, rounds, seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from typing_extensions import Unpack

from lightagent import (
    BudgetError,
    ChatModel,
    ChatRequest,
    Delta,
    Journal,
    LightAgent,
    LightAgentError,
    Limits,
    ProviderError,
    ReplyEnd,
    RunOptions,
    RunResult,
    TextDelta,
    tool,
)
from lightagent.domain.error_codes import ErrorCode
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import advance, play_timed


class Slow(ChatModel):
    """Says a word every so often, for ever; knows how many of its answers are under way."""

    def __init__(self, first: float, rest: float = 60) -> None:
        self._first, self._rest = first, rest
        self.open = 0

    @property
    def name(self) -> str:
        return "slow"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.open += 1
        try:
            await asyncio.sleep(self._first)
            while True:
                yield TextDelta("word ")
                await asyncio.sleep(self._rest)
        finally:
            self.open -= 1

    async def aclose(self) -> None:
        """Nothing is open."""


@tool
async def again() -> str:
    """Never enough."""
    return "more"


def busy(code: ErrorCode = "LA-429", retry_after: float | None = 0.0) -> ProviderError:
    error = ProviderError("busy", code=code)
    error.retry_after = retry_after
    return error


def run(model: ChatModel, limits: Limits | None = None, *, stream: bool = False) -> RunResult[str]:
    agent = LightAgent(model=model, tools=[again], limits=limits or Limits())
    if not stream:
        return agent.run("?", result_format="object")
    list(agent.run("?", stream=True, result_format="event"))
    journal = agent.export_journal()
    assert journal is not None
    return agent.replay(journal)


def timed(
    agent: LightAgent[None, str], *, stream: bool = False, **options: Unpack[RunOptions]
) -> tuple[RunResult[str], float]:
    """The result, and the seconds it took on a clock that jumps over all waiting."""

    async def end() -> RunResult[str]:
        if not stream:
            return await agent.arun("?", result_format="object", **options)
        async for _ in agent.astream("?", result_format="event", **options):
            pass
        journal = agent.export_journal()
        assert journal is not None
        return agent.replay(journal)

    return play_timed(end())


def code(result: RunResult[str]) -> str | None:
    return result.error.code if result.error else None


MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@MODES
@pytest.mark.parametrize("failing", ["LA-408", "LA-429", "LA-500", "LA-503"])
def test_what_passes_is_tried_again(failing: ErrorCode, stream: bool) -> None:
    model = ScriptedModel([busy(failing), busy(failing), "at last"])
    assert run(model, stream=stream).content == "at last"
    assert len(model.requests) == 3
    assert model.requests[0] == model.requests[2]


@MODES
@pytest.mark.parametrize("failing", ["LA-400", "LA-401", "LA-403", "LA-404", "LA-413", "LA-UNKNOWN"])
def test_what_does_not_pass_is_not(failing: ErrorCode, stream: bool) -> None:
    model = ScriptedModel([busy(failing), "never"])
    assert code(run(model, stream=stream)) == failing
    assert len(model.requests) == 1


@MODES
def test_attempts_are_counted_and_each_is_on_record(stream: bool) -> None:
    model = ScriptedModel([busy()] * 9)
    result = run(model, Limits(max_retry=4), stream=stream)
    assert code(result) == "LA-429"
    assert len(model.requests) == 4
    failed = [event for event in result.journal.events if event.type == "model_failed"]
    assert [(event.turn, event.attempt) for event in failed] == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_nothing_is_repeated_once_a_part_was_shown() -> None:
    broken: list[Delta | Exception] = [TextDelta("half "), busy("LA-503")]
    model = ScriptedModel([broken, "whole"])
    result = run(model, stream=True)
    assert code(result) == "LA-503"
    assert len(model.requests) == 1
    assert run(ScriptedModel([broken, "whole"])).content == "whole"  # nobody saw the half


def test_the_pause_is_the_one_asked_for() -> None:
    result, seconds = timed(LightAgent(model=ScriptedModel([busy(retry_after=25), "yes"])))
    assert (result.content, seconds) == ("yes", 25)


def test_a_pause_beyond_the_deadline_is_not_made() -> None:
    model = ScriptedModel([busy(retry_after=60), "never"])
    result, seconds = timed(LightAgent(model=model, limits=Limits(model_timeout=5)))
    assert (code(result), seconds) == ("LA-429", 0)


ROUNDS: list[tuple[Limits, RunOptions, int]] = [
    (Limits(), {}, 10),
    (Limits(max_tool_iterations=2), {}, 2),
    (Limits(), {"max_tool_iterations": 3}, 3),
    (Limits(), {"max_retry": 4}, 4),  # as ever, it bounds the rounds as well …
    (Limits(), {"max_retry": 4, "max_tool_iterations": 5}, 5),  # … unless they are named
    (Limits(max_tool_iterations=7), {"timeout": 30}, 7),
    (Limits(max_tool_iterations=0), {}, 0),
]


@pytest.mark.parametrize(("limits", "options", "rounds"), ROUNDS)
def test_rounds_of_tools_are_bounded(limits: Limits, options: RunOptions, rounds: int) -> None:
    model = ScriptedModel([call_tool("again") for _ in range(20)])
    agent = LightAgent(model=model, tools=[again], limits=limits)
    with pytest.raises(BudgetError, match=f"after {rounds} rounds") as caught:
        agent.run("?", **options)
    assert caught.value.code == "LA-BUDGET"
    assert caught.value.details == {"max_tool_iterations": rounds}
    assert len(model.requests) == rounds + 1


@MODES
@pytest.mark.parametrize("model", [Slow(60), Slow(0), Slow(0, 0.02)], ids=["silent", "stalls", "never ends"])
def test_a_model_that_does_not_end_is_given_up(model: Slow, stream: bool) -> None:
    result, seconds = timed(LightAgent(model=model, limits=Limits(model_timeout=0.3)), stream=stream)
    assert (code(result), result.outcome.kind) == ("LA-408", "failed")
    assert seconds == pytest.approx(0.3)
    assert model.open == 0


@MODES
@pytest.mark.parametrize("model", [Slow(60), Slow(0), Slow(0, 0.02)], ids=["silent", "stalls", "never ends"])
def test_the_time_of_the_run_is_a_budget(model: Slow, stream: bool) -> None:
    result, seconds = timed(LightAgent(model=model, limits=Limits(timeout=0.3)), stream=stream)
    assert (code(result), result.outcome.kind) == ("LA-BUDGET", "budget_exhausted")
    assert seconds == pytest.approx(0.3)
    assert model.open == 0


def test_attempts_and_pauses_count_into_the_time_of_one_request() -> None:
    model = ScriptedModel([busy(retry_after=0.1)] * 99)
    result, seconds = timed(LightAgent(model=model, limits=Limits(model_timeout=0.35, max_retry=99)))
    assert (code(result), len(model.requests)) == ("LA-429", 4)
    assert seconds == pytest.approx(0.3), "another pause would end too late"


def test_the_time_of_a_run_holds_for_its_tools() -> None:
    ended: list[str] = []

    @tool
    async def long() -> str:
        """Takes long."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "never"

    agent = LightAgent(model=ScriptedModel([[call_tool("long")] * 3, "never"]), tools=[long])
    result, seconds = timed(agent, timeout=0.2)
    assert (code(result), ended) == ("LA-BUDGET", ["cancelled"] * 3)
    assert seconds == pytest.approx(0.2)
    with pytest.raises(BudgetError, match=r"within its 0\.2 s"):
        LightAgent(model=Slow(60), tools=[long]).run("?", timeout=0.2)


def test_many_quick_turns_end_in_time_too() -> None:
    def forever(request: ChatRequest) -> list[Delta]:
        advance(0.01)
        return [ReplyEnd("stop")]

    model = ScriptedModel(forever)
    agent = LightAgent(model=model, output_type=int, limits=Limits(max_output_retries=10**6))
    result, seconds = play_timed(agent.arun("?", timeout=0.205, result_format="object"))
    assert result.error is not None
    assert (result.error.code, len(model.requests)) == ("LA-BUDGET", 21)
    assert seconds == pytest.approx(0.21)


def test_the_limits_of_a_run_are_in_its_journal() -> None:
    agent = LightAgent(model=ScriptedModel(["yes"]), limits=Limits(max_output_retries=1))
    result = agent.run("?", max_retry=2, timeout=9, result_format="object")
    wanted = Limits(max_tool_iterations=2, max_retry=2, max_output_retries=1, timeout=9)
    assert result.journal.started.limits == wanted
    assert Journal.from_json(result.journal.to_json()).started.limits == wanted


def test_an_agent_is_no_worse_for_a_run_that_failed() -> None:
    agent = LightAgent(model=ScriptedModel([busy("LA-401"), "yes"]))
    with pytest.raises(LightAgentError):
        agent.run("?")
    assert agent.run("?") == "yes"
