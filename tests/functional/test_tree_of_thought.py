"""Plans: made before an agent acts, told to it, on record, made anew where a step fails."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import (
    ConfigurationError,
    Journal,
    LightAgent,
    Prompts,
    TreeOfThought,
    event_to_dict,
)
from lightagent.adapters.chat.scripted import Reply
from lightagent.domain.errors import ProviderError
from lightagent.domain.planning.plans import Plan, PlanStep
from lightagent.domain.runs.events import ModelRequested
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.planners import (
    LOOK,
    QUERY,
    TREE,
    Planner,
    asked,
    look,
    look_back,
    offered,
    plan,
    planned,
    planning,
    proposals,
    result_of,
    told,
    traced,
)


def test_the_cheap_mode_is_one_plan_and_one_look_back() -> None:
    better = plan(("Look into the box first.", "look"), "Say it.", goal="To know what is there.")
    planner = Planner([call_tool("look"), "A cat."], [proposals(LOOK)], reflect=[look_back(better)])
    result = result_of(planner)
    assert result.content == "A cat."
    assert planner.kinds == ["propose", "reflect", "act", "act"]
    propose, reflect = planner.of("propose")[0], planner.of("reflect")[0]
    assert (offered(propose), offered(reflect)) == ([], []), "who plans calls nothing"
    assert "- look(place): Look somewhere.\n- shake(times): Shake the box." in asked(propose)
    assert f"user: {QUERY}" in asked(propose)
    assert "You are a helpful assistant." in asked(propose)
    assert "1. Look into the box. [tools: look]\n2. Say what is there." in asked(reflect)
    for request in planner.of("act"):
        (message,) = told(request)
        assert message.trust == "trusted"
        assert "Goal: To know what is there.\n1. Look into the box first. [tools: look]\n2. Say it." in message.content
        assert offered(request) == ["look"]
    (event,) = planned(result)
    assert event.plan == Plan(
        "To know what is there.", (PlanStep("Look into the box first.", ("look",)), PlanStep("Say it."))
    )
    assert (event.error, event.model, event.model_calls) == (None, "scripted", 2)


def test_the_tree_is_searched_scored_and_on_record() -> None:
    ways = [plan(("Shake it.", "shake")), LOOK, plan("Guess.")]
    planner = Planner(propose=[proposals(*ways)], score=['{"scores": [0.3, 0.9, 0.1]}'])
    result = result_of(planner, TREE)
    assert planner.kinds == ["propose", "score", "reflect", "act"]
    assert "Plan 1:\n1. Shake it. [tools: shake]\n\nPlan 2:\n1. Look into" in asked(planner.of("score")[0])
    (event,) = planned(result)
    assert event.plan is not None
    assert event.plan.tools == ("look",)
    (line,) = traced(result)
    assert line["data"] == {
        "planned": True,
        "steps": 2,
        "tools": ["look"],
        "offered": ["look"],
        "code": None,
        "model": "scripted",
        "model_calls": 3,
        "usage": event.usage.to_dict() if event.usage else None,
        "thoughts": [
            {"path": [0], "score": 0.3, "fate": "complete"},
            {"path": [1], "score": 0.9, "fate": "chosen"},
            {"path": [2], "score": 0.1, "fate": "pruned"},
        ],
    }
    assert "box" not in json.dumps(line), "no text unless it is asked for"


def test_texts_of_a_plan_are_in_the_trace_where_content_is_asked_for() -> None:
    planner = Planner(propose=[proposals(LOOK)])
    (line,) = traced(result_of(planner, capture_content=True))
    assert line["data"]["plan"] == {
        "goal": "An answer.",
        "steps": [{"text": "Look into the box.", "tools": ["look"]}, {"text": "Say what is there.", "tools": []}],
    }


def test_a_tree_grows_step_by_step() -> None:
    def go_on(request: ChatRequest) -> Reply:
        depth = asked(request).count("\n1. ") + asked(request).count("\n2. ")
        return proposals(*(plan(f"Step {depth}{name}.", complete=depth == 2) for name in "ab"))

    def prefer_b(request: ChatRequest) -> Reply:
        scores = [text.count("b.") / 4 for text in asked(request).split("Plan ")[1:]]
        return json.dumps({"scores": scores})

    for strategy in ("beam", "best_first"):
        planner = Planner(propose=[go_on], score=[prefer_b])
        (event,) = planned(result_of(planner, TreeOfThought(width=2, branches=2, depth=3, strategy=strategy)))
        assert event.plan is not None
        assert [step.text for step in event.plan.steps] == ["Step 0b.", "Step 1b.", "Step 2b."]
        assert "the next step, or the next few" in str(planner.of("propose")[0].messages[0])


UNUSABLE: dict[str, tuple[Sequence[Reply], str]] = {
    "no JSON": (["I would look into the box."], "LA-OUTPUT"),
    "empty": ([""], "LA-500"),
    "no plans": ([proposals()], "LA-OUTPUT"),
    "no steps": ([proposals(plan())], "LA-OUTPUT"),
    "blank steps": ([proposals(plan(" "))], "LA-OUTPUT"),
    "too many steps": ([proposals(plan(*["Look."] * 51))], "LA-OUTPUT"),
    "unknown tools": ([proposals(plan(("Open it.", "open_box")))], "LA-OUTPUT"),
    "the wrong form": (['{"proposals": [{"steps": "look"}]}'], "LA-OUTPUT"),
    "a call": ([call_tool("look")], "LA-500"),
    "an error": ([ProviderError("No.", code="LA-401")], "LA-401"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_no_plan_leaves_the_run_as_it_is_and_says_why(name: str) -> None:
    replies, code = UNUSABLE[name]
    planner = Planner([call_tool("shake", times=1), "Nothing."], replies)
    result = result_of(planner)
    assert result.content == "Nothing."
    (event,) = planned(result)
    assert event.plan is None
    assert event.error is not None
    assert event.error.code == code
    assert offered(planner.of("act")[0]) == ["look", "shake"]
    assert not told(planner.of("act")[0])
    (line,) = traced(result)
    assert (line["data"]["planned"], line["data"]["code"]) == (False, event.error.code)


def test_tools_that_the_agent_lacks_are_never_offered_and_may_be_mended() -> None:
    wrong, mended = plan(("Open it.", "open_box")), plan(("Look.", "functions.look"))
    planner = Planner(propose=[proposals(wrong)], reflect=[look_back(mended)])
    (event,) = planned(result_of(planner))
    assert "These tools do not exist: open_box." in asked(planner.of("reflect")[0])
    assert event.plan is not None
    assert event.plan.tools == ("look",), "a name is taken as calls of tools are"
    planner = Planner(propose=[proposals(wrong)], reflect=[look_back(wrong)])
    (event,) = planned(result_of(planner))
    assert event.error is not None
    assert event.error.message == "The plan needs tools that are not offered: open_box."


def test_a_look_back_that_fails_leaves_the_plan() -> None:
    planner = Planner(propose=[proposals(LOOK)], reflect=["It is fine."])
    (event,) = planned(result_of(planner))
    assert event.plan is not None
    assert event.error is not None
    assert told(planner.of("act")[0])


def test_scores_that_fail_leave_the_order_in_which_plans_were_proposed() -> None:
    planner = Planner(propose=[proposals(LOOK, plan("Guess."))], score=["The first one."])
    (event,) = planned(result_of(planner, TREE))
    assert event.plan is not None
    assert event.plan.tools == ("look",)


def test_the_model_calls_of_a_plan_are_bounded() -> None:
    endless = proposals(*(plan(f"{name}", complete=False) for name in "abc"))
    for most in (1, 2, 3, 7):
        planner = Planner(propose=[endless], score=['{"scores": [0.5, 0.6, 0.7]}'])
        (event,) = planned(result_of(planner, TreeOfThought(3, 3, 9, "best_first", most)))
        assert event.model_calls == len(planner.requests) - 1 <= most
        assert event.plan is not None


def test_filter_tools_off_offers_all() -> None:
    for how, switch in ((True, False), (TreeOfThought(filter_tools=False), None)):
        planner = Planner(propose=[proposals(LOOK)])
        result_of(planner, how, filter_tools=switch)
        assert offered(planner.of("act")[0]) == ["look", "shake"]
        assert told(planner.of("act")[0])


def test_a_plan_without_tools_leaves_all_of_them() -> None:
    planner = Planner(propose=[proposals(plan("Think.", "Say it."))])
    result_of(planner)
    assert offered(planner.of("act")[0]) == ["look", "shake"]


def test_a_step_that_fails_brings_a_new_plan_in_the_place_of_the_old_one() -> None:
    act: list[Reply] = [call_tool("look", place="nowhere"), call_tool("shake", times=2), "A cat."]
    planner = Planner(act, [proposals(LOOK), proposals(plan(("Shake the box.", "shake")))])
    result = result_of(planner)
    assert result.content == "A cat."
    assert planner.kinds == ["propose", "reflect", "act", "propose", "reflect", "act", "act"]
    again = asked(planner.of("propose")[1])
    assert "A step of this plan has failed, so it needs another one:\n1. Look into the box. [tools: look]" in again
    assert again.count("1. Look into the box.") == 1
    assert "There is no such place." in again
    assert "- look(place)" in again
    first, second, third = planner.of("act")
    assert (offered(first), offered(second), offered(third)) == (["look"], ["shake"], ["shake"])
    (message,) = told(second)
    assert "Shake the box." in message.content
    assert message.trust == "untrusted", "a tool's text was read by who made it"
    assert "1. Look" not in str(told(third))
    assert [event.plan is not None for event in planned(result)] == [True, True]


def test_no_more_plans_are_made_than_allowed_and_then_nothing_is_kept_back() -> None:
    act: list[Reply] = [*[call_tool("look", place="nowhere")] * 3, call_tool("shake", times=1), "Nothing."]
    for most in (0, 1, 2):
        planner = Planner(act, [proposals(LOOK)])
        result = result_of(planner, TreeOfThought(most_replans=most))
        assert result.content == "Nothing."
        assert len(planned(result)) == 1 + most
        assert [offered(request) for request in planner.of("act")] == [
            ["look"] if number <= most else ["look", "shake"] for number in range(5)
        ]


def test_a_tool_that_the_plan_keeps_back_is_offered_by_the_next_plan() -> None:
    act: list[Reply] = [call_tool("shake", times=1), call_tool("shake", times=1), "Shaken."]
    planner = Planner(act, [proposals(LOOK), proposals(plan(("Shake.", "shake")))])
    result = result_of(planner)
    assert [(call.name, call.status) for call in result.tool_calls] == [("shake", "refused"), ("shake", "ok")]
    assert len(planned(result)) == 2


def test_a_new_plan_that_is_none_leaves_the_old_one_and_keeps_nothing_back() -> None:
    act: list[Reply] = [call_tool("look", place="nowhere"), "Nothing."]
    planner = Planner(act, [proposals(LOOK), "No idea."])
    result = result_of(planner)
    assert [event.plan is None for event in planned(result)] == [False, True]
    last = planner.of("act")[-1]
    assert offered(last) == ["look", "shake"]
    assert "Look into the box." in told(last)[0].content


@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_shows_nothing_of_a_plan(*, stream: bool) -> None:
    planner = Planner([call_tool("look"), "A cat."], [proposals(LOOK)])
    agent = planning(planner)
    if not stream:
        assert agent.run(QUERY) == "A cat."
        return
    chunks = "".join(chunk.choices[0].delta.content or "" for chunk in agent.run(QUERY, stream=True))
    assert chunks == "A cat."
    planner.requests.clear()
    events = list(agent.run(QUERY, stream=True, result_format="event"))
    assert [event.type for event in events if event.type != "content"] == ["tool_call", "tool_result", "done"]
    assert "".join(str(event.data["text"]) for event in events if event.type == "content") == "A cat."


def test_a_planner_of_its_own_is_asked_and_closed() -> None:
    class Closing(ScriptedModel):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    thinker = Closing(Planner(propose=[proposals(LOOK)]), name="thinker")
    actor = ScriptedModel(["A cat."], name="actor")
    agent = LightAgent(model=actor, tools=[look], tree_of_thought=True, tot_model=thinker)
    result = agent.run(QUERY, result_format="object")
    assert len(actor.requests) == 1
    assert planned(result)[0].model == "thinker"
    agent.close()
    assert thinker.closed


def test_prompts_can_be_replaced() -> None:
    prompts = Prompts(
        propose_plans="You plan for an assistant in French. {count} {schema}", plan="PLAN {goal}: {steps}"
    )
    planner = Planner(propose=[proposals(LOOK)])
    result_of(planner, prompts=prompts)
    assert "in French" in str(planner.of("propose")[0].messages[0])
    assert told(planner.of("act")[0])[0].content.startswith("PLAN An answer.: 1. Look")


def test_texts_with_anything_in_them_are_told_as_they_are() -> None:
    odd = plan(("{goal} </context> %s", "look"), goal="{steps}")
    planner = Planner(propose=[json.dumps({"proposals": [odd]})], reflect=["-"])
    result = result_of(planner)
    assert result.content == "Done."
    (event,) = planned(result)
    assert Journal.from_json(result.journal.to_json()) == result.journal
    assert event_to_dict(event)["plan"]


OFF = [{}, {"tree_of_thought": None}, {"tree_of_thought": False, "tot_model": "gpt-4.1", "filter_tools": True}]


@pytest.mark.parametrize("options", OFF)
def test_off_is_off(options: dict[str, object]) -> None:
    model = ScriptedModel(["Hello."])
    agent: LightAgent[None, str] = LightAgent(model=model, **options)  # type: ignore[call-overload]
    result = agent.run("Hi.", result_format="object")
    assert len(model.requests) == 1
    assert "plans" not in result.journal.to_json()
    assert any(isinstance(event, ModelRequested) for event in result.journal.events)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tree_of_thought": "yes"}, "tree_of_thought must be"),
        ({"tot_model": "gpt-4.1"}, "tot_model= is about .* Pass tree_of_thought=True"),
        ({"tot_api_key": "k", "tree_of_thought": None}, "tot_api_key= is about"),
        ({"tree_of_thought": True, "tot_model": 7}, "tot_model: expected a name"),
        ({"tree_of_thought": True, "tot_api_key": "k"}, "tot_api_key and tot_base_url need the name of a model"),
        ({"tree_of_thought": True, "tot_model": ScriptedModel([]), "tot_api_key": "k"}, "given by name"),
        ({"tree_of_thought": TreeOfThought(model=ScriptedModel([])), "tot_model": ScriptedModel([])}, "of its own"),
        ({"tree_of_thought": True, "filter_tools": "no"}, "filter_tools must be bool"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        LightAgent(model=ScriptedModel([]), **options)  # type: ignore[call-overload]
