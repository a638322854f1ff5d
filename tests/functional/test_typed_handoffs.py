"""Handoffs with settings: what is passed along as a type, the tool, and when it is offered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    Handoff,
    HandoffContext,
    HistoryTransfer,
    HookContext,
    HookDecision,
    Journal,
    LightAgent,
    LightSwarm,
    RunContext,
    RunResult,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.application.swarm.handoff import HandoffSettings
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.domain.runs.events import ModelRequested, ToolFinished
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.gate_deeds import block
from tests.support.policy_run import DeedGate

QUERY = "Pay Müller."


class Payment(BaseModel):
    """A payment to be made."""

    payee: str
    cents: Annotated[int, Field(ge=1)]
    kind: Literal["invoice", "refund"] = "invoice"


@dataclass
class Trip:
    city: str
    nights: int = 1


class Leave(TypedDict):
    days: int


def agent(name: str, *replies: Reply | Program) -> LightAgent[None, str]:
    return LightAgent(name=name, role=f"You are {name}.", model=ScriptedModel(replies))


def swarm_of(*agents: LightAgent[None, str], handoffs: tuple[HandoffSettings[None], ...] = ()) -> LightSwarm[None]:
    swarm = LightSwarm()
    swarm.register_agent(*agents)
    swarm.register_handoff(*handoffs)
    return swarm


def requests(agent: LightAgent[None, str]) -> Sequence[ChatRequest]:
    model = agent.means.model
    assert isinstance(model, ScriptedModel)
    return model.requests


def statuses(result: RunResult[str]) -> list[str]:
    return [call.status for call in result.tool_calls]


def test_a_model_is_the_parameters_of_the_tool_and_its_values_come_back() -> None:
    desk = agent("desk", call_tool("transfer_to_finance", payee="Müller", cents=500))
    finance = agent("finance", "Paid.")
    handoff = Handoff(finance, input_type=Payment, briefing=lambda payment: f"Pay {payment.cents} cents.")
    result = swarm_of(desk, finance, handoffs=(handoff,)).run(desk, QUERY, result_format="object")

    assert result.content == "Paid."
    (spec,) = requests(desk)[0].tools
    assert spec.parameters == {
        "description": "A payment to be made.",
        "type": "object",
        "properties": {
            "payee": {"type": "string"},
            "cents": {"type": "integer", "minimum": 1},
            "kind": {"type": "string", "enum": ["invoice", "refund"], "default": "invoice"},
        },
        "required": ["payee", "cents"],
        "additionalProperties": False,
    }
    assert handoff.passed(result.journal) == (Payment(payee="Müller", cents=500),)
    assert handoff.passed(Journal.from_json(result.journal.to_json())) == handoff.passed(result.journal)
    told = [one.content for one in requests(finance)[0].messages if isinstance(one, ToolMessage)]
    assert told == ["The agent finance goes on with this conversation.\nPay 500 cents."]


def test_dataclasses_and_typed_dicts() -> None:
    desk = agent("desk", call_tool("transfer_to_hr", days=3))
    hr = agent("hr", call_tool("transfer_to_travel", city="Bern"))
    travel = agent("travel", "Booked.")
    trips, days = Handoff(travel, input_type=Trip), Handoff(hr, input_type=Leave)
    result = swarm_of(desk, hr, travel, handoffs=(trips, days)).run(desk, QUERY, result_format="object")
    assert trips.passed(result.journal) == (Trip("Bern"),)
    assert days.passed(result.journal) == ({"days": 3},)


class Node(BaseModel):
    name: str
    parts: list[Node] = []


def test_a_type_that_refers_to_itself() -> None:
    calls = [call_tool("transfer_to_finance", name="a", parts=[{"name": name}]) for name in (5, "b")]
    desk, finance = agent("desk", *calls), agent("finance", "Done.")
    handoff = Handoff(finance, input_type=Node)
    result = swarm_of(desk, finance, handoffs=(handoff,)).run(desk, QUERY, result_format="object")
    assert handoff.passed(result.journal) == (Node(name="a", parts=[Node(name="b")]),)
    assert "parts[0].name: the number 5" in str(result.tool_calls[0].output)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{}", "payee"),
        ('{"payee": "M", "cents": "500"}', "the string"),
        ('{"payee": "M", "cents": 5.0}', "cents"),
        ('{"payee": "M", "cents": true}', "true"),
        ('{"payee": "M", "cents": 0}', "greater than or equal to 1"),
        ('{"payee": "M", "cents": 5, "kind": "gift"}', "'invoice' or 'refund'"),
        ('{"payee": "M", "cents": 5, "to": "x"}', "to"),
        ('{"payee": null, "cents": 5}', "null"),
        ('{"payee": "M", "cents": 5, "payee": "N"}', "payee"),
        ('{"payee": "\\ud83d", "cents": 5}', "lone surrogate"),
        ('{"payee": "M", "cents": 1e400}', "1e400"),
        ('["M", 5]', "JSON object"),
        ("{", "JSON"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_and_can_be_mended(arguments: str, says: str) -> None:
    first = AssistantMessage(None, (ToolCall("c1", "transfer_to_finance", arguments),))
    desk = agent("desk", first, call_tool("transfer_to_finance", payee="M", cents=5))
    finance = agent("finance", "Paid.")
    handoff = Handoff(finance, input_type=Payment)
    result = swarm_of(desk, finance, handoffs=(handoff,)).run(desk, QUERY, result_format="object")
    assert statuses(result) == ["refused", "ok"]
    assert says in str(result.tool_calls[0].output)
    assert result.content == "Paid."
    assert handoff.passed(result.journal) == (Payment(payee="M", cents=5),)


def test_a_reason_is_what_is_passed_where_no_type_is_named() -> None:
    desk = agent("desk", call_tool("transfer_to_finance", reason="Money."))
    finance = agent("finance", "Paid.")
    handoff = Handoff(finance, briefing=str.upper)
    result = swarm_of(desk, finance, handoffs=(handoff,)).run(desk, QUERY, result_format="object")
    assert handoff.passed(result.journal) == ("Money.",)
    assert "MONEY." in str(result.tool_calls[0].output)


def test_name_and_description_of_the_tool_and_who_hands_over_so() -> None:
    desk, hr, finance = agent("desk", call_tool("pay", reason="x")), agent("hr"), agent("finance", "Paid.")
    handoff = Handoff(finance, tool_name="pay", tool_description="Pays.", sources=[desk])
    swarm = swarm_of(desk, hr, finance, handoffs=(handoff,))
    assert swarm.run(desk, QUERY) == "Paid."
    assert [(spec.name, spec.description) for spec in requests(desk)[0].tools][1] == ("pay", "Pays.")
    names = [spec.get("function") for spec in swarm.member(hr).get_tools()]
    assert "transfer_to_finance" in str(names)
    assert "'pay'" not in str(names)


def test_a_handoff_is_offered_when_its_function_says_so() -> None:
    asked: list[HandoffContext[None]] = []

    async def later(context: HandoffContext[None]) -> bool:
        asked.append(context)
        return context.origin.turn > 1

    desk = agent("desk", call_tool("transfer_to_finance"), call_tool("transfer_to_finance"))
    hr, finance = agent("hr"), agent("finance", "Paid.")
    result = swarm_of(desk, hr, finance, handoffs=(Handoff(finance, is_enabled=later),)).run(
        desk, QUERY, result_format="object", user_id="ada"
    )
    offered = [[spec.name for spec in request.tools] for request in requests(desk)]
    assert offered == [["transfer_to_hr"], ["transfer_to_hr", "transfer_to_finance"]]
    assert statuses(result) == ["refused", "ok"]
    assert "Tools: transfer_to_hr." in str(result.tool_calls[0].output)
    assert [(one.origin.agent_name, one.origin.scope.user, one.route) for one in asked] == [
        ("desk", "ada", ("desk",)),
        ("desk", "ada", ("desk",)),
    ]


def test_one_that_is_switched_off_is_never_offered() -> None:
    desk, finance = agent("desk", call_tool("transfer_to_finance"), "I stay."), agent("finance")
    swarm = swarm_of(desk, finance, handoffs=(Handoff(finance, is_enabled=False),))
    assert swarm.run(desk, QUERY) == "I stay."
    assert [request.tools for request in requests(desk)] == [(), ()]


@pytest.mark.parametrize("answer", ["1", "null", '"yes"'])
def test_a_function_that_says_neither_offers_nothing(answer: str) -> None:
    def odd(context: HandoffContext[None]) -> bool:
        said: bool = json.loads(answer)
        return said

    desk, finance = agent("desk", "?"), agent("finance")
    result = swarm_of(desk, finance, handoffs=(Handoff(finance, is_enabled=odd),)).run(
        desk, QUERY, result_format="object"
    )
    assert result.error is not None
    assert result.error.code == "LA-CONFIG"
    assert not requests(desk)


def test_a_function_that_fails_ends_the_run_before_the_model_is_asked() -> None:
    def fails(context: HandoffContext[None]) -> bool:
        raise LookupError("no such user")

    desk, finance = agent("desk", "?"), agent("finance")
    result = swarm_of(desk, finance, handoffs=(Handoff(finance, is_enabled=fails),)).run(
        desk, QUERY, result_format="object"
    )
    assert result.error is not None
    assert not requests(desk)


def test_a_briefing_that_fails_is_a_call_that_failed() -> None:
    def fails(payment: Payment) -> str:
        raise LookupError("no such payee")

    desk = agent("desk", call_tool("transfer_to_finance", payee="M", cents=5), "I stay.")
    finance = agent("finance")
    result = swarm_of(desk, finance, handoffs=(Handoff(finance, input_type=Payment, briefing=fails),)).run(
        desk, QUERY, result_format="object"
    )
    assert result.content == "I stay."
    assert statuses(result) == ["failed"]


def test_other_calls_of_the_turn_come_first_and_the_first_handoff_that_may_wins() -> None:
    done: list[str] = []

    @tool
    async def slow() -> str:
        """Take a while."""
        await asyncio.sleep(0.02)
        done.append("slow")
        return "slow is done"

    calls = [
        ToolCall(f"c{place}", name, arguments)
        for place, (name, arguments) in enumerate(
            [
                ("transfer_to_desk", "{}"),
                ("transfer_to_finance", '{"payee": 5}'),
                ("transfer_to_hr", "{}"),
                ("slow", "{}"),
                ("transfer_to_travel", "{}"),
            ]
        )
    ]
    desk = LightAgent(name="desk", model=ScriptedModel([AssistantMessage(None, tuple(calls))]), tools=[slow])
    finance, hr, travel = agent("finance"), agent("hr", "Here is HR."), agent("travel")
    result = swarm_of(desk, finance, hr, travel, handoffs=(Handoff(finance, input_type=Payment),)).run(
        desk, QUERY, result_format="object"
    )
    assert result.content == "Here is HR."
    assert done == ["slow"]
    assert statuses(result) == ["refused", "refused", "ok", "ok", "failed"]
    assert "handed this conversation over to hr in this turn already" in str(result.tool_calls[4].output)
    finished = [event.call_id for event in result.journal.events if isinstance(event, ToolFinished)]
    assert finished == ["c0", "c1", "c3", "c2", "c4"]
    assert result.journal.run.route == ("hr",)


def test_a_policy_that_ends_the_run_at_another_call_leaves_the_handoff_untouched() -> None:
    @tool
    def work() -> str:
        """Work."""
        return "done"

    calls = (ToolCall("h", "transfer_to_finance", "{}"), ToolCall("w", "work", "{}"))
    desk = LightAgent(
        name="desk",
        model=ScriptedModel([AssistantMessage(None, calls)]),
        tools=[work],
        gate=DeedGate("tool_result", block),
    )
    finance = agent("finance")
    result = swarm_of(desk, finance).run(desk, QUERY, result_format="object")
    assert result.outcome.kind == "blocked"
    assert statuses(result) == ["refused", "withheld"]
    assert not requests(finance)


def test_a_handoff_that_waits_for_a_human_gives_way_to_another_of_the_turn() -> None:
    def ask(context: HookContext) -> HookDecision | None:
        waits = context.phase == "before_tool_call" and "transfer_to_finance" in str(context.payload)
        return HookDecision.ask("Sure?") if waits else None

    calls = tuple(ToolCall(name, f"transfer_to_{name}", "{}") for name in ("finance", "hr"))
    desk = LightAgent(name="desk", model=ScriptedModel([AssistantMessage(None, calls)]), hooks=[ask])
    finance, hr = agent("finance"), agent("hr", "Here is HR.")
    swarm = swarm_of(desk, finance, hr)
    waiting = swarm.run(desk, QUERY, result_format="object")
    assert waiting.outcome.kind == "suspended"
    result = swarm.member(desk).resume(waiting.journal, ApprovalDecision.approve())
    assert result.content == "Here is HR."
    assert statuses(result) == ["failed", "ok"]


def test_a_call_of_a_tool_that_only_another_agent_has_is_answered_with_the_own_ones() -> None:
    @tool
    def route_call() -> str:
        """Route."""
        return "routed"

    @tool
    def book() -> str:
        """Book."""
        return "booked"

    desk = LightAgent(
        name="desk",
        model=ScriptedModel([call_tool("route_call"), call_tool("transfer_to_finance")]),
        tools=[route_call],
    )
    finance = LightAgent(name="finance", model=ScriptedModel([call_tool("route_call"), "Done."]), tools=[book])
    result = swarm_of(desk, finance).run(desk, QUERY, result_format="object")
    assert result.content == "Done."
    assert result.tool_calls[-1].status == "refused"
    assert "Tools: book, transfer_to_desk." in str(result.tool_calls[-1].output)


def test_what_is_refused() -> None:
    desk, finance, hr = agent("desk"), agent("finance"), agent("hr")
    swarm = swarm_of(desk, finance, hr)
    swarm.register_handoff(Handoff(finance, sources=[desk]))
    for wrong, text in (
        (Handoff(finance), "two handoffs say how 'desk' hands over to 'finance'"),
        (Handoff(agent("stranger")), "'stranger' is not registered"),
        (Handoff(agent("finance")), "'finance' is not registered"),
        (Handoff(hr, sources=[agent("stranger")]), "'stranger' is not registered"),
        (
            Handoff(hr, tool_name="transfer_to_finance", sources=[desk]),
            "to another agent by the tool transfer_to_finance",
        ),
    ):
        with pytest.raises(ConfigurationError, match=text):
            swarm.register_handoff(Handoff(hr, sources=[finance]), wrong)
    swarm.register_handoff(Handoff(hr, sources=[finance]))  # None of those before has counted.
    wrong_options: list[tuple[dict[str, Any], str]] = [
        ({"tool_name": "größe"}, "tool_name must be"),
        ({"tool_name": ""}, "tool_name must be"),
        ({"input_type": int}, "not an object in JSON"),
        ({"input_type": list[Payment]}, "not an object in JSON"),
        ({"input_type": RunContext}, "no JSON schema|no object"),
        ({"history": "none"}, "history is a HistoryTransfer"),
        ({"is_enabled": "yes"}, "is_enabled is a bool"),
        ({"briefing": "x"}, "briefing is a function"),
        ({"tool_description": 5}, "tool_description must be text"),
        ({"sources": "desk"}, "sources must be a list"),
        ({"sources": [5]}, "expected an agent, got int"),
    ]
    for options, text in wrong_options:
        with pytest.raises(ConfigurationError, match=text):
            Handoff(finance, **options)
    for nobody in ("null", '"finance"', "[]"):
        with pytest.raises(ConfigurationError, match="expected an agent"):
            Handoff(json.loads(nobody))
    for keep in ("0", "-1", "true", "1.5", '"some"', "null"):
        with pytest.raises(ConfigurationError, match="keep must be"):
            HistoryTransfer(json.loads(keep))


def test_a_journal_tells_which_handoffs_were_offered() -> None:
    desk, finance = agent("desk", "Hello."), agent("finance")
    result = swarm_of(desk, finance, handoffs=(Handoff(finance, is_enabled=False),)).run(
        desk, QUERY, result_format="object"
    )
    (requested,) = [event for event in result.journal.events if isinstance(event, ModelRequested)]
    assert (requested.tools, requested.hidden) == ((), ("transfer_to_finance",))
    assert Journal.from_json(result.journal.to_json()) == result.journal
