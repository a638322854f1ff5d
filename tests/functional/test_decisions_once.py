"""A run that was cut after any event goes on in another process, where nothing that is on record is decided again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from lightagent import ApprovalDecision, ConfigurationError, Journal, JsonObject
from lightagent.domain.outcomes import Completed
from lightagent.domain.policy.phases import MEMORY_PHASES, PHASES, Decision
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    Concluded,
    ContextAdded,
    Event,
    ModelRequested,
    Nested,
    ToolFinished,
    ToolStarted,
)
from tests.support.decided_runs import SCENARIOS, Record, build_agent, to_the_end

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cut:
    """A prefix of a run, what another process made of it, and how the whole run ended."""

    scenario: str
    prefix: Journal
    whole: Journal
    ending: JsonObject

    def list(self, name: str) -> list[str]:
        """What the other process did, as texts."""
        value = self.ending[name]
        assert isinstance(value, list)
        return [one if isinstance(one, str) else json.dumps(one) for one in value]

    @cached_property
    def journal(self) -> Journal:
        """The journal that the other process wrote."""
        assert "journal" in self.ending, self.ending
        return Journal.from_json(str(self.ending["journal"]))


async def whole_run(scenario: str) -> tuple[Journal, Record]:
    record = Record()
    agent = build_agent(record)
    journal = (await agent.arun("the query", result_format="object")).journal
    return await to_the_end(agent, journal, scenario), record


def elsewhere(tasks: list[tuple[str, Journal]]) -> list[JsonObject]:
    """What became of these journals in a process that knows nothing but their JSON."""
    lines = "\n".join(json.dumps({"scenario": name, "journal": journal.to_json()}) for name, journal in tasks)
    command = [sys.executable, "-m", "tests.support.decided_runs"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def cuts() -> list[Cut]:
    """Every run cut after each of its events but the first, which admits nothing yet, and the last."""
    found: list[tuple[str, Journal, Journal]] = []
    for scenario in SCENARIOS:
        whole, _ = asyncio.run(whole_run(scenario))
        lengths = range(2, len(whole.events))
        found.extend((scenario, Journal(whole.events[:length]), whole) for length in lengths)
    endings = elsewhere([(scenario, prefix) for scenario, prefix, _ in found])
    return [Cut(*one, ending) for one, ending in zip(found, endings, strict=True)]


def decided(journal: Journal) -> list[Decision]:
    """All decisions on record."""
    return [one for event in _innermost(journal.events) for one in getattr(event, "decisions", ())]


def _innermost(events: tuple[Event, ...]) -> Iterator[Event]:
    for event in events:
        inner = event
        while isinstance(inner, Nested):
            inner = inner.event
        yield inner


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_run_meets_every_boundary_and_signs_each_decision_once(scenario: str) -> None:
    whole, record = await whole_run(scenario)
    assert isinstance(whole.run.outcome, Completed)
    signatures = [decision.reason for decision in decided(whole)]
    assert sorted(signatures) == sorted(record.reviews)
    several = [one for one in signatures if not one.startswith("end ")]  # A run ends each time it waits.
    assert len(set(several)) == len(several)
    assert {decision.phase for decision in decided(whole)} == set(PHASES) - MEMORY_PHASES


async def test_every_cut_run_ends_the_same_with_the_same_decisions(cuts: list[Cut]) -> None:
    assert len(cuts) > 200
    for cut in cuts:
        assert cut.journal.run.outcome == cut.whole.run.outcome, cut.prefix.events[-1]
        assert cut.journal.run.messages == cut.whole.run.messages
        signatures = sorted(decision.reason for decision in decided(cut.journal))
        assert signatures == sorted(decision.reason for decision in decided(cut.whole)), cut.prefix.events[-1]


async def test_no_decision_on_record_is_made_again(cuts: list[Cut]) -> None:
    for cut in cuts:
        known = {decision.reason for decision in decided(cut.prefix) if decision.phase != "end"}
        again = known & set(cut.list("reviews"))
        assert not again, cut.prefix.events[-1]


async def test_an_interrupted_request_is_sent_as_it_is_on_record(cuts: list[Cut]) -> None:
    interrupted = [cut for cut in cuts if isinstance(cut.prefix.events[-1], ModelRequested)]
    assert len(interrupted) == 4 * len(SCENARIOS)
    for cut in interrupted:
        requested = cut.prefix.events[-1]
        assert isinstance(requested, ModelRequested)
        assert requested.messages is not None
        first = json.loads(cut.list("requests")[0])
        assert first["params"] == requested.params == {"seed": requested.turn}
        assert first["told"] == [message.to_openai() for message in requested.messages]
        assert "(marked)" in json.dumps(first["told"])
        assert not [one for one in cut.list("reviews") if one.startswith(f"model_request {requested.turn} / ")]


async def test_context_is_asked_for_once_and_conclusions_are_drawn_once(cuts: list[Cut]) -> None:
    for cut in cuts:
        known = [event.source for event in _innermost(cut.prefix.events) if isinstance(event, ContextAdded)]
        asked = [effect.split()[-1] for effect in cut.list("effects") if effect.startswith("source")]
        assert sorted(known + asked) == ["files", "memory", "recall"]
        known = [event.name for event in cut.prefix.events if isinstance(event, Concluded)]
        drawn = [effect.split()[-1] for effect in cut.list("effects") if effect.startswith("conclusion")]
        assert known + drawn == ["remember", "tally"]


def _asked(journal: Journal) -> list[tuple[str, JsonObject]]:
    events = _innermost(journal.events)
    return [(event.reason, event.arguments) for event in events if isinstance(event, ApprovalRequested)]


async def test_an_approved_call_is_not_asked_about_again_and_an_edited_one_is() -> None:
    approved, _ = await whole_run("approve")
    assert _asked(approved) == [("Pay Ann?", {"to": "Ann"})] * 2
    edited, record = await whole_run("edit")
    assert len(_asked(edited)) == 2
    assert len([one for one in record.reviews if one.startswith("tool_call") and "Eve" in one]) == 2
    again, _ = await whole_run("edit into what is asked about again")
    assert [arguments["to"] for _, arguments in _asked(again)] == ["Ann", "Ann Other", "Ann", "Ann Other"]


async def test_rewritten_arguments_are_the_calls_own(cuts: list[Cut]) -> None:
    for cut in cuts:
        begun = [event for event in cut.journal.events if isinstance(event, ToolStarted) and event.name == "look"]
        assert [event.arguments for event in begun] == [{"place": "a clean place"}]
        ended = [event for event in cut.journal.events if isinstance(event, ToolFinished) and event.call_id == "look"]
        assert [event.output for event in ended] == ["saw a clean place"]


async def test_before_admission_nothing_has_happened() -> None:
    whole, _ = await whole_run("approve")
    assert isinstance(whole.events[1], Admitted)
    assert "the query" not in Journal(whole.events[:1]).to_json()
    (ending,) = elsewhere([("approve", Journal(whole.events[:1]))])
    assert "nothing has happened" in str(ending["error"])
    assert not ending["reviews"]
    assert not ending["effects"]


async def test_a_run_that_was_begun_with_policies_is_not_resumed_without_them() -> None:
    whole, _ = await whole_run("approve")
    record = Record()
    without = build_agent(record, gated=False)
    waiting = next(place for place, event in enumerate(whole.events) if isinstance(event, ApprovalDecided))
    for length, decision in ((3, None), (waiting, ApprovalDecision.approve())):
        with pytest.raises(ConfigurationError, match="policies that this agent lacks: signing"):
            await without.aresume(Journal(whole.events[:length]), decision)
    assert record == Record()
