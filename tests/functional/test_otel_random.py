"""Whatever a run does and wherever it is cut or left: its spans end once, in one tree, by the conventions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import AsyncRunStream, Journal
from lightagent.domain.runs.events import Event, ModelFailed, ModelReplied, Nested, RunFinished
from tests.functional.test_random_swarms import Seen, flat, random_swarm
from tests.support import generated_runs, nested_runs
from tests.support.recorded_spans import RecordedSpans, attribute
from tests.support.span_trees import roots, tree_faults

RUNS = int(os.environ.get("TEST_TRACED_RUNS", "4"))
CUTS = 3
"""Of so many places one is cut at, another one for each seed."""

Begin = Callable[[int, RecordedSpans], AsyncRunStream[Event, str]]


async def whole_generated(seed: int, seen: RecordedSpans) -> Journal:
    agent, deps = generated_runs.build_agent(sinks=[seen.sink]), generated_runs.Executions()
    journal = Journal(tuple([event async for event in agent.aevents(generated_runs.scenario(seed), deps=deps)]))
    return (await generated_runs.to_the_end(agent, journal, deps)).journal


async def whole_nested(seed: int, seen: RecordedSpans) -> Journal:
    done = nested_runs.Done()
    agent = nested_runs.build_team(done, sinks=[seen.sink])
    journal = Journal(tuple([event async for event in agent.aevents(nested_runs.random_plan(seed), deps=done)]))
    return (await nested_runs.to_the_end(agent, journal, done)).journal


def check_attempts(seen: RecordedSpans, journal: Journal) -> None:
    """Each attempt is one chat span and is measured once, with the tokens that the journal has."""
    attempts = [event for event in flat(journal.events) if isinstance(event, (ModelReplied, ModelFailed))]
    assert len(seen.of("chat")) == len(attempts)
    told = [event.usage.input_tokens for event in attempts if event.usage is not None and event.usage.input_tokens]
    points = {metric.name: [*metric.data.data_points] for metric in seen.metrics}
    assert sum(point.count for point in points["gen_ai.client.operation.duration"]) == len(attempts)
    tokens = points.get("gen_ai.client.token.usage", [])
    inputs = [point for point in tokens if (point.attributes or {})["gen_ai.token.type"] == "input"]
    assert (sum(point.sum for point in inputs), sum(point.count for point in inputs)) == (sum(told), len(told))


def check_links(seen: RecordedSpans, trace_id: str) -> None:
    """All that is told of a run that goes on is in its trace, and linked to where it began."""
    for root in roots(seen):
        assert root.context is not None
        assert f"{root.context.trace_id:032x}" == trace_id
        assert [f"{link.context.trace_id:032x}" for link in root.links] == [trace_id]


@pytest.mark.parametrize("seed", range(RUNS))
async def test_a_run_with_failures_and_approvals(seed: int) -> None:
    seen = RecordedSpans()
    journal = await whole_generated(seed, seen)
    assert not tree_faults(seen)
    check_attempts(seen, journal)
    for length in range(1 + seed % CUTS, len(journal.events), CUTS):
        again = RecordedSpans()
        cut = Journal.from_json(Journal(journal.events[:length]).to_json())
        agent = generated_runs.build_agent(sinks=[again.sink])
        await generated_runs.to_the_end(agent, cut, generated_runs.Executions())
        assert not tree_faults(again), length
        check_links(again, journal.started.trace_id)


@pytest.mark.parametrize("seed", range(RUNS, 2 * RUNS))
async def test_agents_within_agents(seed: int) -> None:
    seen = RecordedSpans()
    journal = await whole_nested(seed, seen)
    assert not tree_faults(seen)
    check_attempts(seen, journal)
    for length in range(1 + seed % CUTS, len(journal.events), CUTS):
        again, done = RecordedSpans(), nested_runs.Done()
        cut = Journal.from_json(Journal(journal.events[:length]).to_json())
        agent = nested_runs.build_team(done, first_id=10**6, sinks=[again.sink])
        await nested_runs.to_the_end(agent, cut, done)
        assert not tree_faults(again), length
        check_links(again, journal.started.trace_id)


def has_ended(event: Event) -> bool:
    return isinstance(event, Nested) and isinstance(event.event, RunFinished)


async def test_a_nested_run_that_had_ended_before_the_cut_is_not_told_again() -> None:
    """Found by chance: it was begun once more, and never ended where its call's id was used again."""
    plan = nested_runs.plan(*[[nested_runs.ask("c0", "desk", [("c0", "fast", {"n": turn})])] for turn in range(2)])
    done = nested_runs.Done()
    events = [event async for event in nested_runs.build_team(done).aevents(plan, deps=done)]
    ends = [place for place, event in enumerate(events) if has_ended(event)]
    again = RecordedSpans()
    agent = nested_runs.build_team(done, first_id=10**6, sinks=[again.sink])
    await nested_runs.to_the_end(agent, Journal(tuple(events[: ends[0] + 1])), done)
    assert not tree_faults(again)
    assert len([span for span in again.of("invoke_agent") if span.name.endswith("desk")]) == 1


def generated_stream(seed: int, seen: RecordedSpans) -> AsyncRunStream[Event, str]:
    agent = generated_runs.build_agent(sinks=[seen.sink])
    return agent.aevents(generated_runs.scenario(seed), deps=generated_runs.Executions())


def nested_stream(seed: int, seen: RecordedSpans) -> AsyncRunStream[Event, str]:
    done = nested_runs.Done()
    return nested_runs.build_team(done, sinks=[seen.sink]).aevents(nested_runs.random_plan(seed), deps=done)


@pytest.mark.parametrize("begin", [generated_stream, nested_stream])
async def test_runs_that_are_left_after_any_event(begin: Begin) -> None:
    for seed in range(RUNS):
        count = len([event async for event in begin(seed, RecordedSpans())])
        for taken in range(1, count):
            seen = RecordedSpans()
            async with aclosing(begin(seed, seen)) as stream:
                for _ in range(taken):
                    await anext(stream)
            assert not tree_faults(seen), (seed, taken)
            (root,) = roots(seen)
            assert attribute(root, "lightagent.outcome") == "cancelled"


async def test_swarms_that_serve_several_at_once() -> None:
    for seed in range(RUNS):
        seen, asked = RecordedSpans(), Seen()
        swarm, front = random_swarm(seed, asked, sinks=[seen.sink])
        results = await asyncio.gather(
            *(swarm.arun(front, f"MARK-{user}-MARK?", user_id=user, result_format="object") for user in ("ada", "bob"))
        )
        assert not tree_faults(seen)
        assert {f"{root.context.trace_id:032x}" for root in roots(seen) if root.context} == {
            result.trace_id for result in results
        }
        for span in seen.ended:
            assert span.context is not None
            (owner,) = [
                attribute(root, "user.id")
                for root in roots(seen)
                if root.context and root.context.trace_id == span.context.trace_id
            ]
            assert attribute(span, "user.id") == owner
