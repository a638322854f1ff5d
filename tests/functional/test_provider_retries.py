"""Failures that pass and failures that stay: what is tried again, when, how often, and with which error it ends."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import JsonObject, LightAgent, LightAgentError, ProviderError
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.limits import Limits
from tests.functional.agents import KEY, MODES, Tools, agent_at, ask
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import MOMENT, after_pauses, at_once, eventually, held_clock

BACKOFF = 1.5
"""More than the first pause of the backoff: 0.1 s and up to 1 s of jitter."""


LONGEST = 14.5
"""Seconds; no pause of these tests is longer, and no limit shorter. aiohttp looks at idle connections after 15."""


ASKED: list[tuple[dict[str, Option], float, float]] = [
    ({"retry_after": 4}, 4.0, 4.0),
    ({"retry_after": "2.6"}, 2.6, 2.6),
    ({"retry_after_ms": 300, "retry_after": 9}, 0.3, 0.3),
    ({"retry_date": 14}, BACKOFF, 14.0),  # counted from when the server said it
    ({"retry_after": "soon"}, 0.0, BACKOFF),
    ({}, 0.0, BACKOFF),
]
"""What the provider asks for, and the least and most seconds until it is asked again."""


async def test_retry_after_is_honoured(leaks: LeakCheck, faults: FaultServer) -> None:
    for stream in (False, True):
        for options, least, most in ASKED:
            scenario = faults.scenario("status", code=429, times=1, **options)
            async with agent_at(scenario.base_url) as agent:
                ending, (pause,) = await after_pauses(1, ask(agent, "Hello", stream=stream), LONGEST)
            assert ending.result.content == TEXT
            assert len(scenario.requests) == 2
            assert least - MOMENT <= pause <= most + MOMENT, options
            await scenario.all_closed()


@MODES
@pytest.mark.parametrize(("word", "says"), [("[429-once]", "429"), ("[500-once]", "500")])
async def test_a_failure_that_passes(leaks: LeakCheck, aimock: Aimock, word: str, says: str, stream: bool) -> None:
    async with agent_at(aimock.base_url) as agent:
        ending = await ask(agent, word, stream=stream, trace=True)
        trace = agent.export_trace()
    assert ending.result.content == f"Through after one {says}."
    assert [entry.status for entry in aimock.journal()] == [int(says), 200]
    assert ending.seconds >= (1.0 if says == "429" else 0.0), "Retry-After: 1"
    assert [event["data"]["code"] for event in trace if event["type"] == "error"] == [f"LA-{says}"]
    assert trace[-1]["data"]["retry_count"] == 1


@MODES
@pytest.mark.parametrize(
    ("behaviour", "options", "code"),
    [
        ("status", {"code": 429, "retry_after_ms": 20}, "LA-429"),
        ("status", {"code": 500, "retry_after_ms": 20}, "LA-500"),
        ("status", {"code": 502, "form": "html", "retry_after_ms": 20}, "LA-503"),
        ("status", {"code": 503, "form": "empty", "retry_after_ms": 20}, "LA-503"),
        ("status", {"code": 504, "retry_after_ms": 20}, "LA-408"),
        ("status", {"code": 408, "retry_after_ms": 20}, "LA-408"),
    ],
)
async def test_a_failure_that_stays_ends_the_run_after_the_last_attempt(
    leaks: LeakCheck, faults: FaultServer, behaviour: str, options: dict[str, Option], code: str, stream: bool
) -> None:
    scenario = faults.scenario(behaviour, **options)
    async with agent_at(scenario.base_url) as agent:
        ending = await ask(agent, "Hello", stream=stream, max_retry=4, trace=True)
        trace = agent.export_trace()
    assert (ending.code, ending.result.outcome.kind) == (code, "failed")
    assert len(scenario.requests) == 4
    assert trace[-1]["data"]["retry_count"] == 3
    assert ending.result.content == ""
    await scenario.all_closed()


@MODES
async def test_a_pause_in_the_words_of_an_error_is_honoured_within_the_deadline(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    told = "Rate limit reached for tokens per minute. Please try again in 4.5s."
    scenario = faults.scenario("status", code=429, times=1, message=told)
    async with agent_at(scenario.base_url) as agent:
        ending, (pause,) = await after_pauses(1, ask(agent, "Hello", stream=stream), LONGEST)
    assert ending.result.content == TEXT
    assert 4.5 - MOMENT <= pause <= 4.5 + MOMENT
    scenario = faults.scenario("status", code=429, message="Please try again in 2h3m.")
    async with agent_at(scenario.base_url) as agent:
        assert (await at_once(ask(agent, "Hello", stream=stream))).code == "LA-429"
    assert len(scenario.requests) == 1


@MODES
@pytest.mark.parametrize(
    ("options", "code", "kind"),
    [
        ({"code": 400, "reason": "content_filter"}, "LA-403", "blocked"),
        ({"code": 400, "reason": "1301"}, "LA-403", "blocked"),
        ({"code": 403, "reason": "x"}, "LA-403", "failed"),
        ({"code": 402, "reason": "x"}, "LA-429", "failed"),
        ({"code": 429, "reason": "1113"}, "LA-429", "failed"),
        ({"code": 400, "reason": "x", "message": "prompt is too long: 9 > 8"}, "LA-413", "failed"),
    ],
)
async def test_what_an_error_means_ends_the_run_at_once(
    leaks: LeakCheck, faults: FaultServer, options: dict[str, Option], code: str, kind: str, stream: bool
) -> None:
    scenario = faults.scenario("status", **options)
    async with agent_at(scenario.base_url) as agent:
        ending = await at_once(ask(agent, "Hello", stream=stream))
    assert (ending.code, ending.result.outcome.kind) == (code, kind)
    assert len(scenario.requests) == 1


@MODES
async def test_a_call_that_the_provider_refused_is_asked_for_again(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    scenario = faults.scenario("status", code=400, times=1, reason="tool_use_failed")
    async with agent_at(scenario.base_url) as agent:
        ending, _ = await after_pauses(1, ask(agent, "Hello", stream=stream), LONGEST)
    assert ending.result.content == TEXT
    assert len(scenario.requests) == 2


async def test_without_a_word_from_the_provider_the_pauses_grow(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("status", code=503)
    async with agent_at(scenario.base_url) as agent:
        # Shorter than LONGEST: after the first pause, aiohttp's look at idle connections is less than that away.
        ending, pauses = await after_pauses(2, ask(agent, "Hello", stream=False, max_retry=3), 2 * BACKOFF)
    assert ending.code == "LA-503"
    assert len(scenario.requests) == 3
    for least, pause in zip((0.1, 0.2), pauses, strict=True):
        assert least <= pause <= least + BACKOFF


@MODES
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"code": 400, "reason": "other"}, "LA-400"),
        ({"code": 400}, "LA-413"),  # context_length_exceeded
        ({"code": 401}, "LA-401"),
        ({"code": 403}, "LA-403"),
        ({"code": 404}, "LA-404"),
        ({"code": 413}, "LA-413"),
        ({"code": 422}, "LA-400"),
        ({"code": 429, "reason": "insufficient_quota"}, "LA-429"),
        ({"code": 307}, "LA-404"),
    ],
)
async def test_a_permanent_failure_is_not_tried_again(
    leaks: LeakCheck, faults: FaultServer, options: dict[str, Option], code: str, stream: bool
) -> None:
    scenario = faults.scenario("status", **options)
    async with agent_at(scenario.base_url) as agent:
        ending = await at_once(ask(agent, "Hello", stream=stream))
    assert (ending.code, ending.result.outcome.kind) == (code, "failed")
    assert len(scenario.requests) == 1
    assert ending.result.error is not None
    assert ending.result.error.guidance
    await scenario.all_closed()


@pytest.mark.parametrize(("word", "code"), [("[401]", "LA-401"), ("[400]", "LA-413"), ("[503]", "LA-503")])
async def test_the_text_form_and_the_chunks_raise_the_same_error(
    leaks: LeakCheck, aimock: Aimock, word: str, code: str
) -> None:
    async with agent_at(aimock.base_url) as agent:
        with pytest.raises(ProviderError, match=rf"^\[{code}\] ") as from_text:
            await agent.arun(word, max_retry=1)
        with pytest.raises(ProviderError, match=rf"^\[{code}\] ") as from_chunks:
            async for _ in agent.astream(word, max_retry=1):
                pass
    assert _same_but_for_the_request(from_text.value) == _same_but_for_the_request(from_chunks.value)
    assert isinstance(from_text.value.__cause__, ProviderError)
    assert KEY not in f"{from_text.value!r}{from_chunks.value!r}"


def _same_but_for_the_request(error: LightAgentError) -> tuple[str, JsonObject]:
    return str(error), {name: value for name, value in error.details.items() if name != "request_id"}


async def test_a_pause_that_goes_beyond_the_deadline_is_not_made(leaks: LeakCheck, faults: FaultServer) -> None:
    """The run ends at once: waiting for what comes too late helps nobody."""
    scenario = faults.scenario("status", code=429, retry_after=3600)
    model = OpenAIChatModel("m", KEY, scenario.base_url)
    agent = LightAgent(model=model, limits=Limits(model_timeout=5))
    ending = await at_once(ask(agent, "Hello", stream=False))
    assert ending.code == "LA-429"
    assert ending.result.error is not None
    assert (ending.result.error.details or {})["retry_after"] == 3600
    await agent.aclose()


@MODES
async def test_a_failure_between_two_turns_does_not_call_tools_again(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    """The connection that brought the calls is dead when the results go back."""
    tools = Tools()
    scenario = faults.scenario("tools", reuse="rst")
    async with agent_at(scenario.base_url, tools.add) as agent:
        ending = await ask(agent, "Add.", stream=stream)
    assert ending.result.content == TEXT, ending.message
    assert tools.done == ["add 1 2"]
    assert len(scenario.requests) == 3


@MODES
async def test_a_dropped_connection_is_made_anew(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    for behaviour in ("reset", "no-answer"):
        scenario = faults.scenario(behaviour, times=1)
        async with agent_at(scenario.base_url) as agent:
            ending, (pause,) = await after_pauses(1, ask(agent, "Hello", stream=stream), LONGEST)
        assert ending.result.content == TEXT
        assert len(scenario.connections) == 2
        assert pause < BACKOFF


@MODES
async def test_a_connection_that_is_refused(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    async with agent_at(faults.refused_url) as agent:
        ending, (pause,) = await after_pauses(1, ask(agent, "Hello", stream=stream, max_retry=2), LONGEST)
    assert ending.code == "LA-503"
    assert "127.0.0.1" in ending.message
    assert pause < BACKOFF


async def test_many_runs_at_once_wait_each_for_its_own(leaks: LeakCheck, faults: FaultServer) -> None:
    """Half of forty concurrent runs are told to come back in half a second; nobody waits longer than that."""
    scenario = faults.scenario("status", code=429, retry_after_ms=500, times=20)
    async with agent_at(scenario.base_url) as agent:
        with held_clock() as clock:
            runs = asyncio.gather(*(ask(agent, f"Hello {number}", stream=False) for number in range(40)))
            await eventually(lambda: len(clock.timers(LONGEST)) == 20)
            assert clock.timers(LONGEST) == pytest.approx([0.5] * 20)
            await clock.advance(0.5 + MOMENT)
            await eventually(runs.done)
        endings = await runs
    assert {ending.result.content for ending in endings} == {TEXT}
    assert len(scenario.requests) == 60


def test_without_asyncio_it_is_the_same(leaks: LeakCheck, aimock: Aimock) -> None:
    agent = LightAgent(model="m", base_url=aimock.base_url, api_key=KEY)
    assert agent.run("[500-once]") == "Through after one 500."
    with pytest.raises(LightAgentError, match=r"^\[LA-500\] "):
        agent.run("[500]", max_retry=1)
    with pytest.raises(LightAgentError, match=r"^\[LA-500\] "):
        list(agent.run("[500]", max_retry=1, stream=True))
    events = list(agent.run("[500]", max_retry=1, stream=True, result_format="event"))
    assert [event.type for event in events] == ["error", "done"]
    agent.close()
