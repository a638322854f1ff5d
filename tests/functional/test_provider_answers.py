"""Answers that are none, or not whole: a typed error in time, the same for a plain and a streamed run."""

from __future__ import annotations

import asyncio
import resource

import pytest

from tests.functional.agents import MODES, agent_at, ask
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import at_once

BROKEN: list[tuple[str, dict[str, Option], str, bool]] = [
    ("html", {}, "LA-404", False),
    ("malformed", {}, "LA-500", True),
    ("not-an-object", {}, "LA-500", True),
    ("empty-body", {}, "LA-500", True),
    ("empty-choices", {}, "LA-500", True),
    ("null-choices", {}, "LA-500", True),
    ("no-choices", {}, "LA-500", True),
    ("null-message", {}, "LA-500", True),
    ("null-content", {}, "LA-500", True),
    ("error-in-stream", {}, "LA-503", True),
    ("raw", {"body": '{"choices": "none"}'}, "LA-500", True),
    ("raw", {"body": "null"}, "LA-500", True),
    ("raw", {"body": "[" * 5_000}, "LA-500", True),
    ("raw", {"body": '{"choices": [{"message": {"content": 5}}]}'}, "LA-500", True),
    ("raw", {"body": '{"error": {"message": "no such model", "code": 404}}'}, "LA-404", False),
]
"""Behaviour, its options, the code, and whether another attempt may help."""

SHOWS_A_PART = ("malformed", "error-in-stream")


@MODES
@pytest.mark.parametrize(("behaviour", "options", "code", "passing"), BROKEN)
async def test_a_broken_answer(
    leaks: LeakCheck,
    faults: FaultServer,
    behaviour: str,
    options: dict[str, Option],
    code: str,
    passing: bool,
    stream: bool,
) -> None:
    scenario = faults.scenario(behaviour, **options)
    async with agent_at(scenario.base_url) as agent:
        ending = await at_once(ask(agent, "Hello", stream=stream, max_retry=1))
    assert (ending.code, ending.result.outcome.kind) == (code, "failed"), ending.message
    assert ending.result.error is not None
    assert ending.result.error.retryable == passing
    assert len(scenario.requests) == 1
    await scenario.all_closed()


@MODES
async def test_a_broken_answer_before_a_good_one(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    """Asked for again where that can help, unless a part of it was shown."""

    async def after(behaviour: str, options: dict[str, Option], code: str, passing: bool) -> None:
        scenario = faults.scenario(behaviour, times=1, **options)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=stream)
        assert (ending.code, ending.result.content) in ((code, ending.live), (None, TEXT)), (behaviour, options)
        assert len(scenario.requests) == (2 if ending.result.success else 1)
        if not (stream and behaviour in SHOWS_A_PART):
            assert ending.result.success == passing
        elif ending.result.success:
            assert ending.live == TEXT, "nothing is told twice"

    await asyncio.gather(*(after(*broken) for broken in BROKEN))


@MODES
@pytest.mark.parametrize(
    ("behaviour", "code", "outcome"), [("length", "LA-413", "failed"), ("content-filter", "LA-403", "blocked")]
)
async def test_an_answer_cut_short_is_never_a_success(
    leaks: LeakCheck, faults: FaultServer, behaviour: str, code: str, outcome: str, stream: bool
) -> None:
    scenario = faults.scenario(behaviour)
    async with agent_at(scenario.base_url) as agent:
        ending = await ask(agent, "Hello", stream=stream)
    assert (ending.code, ending.result.outcome.kind) == (code, outcome)
    # The part that came is kept, unless the provider withholds it.
    assert (ending.result.content, ending.result.output) == ("" if outcome == "blocked" else TEXT, None)
    assert ending.result.finish_reason == behaviour.replace("-", "_")
    assert len(scenario.requests) == 1


@MODES
@pytest.mark.parametrize(("word", "code"), [("[length]", "LA-413"), ("[filter]", "LA-403")])
async def test_an_answer_cut_short_by_aimock_is_not_a_success(
    leaks: LeakCheck, aimock: Aimock, word: str, code: str, stream: bool
) -> None:
    async with agent_at(aimock.base_url) as agent:
        ending = await ask(agent, word, stream=stream)
    assert ending.code == code
    assert bool(ending.result.content) == (code == "LA-413")
    assert len(aimock.journal()) == 1


@MODES
async def test_calls_in_an_answer_cut_short_are_not_carried_out(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    """The server says `length` after whole calls: their arguments may be cut at a place where they still parse."""
    done: list[int] = []

    def add(a: int, b: int) -> int:
        done.append(a + b)
        return a + b

    body = (
        '{"choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "tool_calls": '
        '[{"id": "c", "type": "function", "function": {"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}}]}}]}'
    )
    async with agent_at(faults.scenario("raw", body=body).base_url, add) as agent:
        ending = await ask(agent, "Add.", stream=stream)
    assert (ending.code, done) == ("LA-413", [])


@MODES
@pytest.mark.parametrize("line", [0, 1], ids=["events", "one-line"])
async def test_a_huge_answer_is_refused_without_being_kept(
    leaks: LeakCheck, faults: FaultServer, line: int, stream: bool
) -> None:
    scenario = faults.scenario("big", mb=200, line=line)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with agent_at(scenario.base_url) as agent:
        ending = await ask(agent, "Hello", stream=stream)
    assert ending.code == "LA-413"
    assert "33554432 bytes" in ending.message
    assert len(scenario.requests) == 1
    assert scenario.connections[0].sent < 100_000_000, "the rest was not read"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000, "kB, the server's own share included"
    await scenario.all_closed()


@MODES
async def test_chaos(leaks: LeakCheck, aimock: Aimock, stream: bool) -> None:
    async with agent_at(aimock.base_url) as agent:
        words = ("[chaos-malformed]", "[chaos-drop]", "[chaos-disconnect]", "[chaos-ratelimit]")
        endings = await asyncio.gather(*(ask(agent, word, stream=stream, max_retry=2) for word in words))
    assert [ending.code for ending in endings] == ["LA-500", "LA-500", "LA-503", "LA-429"]
    # The second request of the word that disconnects is sent on a kept connection, and nobody answers it there.
    assert len(aimock.journal()) in (2 * len(words), 2 * len(words) + 1)
