"""A run cut after any event goes on in another process and ends the same; no finished call is repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from lightagent import Journal, JsonObject
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ApprovalDecided, Event, ToolFinished, ToolStarted
from tests.support.generated_runs import Executions, build_agent, decisions, scenario, to_the_end

RUNS = int(os.environ.get("TEST_GENERATED_RUNS", "24"))
FEWER = min(RUNS, 200)
"""Runs of the tests whose runs are alike sooner."""
SECONDS = max(900, RUNS // 2)
ROOT = Path(__file__).parents[2]


async def whole_run(seed: int) -> Journal:
    """The uncut run, with all its approvals."""
    agent, deps = build_agent(), Executions()
    journal = Journal(tuple([event async for event in agent.aevents(scenario(seed), deps=deps)]))
    while isinstance(journal.run.outcome, Suspended):
        journal = (await agent.aresume(journal, decisions(journal), deps=deps)).journal
    return journal


def elsewhere(journals: list[Journal], *flags: str) -> list[JsonObject]:
    """How these journals end in a process that knows nothing but their JSON."""
    lines = "\n".join(journal.to_json() for journal in journals)
    command = [sys.executable, "-m", "tests.support.generated_runs", *flags]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def prefixes(journal: Journal) -> list[Journal]:
    """The journal as it stood after each of its events but the last."""
    return [Journal(journal.events[:length]) for length in range(1, len(journal.events))]


def finished_keys(events: tuple[Event, ...]) -> set[str]:
    """The idempotency keys of the calls that have their result."""
    keys: set[str] = set()
    open_calls: dict[str, str] = {}
    for event in events:
        if isinstance(event, ToolStarted):
            open_calls[event.call_id] = event.idempotency_key
        elif isinstance(event, ToolFinished) and event.call_id in open_calls:
            keys.add(open_calls.pop(event.call_id))
    return keys


def comparable(result: JsonObject) -> JsonObject:
    """A result without its timing, and without the tokens of requests that a crash made twice."""
    calls = result["tool_calls"]
    assert isinstance(calls, list)
    plain = [{k: v for k, v in call.items() if k != "duration"} for call in calls if isinstance(call, dict)]
    return {**result, "tool_calls": [*plain], "usage": None, "trace_id": "", "run_id": ""}


@pytest.mark.timeout(SECONDS)
async def test_a_run_cut_after_any_event_ends_the_same_elsewhere() -> None:
    cut: list[Journal] = []
    wanted: list[JsonObject] = []
    agent = build_agent()
    for seed in range(RUNS):
        journal = await whole_run(seed)
        ending = comparable(agent.replay(journal).to_dict())
        for prefix in prefixes(journal):
            cut.append(prefix)
            wanted.append(ending)
    endings = elsewhere(cut)
    assert len(endings) == len(cut) > RUNS * 3
    for prefix, ending, want in zip(cut, endings, wanted, strict=True):
        result, ran = ending["result"], ending["ran"]
        assert isinstance(result, dict)
        assert isinstance(ran, list)
        assert comparable(result) == want, prefix.to_json()
        assert not finished_keys(prefix.events) & {str(key) for key in ran}, prefix.to_json()


async def test_an_interrupted_call_that_may_not_be_repeated_is_reported_and_not_repeated() -> None:
    journals: list[Journal] = []
    for seed in range(FEWER):
        cut = prefixes(await whole_run(seed))
        journals.extend(p for p in cut if any(call.status == "started" for call in p.run.calls.values()))
    assert len(journals) > FEWER // 4
    for prefix, ending in zip(journals, elsewhere(journals, "--once"), strict=True):
        result, ran = ending["result"], ending["ran"]
        assert isinstance(result, dict)
        assert isinstance(ran, list)
        calls = result["tool_calls"]
        assert isinstance(calls, list)
        interrupted = {call.call.id for call in prefix.run.calls.values() if call.status == "started"}
        unknown = {call["id"] for call in calls if isinstance(call, dict) and call["status"] == "unknown"}
        assert unknown == interrupted
        turn = prefix.run.turn
        assert not any(str(key).endswith(f":{turn}:{call_id}") for key in ran for call_id in interrupted)


async def test_a_resumed_run_can_be_cut_again() -> None:
    """Whoever stores every event, also those after a resumption, loses nothing to the second crash either."""
    for seed in range(FEWER):
        whole = await whole_run(seed)
        first_cut = len(whole.events) // 3 or 1
        journal, agent, again = Journal(whole.events[:first_cut]), build_agent(), Executions()
        while journal.run.outcome is None or isinstance(journal.run.outcome, Suspended):
            waits = isinstance(journal.run.outcome, Suspended)
            events = agent.aresume_events(journal, decisions(journal) if waits else None, deps=again)
            async with aclosing(events):
                lived = 0
                async for event in events:  # each process lives for a few events, and dies
                    journal = Journal((*journal.events, event))
                    lived += not isinstance(event, ApprovalDecided)
                    if lived == 5:
                        break
        ended, told = agent.replay(journal), agent.replay(whole)
        assert comparable(ended.to_dict()) == comparable(told.to_dict())
        finished = set(again.keys) & finished_keys(whole.events[:first_cut])
        assert not finished


async def test_plain_and_streamed_runs_have_the_same_journal() -> None:
    for seed in range(FEWER):
        plain, streamed, text = build_agent(), build_agent(), scenario(seed)
        first = await plain.arun(text, deps=Executions(), result_format="object")
        events = [event async for event in streamed.astream(text, deps=Executions(), result_format="event")]
        assert events[-1].type == "done"
        assert streamed.export_journal() == first.journal


async def test_replaying_a_journal_asks_nobody_and_gives_the_same_result() -> None:
    for seed in range(FEWER):
        agent, deps = build_agent(), Executions()
        begun = Journal(tuple([event async for event in agent.aevents(scenario(seed), deps=deps)]))
        result = await to_the_end(agent, begun, deps)
        ran = len(deps.keys)
        assert build_agent().replay(result.journal.to_json()) == result
        assert len(deps.keys) == ran
