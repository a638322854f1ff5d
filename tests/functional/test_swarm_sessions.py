"""Sessions of a swarm: who takes the next turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    HistoryTransfer,
    Journal,
    JsonObject,
    LightAgent,
    LightSwarm,
    RunResult,
    Sessions,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.runs.effects import HandOver
from lightagent.domain.runs.events import ToolFinished
from lightagent.domain.swarm.handoff_limits import NextTurn
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool

TO_FINANCE, TO_DESK = call_tool("transfer_to_finance"), call_tool("transfer_to_desk")


@tool(requires_approval=True)
def pay() -> str:
    """Pay."""
    return "paid"


class Swarm:
    """Two agents of one swarm, as one process has them."""

    def __init__(
        self,
        store: JournalStore,
        desk: list[Reply | Program],
        finance: list[Reply | Program],
        next_turn: NextTurn | None = None,
        *,
        finance_name: str = "finance",
    ) -> None:
        self.models = {"desk": ScriptedModel(desk), "finance": ScriptedModel(finance)}
        self.desk = LightAgent(
            name="desk", role="You are desk.", model=self.models["desk"], session_store=store, metadata={"seed": 1}
        )
        self.finance = LightAgent(
            name=finance_name, role="You are finance.", model=self.models["finance"], session_store=store, tools=[pay]
        )
        self.swarm = LightSwarm(next_turn=next_turn)
        self.swarm.register_agent(self.desk, self.finance)

    def run(self, query: str, *, session_id: str = "s", metadata: JsonObject | None = None) -> RunResult[str]:
        result = self.swarm.run(
            self.desk,
            query,
            session_id=session_id,
            user_id="ada",
            metadata=metadata,
            result_format="object",
            trace=True,
        )
        assert Journal.from_json(result.journal.to_json()) == result.journal
        return result

    def requests(self, name: str) -> tuple[ChatRequest, ...]:
        return self.models[name].requests


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> JournalStore:
    return MemoryJournalStore() if request.param == "memory" else SqliteJournalStore(tmp_path / "s.db")


def test_the_next_turn_goes_to_the_agent_that_answered_last(store: JournalStore) -> None:
    first = Swarm(store, [TO_FINANCE], ["One."])
    assert first.run("1?").content == "One."
    second = Swarm(store, [], ["Two."])
    result = second.run("2?", metadata={"temperature": 0.5})
    assert result.content == "Two."
    (request,) = second.requests("finance")
    assert "You are finance." in str(request.messages[0])
    assert request.params == {"temperature": 0.5}
    assert request.origin.agent_name == "finance"
    assert "1?" in str(request.messages)
    started = result.journal.started
    assert started.head.name == "desk"
    assert started.acting is not None
    assert started.acting.name == "finance"
    assert result.journal.run.actors == ("finance",)
    third = Swarm(store, ["Desk."], [TO_DESK])
    assert third.run("3?").content == "Desk."
    fourth = Swarm(store, ["Desk again."], [])
    assert fourth.run("4?").content == "Desk again."
    assert fourth.requests("desk")[0].params == {"seed": 1}


def test_an_option_says_the_front_one(store: JournalStore) -> None:
    swarm = Swarm(store, [TO_FINANCE, "Desk."], ["One."], "front")
    assert swarm.run("1?").content == "One."
    assert swarm.run("2?").content == "Desk."


def test_another_session_begins_at_the_front(store: JournalStore) -> None:
    swarm = Swarm(store, [TO_FINANCE, "Desk."], ["One."])
    swarm.run("1?")
    assert swarm.run("2?", session_id="other").content == "Desk."


def test_an_agent_that_is_gone_leaves_the_turn_to_the_front_one(store: JournalStore) -> None:
    Swarm(store, [TO_FINANCE], ["One."]).run("1?")
    assert Swarm(store, ["Desk."], [], finance_name="payments").run("2?").content == "Desk."


def test_an_agent_alone_takes_its_own_turn(store: JournalStore) -> None:
    swarm = Swarm(store, [TO_FINANCE, "Desk."], ["One."])
    swarm.run("1?")
    assert swarm.desk.run("2?", session_id="s", user_id="ada") == "Desk."


def test_a_turn_that_failed_counts_for_nothing(store: JournalStore) -> None:
    Swarm(store, [TO_FINANCE], [RuntimeError("down")]).run("1?")
    assert Swarm(store, ["Desk."], []).run("1?").content == "Desk."


def test_a_turn_that_is_taken_back_gives_the_one_before_its_agent_again(store: JournalStore) -> None:
    Swarm(store, [TO_FINANCE], ["One."]).run("1?")
    last = Swarm(store, ["Desk."], [TO_DESK]).run("2?")
    again = Swarm(store, [], ["Two."])
    result = again.swarm.run(again.desk, "2!", session_id="s", user_id="ada", replace_turn=last.run_id)
    assert result == "Two."


async def test_a_session_that_was_trimmed_knows_its_agent(store: JournalStore) -> None:
    swarm = Swarm(store, [TO_FINANCE], ["One.", "Two.", "Three."])
    for query in ("1?", "2?"):
        await swarm.swarm.arun(swarm.desk, query, session_id="s", user_id="ada")
    await Sessions(store).trim("s", "ada", keep=1)
    assert await swarm.swarm.arun(swarm.desk, "3?", session_id="s", user_id="ada") == "Three."


def test_a_turn_of_it_that_waits_goes_on(store: JournalStore) -> None:
    Swarm(store, [TO_FINANCE], ["One."]).run("1?")
    waiting = Swarm(store, [], [call_tool("pay")]).run("2?")
    assert waiting.outcome.kind == "suspended"
    later = Swarm(store, [], ["Paid."])
    result = later.swarm.member(later.desk).resume(
        Journal.from_json(waiting.journal.to_json()), ApprovalDecision.approve(), store=store
    )
    assert result.content == "Paid."
    assert Swarm(store, [], ["Three."]).run("3?").content == "Three."


def test_limits_and_self_handoffs_go_by_the_agent_that_acts(store: JournalStore) -> None:
    Swarm(store, [TO_FINANCE], ["One."]).run("1?")
    result = Swarm(store, [TO_FINANCE], [TO_DESK, "Two."]).run("2?")
    assert result.content == "Two."
    handoffs = [one["data"] for one in result.trace if one["type"] == "handoff"]
    assert [(one["source_agent"], one["target_agent"]) for one in handoffs] == [
        ("finance", "desk"),
        ("desk", "finance"),
    ]
    assert result.journal.run.actors == ("finance", "desk", "finance")
    effects = [effect for one in result.journal.events if isinstance(one, ToolFinished) for effect in one.effects]
    assert all(isinstance(effect, HandOver) for effect in effects)


def test_what_does_not_go_along_is_no_part_of_the_session_any_more(store: JournalStore) -> None:
    desk = LightAgent(name="desk", model=ScriptedModel(["One.", TO_FINANCE]), session_store=store)
    finance_model = ScriptedModel(["Two.", "Three."])
    finance = LightAgent(name="finance", model=finance_model, session_store=store)
    swarm = LightSwarm(history=HistoryTransfer("none"))
    swarm.register_agent(desk, finance)
    for query in ("SECRET 1?", "2?", "3?"):
        swarm.run(desk, query, session_id="s", user_id="ada")
    assert "SECRET" not in str(finance_model.requests)
    assert "2?" in str(finance_model.requests[-1].messages)
