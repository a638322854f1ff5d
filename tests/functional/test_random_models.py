"""A model that searches, activates skills and calls tools in random order and number: each run ends, and resumes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from lightagent import (
    ApprovalDecision,
    ChatRequest,
    Journal,
    LightAgent,
    RunResult,
    Tool,
    ToolAnswer,
    ToolSelection,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.state import waiting_calls
from lightagent.testing import ScriptedModel, call_tool
from tests.support.many_tools import DEEDS, THINGS, ChangingTools, assert_only_added, many_tools, offered
from tests.support.skill_folders import write_skill

RUNS = max(8, int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 5)
MOST = 40
SELECTION = ToolSelection(threshold=10, tokens=600, most=MOST, always=("pay",))
SKILLS = ("unit-prices", "returns", "no-limits")
ENDS = ("completed", "budget_exhausted")


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return f"paid {amount}"


@tool
def unlock() -> ToolAnswer:
    """Unlock the tools for backups."""
    return ToolAnswer("unlocked", offer=("list_backup", "delete_backup"))


@pytest.fixture(scope="module")
def skills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skills")
    guide = {"references/guide.md": "Round up."}
    write_skill(folder, "unit-prices", front="allowed-tools: list_* search_tools\n", files=guide)
    write_skill(folder, "returns", description="Returns goods.", front="allowed-tools: create_refund pay\n")
    write_skill(folder, "no-limits", description="Tells jokes.", files=guide)
    return folder


class RandomModel:
    """What a confused model answers; the seed decides."""

    def __init__(self, seed: int, source: ChangingTools) -> None:
        self.chance = Random(seed)
        self.source = source

    def __call__(self, request: ChatRequest) -> Sequence[ToolCall] | str:
        chance = self.chance
        if chance.random() < 0.2:
            return "done"
        if chance.random() < 0.2:
            self.source.change(chance.choice(["list_backup", "create_refund", "delete_ticket"]))
        return [self.call(request) for _ in range(chance.randint(1, 7))]

    def call(self, request: ChatRequest) -> ToolCall:
        chance = self.chance
        kind = chance.randrange(8)
        skill = chance.choice([*SKILLS, "Unit-Prices", "../returns", ""])
        if kind <= 1:
            words = " ".join(chance.sample([*THINGS, *DEEDS, "zzz", "価格"], chance.randint(1, 4)))
            return call_tool("search_tools", query=words)
        if kind == 2:
            return call_tool("activate_skill", skill_name=skill)
        if kind == 3:
            path = chance.choice(["references/guide.md", "guide.md", "../../etc/passwd", "SKILL.md"])
            return call_tool("read_skill_reference", skill_name=skill, ref_path=path)
        if kind == 4:
            return call_tool("pay", amount=chance.choice([1, "many", None]))
        if kind == 5:
            name = chance.choice(["unlock", "list_skills", "execute_skill_script", "list_backup", "no_such_tool", ""])
            return call_tool(name)
        return call_tool(chance.choice(request.tools).name if request.tools else "unlock", query="backup")


def agent_of(model: ScriptedModel, source: ChangingTools, skills: Path, store: MemoryJournalStore) -> LightAgent:
    """The agent, as each process makes it anew."""
    own: list[Tool[object]] = [pay, unlock]
    return LightAgent(
        model=model,
        name="a",
        tools=[source, *own],
        tool_selection=SELECTION,
        skills_directories=[str(skills)],
        session_store=store,
    )


def decisions(journal: Journal, chance: Random) -> dict[str, ApprovalDecision]:
    """What a human says of each call that waits."""
    return {
        key: ApprovalDecision.approve() if chance.random() < 0.6 else ApprovalDecision.reject("No.")
        for key in waiting_calls(journal.run)
    }


async def to_the_end(result: RunResult[str], fresh: LightAgent, chance: Random) -> RunResult[str]:
    """The run with all its approvals, each from the JSON of the journal."""
    while isinstance(result.outcome, Suspended):
        result = await fresh.aresume(result.journal.to_json(), decisions(result.journal, chance))
    return result


def check(result: RunResult[str]) -> None:
    """The run has ended in a way that is known, and its journal can be read again."""
    assert result.outcome.kind in ENDS, result.error
    if result.outcome.kind == "completed":  # What a model asks for beyond its last turn is not carried out.
        assert all(call.output is not None for call in result.tool_calls)
    assert Journal.from_json(result.journal.to_json()).run == result.journal.run


@pytest.mark.parametrize("seed", range(RUNS))
async def test_whatever_a_model_does_with_tools_and_skills_the_turns_of_its_session_end(
    seed: int, skills: Path
) -> None:
    source, store = ChangingTools(many_tools()), MemoryJournalStore()
    behaviour = RandomModel(seed, source)
    model = ScriptedModel(behaviour)
    for _ in range(3):
        query = f"Look after the {behaviour.chance.choice(THINGS)}."
        result = await agent_of(model, source, skills, store).arun(query, session_id="s", result_format="object")
        check(await to_the_end(result, agent_of(model, source, skills, store), behaviour.chance))
    assert max(len(request.tools) for request in model.requests) <= MOST + 2  # What a tool unlocks is its own affair.
    assert all(len(set(offered(request))) == len(request.tools) for request in model.requests)


@pytest.mark.parametrize("seed", range(RUNS))
async def test_wherever_such_a_run_is_interrupted_it_resumes_and_ends(seed: int, skills: Path) -> None:
    source, store = ChangingTools(many_tools()), MemoryJournalStore()
    behaviour = RandomModel(seed + 1_000, source)
    chance, model = behaviour.chance, ScriptedModel(behaviour)
    whole = await agent_of(model, source, skills, store).arun("Look after the backup.", result_format="object")
    whole = await to_the_end(whole, agent_of(model, source, skills, store), chance)
    check(whole)
    assert_only_added(model.requests)
    events = whole.journal.events
    for cut in chance.sample(range(1, len(events)), min(4, len(events) - 1)):
        journal = Journal.from_json(Journal(events[:cut]).to_json())
        after = ScriptedModel(behaviour)
        fresh = agent_of(after, source, skills, MemoryJournalStore())
        resumed = await fresh.aresume(journal, decisions(journal, chance) or None)
        check(await to_the_end(resumed, fresh, chance))
        assert_only_added(after.requests)
