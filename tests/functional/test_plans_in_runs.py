"""Plans beside what else a run has: policies, budgets, sessions, stores, selected tools, other agents."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import (
    ApprovalDecision,
    BudgetLimits,
    Budgets,
    CapabilityPolicy,
    CapabilityRule,
    ContextBudget,
    FunctionTool,
    HookContext,
    HookDecision,
    InProcessMemory,
    Journal,
    LightAgent,
    LightSwarm,
    MemoryPolicy,
    ModelPrice,
    PriceTable,
    Runs,
    Sessions,
    ToolSelection,
    TreeOfThought,
    spent_in,
    summarize_trace,
    tool,
)
from lightagent.adapters.chat.scripted import Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.runs.events import ContextReplaced, Noted
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.planners import (
    LOOK,
    QUERY,
    TREE,
    Planner,
    asked,
    kind_of,
    look,
    offered,
    plan,
    planned,
    planning,
    proposals,
    result_of,
    shake,
    told,
)
from tests.support.recorded_spans import RecordedSpans


def test_the_plan_sees_what_was_remembered_and_is_trusted_no_more_than_that() -> None:
    memory = InProcessMemory()
    planner = Planner(["I will.", "The red one."], [proposals(LOOK)])
    agent = planning(planner, memory=memory)
    agent.run("Remember that my box is red.", user_id="ann")
    agent.run("Which box?", user_id="ann")
    assert "my box is red" in asked(planner.of("propose")[1])
    (message,) = told(planner.of("act")[1])
    assert message.trust == "untrusted"


def test_the_next_turn_of_a_session_has_a_plan_of_its_own() -> None:
    store = MemoryJournalStore()
    planner = Planner(propose=[proposals(LOOK), proposals(plan(("Shake.", "shake")))])
    agent = planning(planner, session_store=store)
    agent.run(QUERY, session_id="s")
    agent.run("And if it is shaken?", session_id="s")
    assert [len(told(request)) for request in planner.of("act")] == [1, 1]
    assert "Shake." in told(planner.of("act")[1])[0].content
    assert f"user: {QUERY}" in asked(planner.of("propose")[1])
    messages = asyncio.run(Sessions(store).messages("s"))
    assert "plan" not in json.dumps(messages)
    assert not any("Look into" in str(message) for message in agent.get_history())


class Seen:
    """A hook that notes what it is shown, and may block."""

    def __init__(self, block: str = "") -> None:
        self.texts: list[str] = []
        self._block = block

    def before_model_request(self, context: HookContext) -> HookDecision | None:
        return self._look(json.dumps(context.payload["params"]))

    def after_model_response(self, context: HookContext) -> HookDecision | None:
        return self._look(str(context.payload["content"]))

    def _look(self, text: str) -> HookDecision | None:
        self.texts.append(text)
        return HookDecision.block("Not so.") if self._block and self._block in text else None


def test_hooks_see_what_is_asked_for_a_plan_and_what_is_answered() -> None:
    hook = Seen()
    planner = Planner(propose=[proposals(LOOK)])
    result_of(planner, hooks=[hook])
    assert len(hook.texts) == 6
    assert "The tools of the assistant" in hook.texts[0]
    assert "Look into the box." in hook.texts[1]


@pytest.mark.parametrize("block", ["The tools of the assistant", "Look into the box."])
def test_what_a_policy_blocks_ends_the_run_before_anything_is_done(block: str) -> None:
    planner = Planner([call_tool("look"), "A cat."], [proposals(LOOK)])
    result = result_of(planner, hooks=[Seen(block)])
    assert result.outcome.kind == "blocked"
    assert result.error is not None
    assert result.error.code == "LA-HOOK"
    assert not planner.of("act")
    (event,) = planned(result)
    assert event.plan is None


def test_a_hook_may_rewrite_what_is_asked() -> None:
    def hide(context: HookContext) -> HookDecision | None:
        text = json.dumps(context.payload)
        return HookDecision.replace(json.loads(text.replace("secret", "[hidden]"))) if "secret" in text else None

    hook = type("Hide", (), {"before_model_request": staticmethod(hide)})()
    planner = Planner(propose=[proposals(LOOK)])
    planning(planner, hooks=[hook]).run("What is the secret?")
    assert all("secret" not in str(request.messages) for _, request in planner.requests)


def test_guardrails_of_answers_look_at_the_answer_alone() -> None:
    seen: list[str] = []

    def guard(text: str, context: object) -> bool:
        seen.append(text)
        return True

    result_of(Planner(propose=[proposals(LOOK)]), output_guardrails=[guard])
    assert seen == ["Done."]


def test_requests_for_plans_count_on_the_budget_of_the_run() -> None:
    kinds = ["propose", "reflect", "act"]
    for most in (1, 2, 3):
        planner = Planner(propose=[proposals(LOOK)])
        result = result_of(planner, budgets=BudgetLimits(model_calls=most))
        assert planner.kinds == kinds[:most]
        assert (result.outcome.kind, len(planned(result))) == ("completed" if most == 3 else "budget_exhausted", 1)
        notes = [event.kind for event in result.journal.events if isinstance(event, Noted)]
        assert notes == ["thought_requested", "thought"] * min(most, 2)


def test_tokens_of_plans_count_on_the_budget_of_the_run_as_they_are_spent() -> None:
    endless = proposals(*(plan(f"{name}", complete=False) for name in "abc"))
    planner = Planner(propose=[endless], score=['{"scores": [0.5, 0.6, 0.7]}'])
    how = TreeOfThought(3, 3, 9, "best_first", 500)
    result = result_of(planner, how, budgets=BudgetLimits(tokens=3_000))
    assert 3 < len(planner.requests) < 30
    (event,) = planned(result)
    assert event.usage is not None
    assert event.error is not None
    assert event.error.code == "LA-BUDGET"
    assert event.plan is not None, "what was thought until then"
    assert 2_000 < event.usage.total_tokens <= 3_000
    assert result.usage.total_tokens <= 3_000


def test_what_plans_cost_is_in_the_usage_of_the_run() -> None:
    result = result_of(Planner(propose=[proposals(LOOK)]))
    (event,) = planned(result)
    assert event.usage is not None
    replies = [line["data"]["usage"] for line in result.trace or () if line["type"] == "model_response"]
    acted = sum(
        usage["total_tokens"] for usage in replies if isinstance(usage, dict) and isinstance(usage["total_tokens"], int)
    )
    assert result.usage.total_tokens == acted + event.usage.total_tokens


def steady(request: ChatRequest) -> Reply:
    """Plans and acts by what it is asked alone, so that it goes on the same in another process."""
    match kind_of(request):
        case "propose":
            again = "has failed" in asked(request)
            return proposals(plan(("Shake the box.", "shake")) if again else LOOK, plan("Guess."))
        case "score":
            return '{"scores": [0.9, 0.2]}'
        case "reflect":
            return "Fine."
        case _:
            results = [one.content for one in request.messages if isinstance(one, ToolMessage)]
            if not results:
                return call_tool("look", place="nowhere")
            return call_tool("shake", times=2) if len(results) == 1 else f"It was {results[-1]}."


def steady_agent() -> LightAgent[None, str]:
    tools = [tool(idempotent=True)(one) for one in (look, shake)]
    return LightAgent(name="steady", model=ScriptedModel(steady), tools=tools, tree_of_thought=TREE)


def test_a_run_that_is_cut_anywhere_ends_the_same() -> None:
    whole = steady_agent().run(QUERY, result_format="object", budgets=BudgetLimits(model_calls=20))
    assert whole.content == "It was shaken 2 times."
    assert len(planned(whole)) == 2
    events = whole.journal.events
    for length in range(1, len(events)):
        cut = Journal.from_json(Journal(events[:length]).to_json())
        ended = steady_agent().resume(cut, budgets=BudgetLimits(model_calls=40))
        assert ended.content == whole.content, length
        assert [event.plan for event in planned(ended)] == [event.plan for event in planned(whole)]


def test_a_plan_is_stored_before_it_is_acted_on() -> None:
    store = MemoryJournalStore()

    planner = Planner(propose=[proposals(LOOK)])
    result = planning(planner).run(QUERY, journal=store, result_format="object")

    async def kept() -> Journal | None:
        (info,) = [info async for info in Runs(store).list("")]
        return await Runs(store).journal(info.run_id, "")

    assert asyncio.run(kept()) == result.journal


def test_an_agent_that_plans_no_more_goes_on_with_a_run_that_it_had_planned() -> None:
    whole = steady_agent().run(QUERY, result_format="object")
    plain = LightAgent(name="steady", model=ScriptedModel(steady), tools=[look, shake])
    ended = plain.resume(Journal(whole.journal.events[:1]))
    assert ended.content == whole.content
    (event,) = planned(ended)
    assert event.error is not None
    assert event.error.message == "The agent does not plan here any more."


def test_the_plan_stays_where_the_conversation_gives_way() -> None:
    act: list[Reply] = [call_tool("look", place=f"{number} " * 400) for number in range(8)]
    planner = Planner([*act, "A cat."], [proposals(LOOK)])
    result = result_of(planner, context_budget=ContextBudget(2_000, "drop"))
    assert result.content == "A cat."
    assert any(isinstance(event, ContextReplaced) for event in result.journal.events)
    assert [len(told(request)) for request in planner.of("act")] == [1] * 9


def test_search_tools_stays_and_what_it_finds_is_offered() -> None:
    def painted(colour: str) -> FunctionTool[None]:
        return tool(name=f"open_{colour}", description=f"Opens the {colour} box.")(look)

    act: list[Reply] = [
        call_tool("search_tools", query="open the green box"),
        call_tool("open_green", place="box"),
        "A cat.",
    ]
    planner = Planner(act, [proposals(LOOK)])
    agent = LightAgent(
        model=ScriptedModel(planner),
        tools=[look, shake, *map(painted, ("red", "green", "blue"))],
        tree_of_thought=True,
        tool_selection=ToolSelection(threshold=1, most=3, always=("look", "shake")),
    )
    result = agent.run(QUERY, result_format="object")
    first, second, _ = planner.of("act")
    assert sorted(offered(first)) == ["look", "search_tools"]
    assert "open_green" in offered(second)
    assert "shake" not in offered(second)
    assert [call.status for call in result.tool_calls] == ["ok", "ok"]


def test_what_the_plan_keeps_back_can_be_found_by_a_search() -> None:
    act: list[Reply] = [call_tool("search_tools", query="shake the box"), call_tool("shake", times=3), "Shaken."]
    planner = Planner(act, [proposals(LOOK)])
    agent = LightAgent(
        model=ScriptedModel(planner),
        tools=[look, shake],
        tree_of_thought=True,
        tool_selection=ToolSelection(threshold=1, most=5),
    )
    result = agent.run("Look into the box and shake the box.", result_format="object")
    assert [call.status for call in result.tool_calls] == ["ok", "ok"]
    assert len(planned(result)) == 1


def test_an_agent_that_takes_over_makes_its_own_plan() -> None:
    desk_planner = Planner([call_tool("transfer_to_clerk")], [proposals(plan(("Look.", "look")))])
    clerk_planner = Planner(["A cat."], [proposals(plan("Ask the cat."))])
    desk = LightAgent(name="desk", model=ScriptedModel(desk_planner), tools=[look, shake], tree_of_thought=True)
    clerk = LightAgent(name="clerk", model=ScriptedModel(clerk_planner), tree_of_thought=True)
    plain = LightAgent(name="plain", model=ScriptedModel(["-"]))
    swarm = LightSwarm()
    swarm.register_agent(desk, clerk, plain)
    result = swarm.run(desk, QUERY, result_format="object")
    assert result.content == "A cat."
    assert offered(desk_planner.of("act")[0]) == ["look", "transfer_to_clerk", "transfer_to_plain"]
    (message,) = told(clerk_planner.of("act")[0])
    assert "Ask the cat." in message.content
    assert "1. Look." not in str(clerk_planner.of("act")[0].messages)
    assert len(planned(result)) == 2


def test_plans_of_an_agent_that_is_called_count_on_the_budget_of_the_tree() -> None:
    inner_planner = Planner(["A cat."], [proposals(plan("Say it."))])
    inner = LightAgent(name="inner", model=ScriptedModel(inner_planner), tree_of_thought=True)
    for most, kind in ((5, "completed"), (4, "budget_exhausted"), (2, "budget_exhausted")):
        outer = LightAgent(
            model=ScriptedModel([call_tool("ask_inner", query=QUERY), "It is a cat."]),
            tools=[inner.as_tool("ask_inner", "Asks the inner agent.")],
            budgets=Budgets(tree=BudgetLimits(model_calls=most)),
        )
        assert outer.run(QUERY, result_format="object").outcome.kind == kind


def test_plans_have_the_price_of_the_model_that_makes_them() -> None:
    prices = PriceTable({"actor": ModelPrice(1.0, 1.0), "thinker": ModelPrice(1_000.0, 1_000.0)})

    def agent(cost: float) -> LightAgent[None, str]:
        return LightAgent(
            model=ScriptedModel(["A cat."], name="actor"),
            tools=[look],
            tree_of_thought=True,
            tot_model=ScriptedModel(Planner(propose=[proposals(LOOK)]), name="thinker"),
            budgets=Budgets(BudgetLimits(cost=cost), prices=prices),
        )

    result = agent(100.0).run(QUERY, result_format="object", trace=True)
    (event,) = planned(result)
    assert event.usage is not None
    acted = result.usage.total_tokens - event.usage.total_tokens
    cost = (event.usage.total_tokens * 1_000.0 + acted) / 1e6
    assert spent_in(result.journal, prices=prices).cost == pytest.approx(cost)
    assert summarize_trace(result.trace or (), pricing=prices).cost == pytest.approx(cost)
    short = agent(cost * 0.9).run(QUERY, result_format="object")
    (event,) = planned(short)
    assert event.model_calls < 2
    assert event.error is not None
    assert event.error.code == "LA-BUDGET"
    assert spent_in(short.journal, prices=prices).cost < cost * 0.9


def test_telemetry_has_a_span_for_each_request_and_tells_of_the_plan() -> None:
    recorded = RecordedSpans()
    result_of(Planner(propose=[proposals(LOOK)]), telemetry=[recorded.sink])
    assert len(recorded.named("chat scripted")) == 3
    (event,) = [one for one in recorded.one("invoke_agent").events if one.name == "lightagent.planned"]
    assert dict(event.attributes or {}) == {"lightagent.count": 2, "lightagent.model_calls": 2}
    assert "Look into" not in "".join(span.to_json() for span in recorded.all)


def test_a_call_that_a_person_rejects_brings_a_new_plan() -> None:
    act: list[Reply] = [call_tool("open_box"), "I may not."]
    planner = Planner(act, [proposals(plan(("Open it.", "open_box"))), proposals(plan("Say that it stays closed."))])

    @tool(requires_approval=True)
    def open_box() -> str:
        """Open the box."""
        raise AssertionError

    agent = LightAgent(model=ScriptedModel(planner), tools=[open_box], tree_of_thought=True)
    waiting = agent.run(QUERY, result_format="object")
    assert waiting.outcome.kind == "suspended"
    result = agent.resume(waiting.journal, ApprovalDecision.reject("Leave it."))
    assert result.content == "I may not."
    assert "Leave it." in asked(planner.of("propose")[1])
    assert [event.plan is not None for event in planned(result)] == [True, True]


def test_lessons_reach_the_plans_of_later_runs() -> None:
    lesson = "Boxes of this user are opened from below."

    def act(request: ChatRequest) -> Reply:
        if "You look back on a finished run" in str(request.messages[0]):
            lessons = [{"text": lesson, "about": "user", "confidence": 0.9}]
            return json.dumps({"lessons": lessons if lesson not in str(request.messages) else []})
        return "Done."

    planner = Planner([act], [proposals(LOOK)])
    policy = MemoryPolicy(memory_promotion_admission=lambda candidate, context: True)
    agent = planning(planner, memory=InProcessMemory(), memory_policy=policy, self_learning=True)
    agent.run("How are my boxes opened?", user_id="ann")
    agent.run("Are my boxes of this user opened yet?", user_id="ann")
    first, second = map(asked, planner.of("propose"))
    assert lesson not in first
    assert lesson in second


def test_no_plan_is_made_of_tools_that_a_policy_denies() -> None:
    policy = CapabilityPolicy([CapabilityRule("deny", tools=["shake"])], default="allow")
    planner = Planner(propose=[proposals(plan(("Shake.", "shake")), LOOK)])
    result = result_of(planner, TREE, capabilities=policy)
    assert "- shake(" not in asked(planner.of("propose")[0])
    (event,) = planned(result)
    assert event.plan is not None
    assert event.plan.tools == ("look",)
    assert offered(planner.of("act")[0]) == ["look"]


def test_a_plan_whose_tools_a_hook_keeps_back_is_made_anew() -> None:
    def hide(context: HookContext) -> HookDecision:
        params = context.payload["params"]
        assert isinstance(params, dict)
        tools = params.get("tools")
        left = [one for one in tools if "shake" not in json.dumps(one)] if isinstance(tools, list) else []
        return HookDecision.replace({**context.payload, "params": {**params, "tools": left}})

    hook = type("Hide", (), {"before_model_request": staticmethod(hide)})()
    act: list[Reply] = [call_tool("shake", times=1), call_tool("look"), "A cat."]
    planner = Planner(act, [proposals(plan(("Shake.", "shake"))), proposals(LOOK)])
    result = result_of(planner, hooks=[hook])
    assert result.content == "A cat."
    assert [offered(request) for request in planner.of("act")] == [[], ["look"], ["look"]]
    assert [(call.name, call.status) for call in result.tool_calls] == [("shake", "refused"), ("look", "ok")]
    assert len(planned(result)) == 2
