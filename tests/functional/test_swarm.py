"""A swarm: agents that hand a conversation over to each other, by calls of tools, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    HandoffLimits,
    HookContext,
    HookDecision,
    Journal,
    LightAgent,
    LightSwarm,
    RunContext,
    tool,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.domain.conversation.messages import SystemMessage, UserMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool

QUERY = "How do I approve a vendor payment?"


def agent(name: str, *replies: Reply | Program, role: str = "") -> LightAgent[None, str]:
    return LightAgent(name=name, role=role or f"You are {name}.", model=ScriptedModel(replies))


def swarm_of(*agents: LightAgent[None, str], limits: HandoffLimits | None = None) -> LightSwarm[None]:
    swarm = LightSwarm(limits=limits)
    swarm.register_agent(*agents)
    return swarm


def refused(request: ChatRequest) -> bool:
    return str(request.messages[-1].content).startswith("[LA-TOOL]")


def test_the_front_desk_hands_over_and_the_specialist_answers() -> None:
    desk_model = ScriptedModel([call_tool("transfer_to_finance", reason="It is about money.")])
    finance_model = ScriptedModel(["Ask the CFO."])
    desk = LightAgent(name="desk", role="Route.", model=desk_model)
    finance = LightAgent(name="finance", role="Answer questions about money.", model=finance_model)
    result = swarm_of(desk, finance).run(agent=desk, query=QUERY, result_format="object", trace=True)

    assert result.content == "Ask the CFO."
    (told,) = desk_model.requests[0].tools
    assert told.name == "transfer_to_finance"
    assert "Answer questions about money." in told.description
    system, query, *_ = finance_model.requests[0].messages
    assert isinstance(system, SystemMessage)
    assert system.content == "Answer questions about money."
    assert isinstance(query, UserMessage)
    assert query.text == QUERY
    assert [spec.name for spec in finance_model.requests[0].tools] == ["transfer_to_desk"]
    (handoff,) = [event["data"] for event in result.trace or () if event["type"] == "handoff"]
    assert handoff == {"source_agent": "desk", "target_agent": "finance"}


def test_an_agent_alone_is_as_it_was() -> None:
    desk = agent("desk", "Hello.", "Hello.")
    swarm = swarm_of(desk, agent("finance"))
    assert desk.run(QUERY) == "Hello."
    assert desk.get_tools() == []
    assert [entry["function"] for entry in swarm.member(desk).get_tools()]


@pytest.mark.parametrize("stream", [False, True])
def test_every_form_of_a_run(*, stream: bool) -> None:
    def members() -> tuple[LightAgent[None, str], LightSwarm[None]]:
        desk = agent("desk", call_tool("transfer_to_finance"))
        return desk, swarm_of(desk, agent("finance", "Ask the CFO."))

    desk, swarm = members()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in swarm.run(desk, QUERY, stream=True))
        assert text == "Ask the CFO."
        desk, swarm = members()
        assert [event.type for event in swarm.run(desk, QUERY, stream=True, result_format="event")][-1] == "done"
    else:
        assert swarm.run(desk, QUERY, result_format="dict")["content"] == "Ask the CFO."
        desk, swarm = members()
        assert asyncio.run(swarm.arun(desk, QUERY)) == "Ask the CFO."


async def test_each_form_of_a_run_by_a_name_of_its_own() -> None:
    def members() -> tuple[LightAgent[None, str], LightSwarm[None]]:
        desk = agent("desk", call_tool("transfer_to_finance"))
        return desk, swarm_of(desk, agent("finance", "Ask the CFO."))

    desk, swarm = members()
    assert swarm.run_result(desk, QUERY).content == "Ask the CFO."
    desk, swarm = members()
    assert (await swarm.arun_result(desk, QUERY, user_id="ann")).content == "Ask the CFO."
    desk, swarm = members()
    chunks = swarm.stream(desk, QUERY)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Ask the CFO."
    assert chunks.result.content == "Ask the CFO."
    desk, swarm = members()
    assert [event.type for event in swarm.stream_events(desk, QUERY)][-1] == "done"
    desk, swarm = members()
    async with swarm.astream_events(desk, QUERY) as events:
        assert [event.type async for event in events][-1] == "done"
    with pytest.raises(ConfigurationError, match="not registered"):
        swarm.run_result(agent("stranger"), QUERY)


def test_two_agents_do_not_pass_a_task_back_and_forth() -> None:
    def pass_on(other: str) -> Program:
        return lambda request: "Enough." if refused(request) else call_tool(f"transfer_to_{other}")

    one = LightAgent(name="one", model=ScriptedModel(pass_on("two")))
    two = LightAgent(name="two", model=ScriptedModel(pass_on("one")))
    result = swarm_of(one, two).run(one, QUERY, result_format="object")
    assert result.content == "Enough."
    assert [call.status for call in result.tool_calls] == ["ok"] * 4 + ["failed"]
    assert "handed this conversation over to two 2 times" in str(result.tool_calls[-1].output)


def test_a_run_is_handed_over_only_so_often() -> None:
    names = [f"agent{number}" for number in range(6)]

    def pass_on(number: int) -> Program:
        target = f"transfer_to_agent{(number + 1) % 6}"
        return lambda request: f"{number} answers." if refused(request) else call_tool(target)

    agents = [LightAgent(name=name, model=ScriptedModel(pass_on(number))) for number, name in enumerate(names)]
    swarm = swarm_of(*agents, limits=HandoffLimits(max_handoffs=3))
    assert swarm.run(agents[0], QUERY) == "3 answers."


def test_an_agent_whose_name_has_no_letters_that_tools_take() -> None:
    desk_model = ScriptedModel(lambda request: call_tool(request.tools[0].name))
    desk = LightAgent(name="前台", model=desk_model)
    finance = agent("财务", "好的。")
    assert swarm_of(desk, finance).run(desk, QUERY) == "好的。"
    assert desk_model.requests[0].tools[0].name.isascii()
    assert "财务" in desk_model.requests[0].tools[0].description


def test_what_a_swarm_refuses() -> None:
    desk = agent("desk")
    swarm = swarm_of(desk)
    swarm.register_agent(desk)
    assert swarm.agents == ("desk",)
    for wrong, text in (
        (agent("desk"), "another agent is called 'desk'"),
        (agent("Desk"), "would both be handed over to"),
        (LightAgent(name="lead", model=ScriptedModel([]), handoffs=[agent("other")]), "handoffs of its own"),
    ):
        with pytest.raises(ConfigurationError, match=text):
            swarm.register_agent(agent("other"), wrong)
        assert swarm.agents == ("desk",)
    with pytest.raises(ValueError, match=r"'stranger' is not registered\.\n?.*"):
        swarm.run(agent("stranger"), QUERY)
    with pytest.raises(ConfigurationError, match="max_handoffs must be a whole number"):
        HandoffLimits(max_handoffs=-1)


def test_a_hook_keeps_a_run_from_being_handed_over() -> None:
    def keep(context: HookContext) -> HookDecision | None:
        return HookDecision.block("Stay here.") if context.phase == "on_handoff" else None

    desk = LightAgent(
        name="desk", model=ScriptedModel([call_tool("transfer_to_finance"), "I answer myself."]), hooks=[keep]
    )
    result = swarm_of(desk, agent("finance")).run(desk, QUERY, result_format="object")
    assert result.content == "I answer myself."
    assert result.tool_calls[0].status == "withheld"


def test_tools_that_an_agent_is_given_later_are_there_in_its_next_run() -> None:
    desk_model = ScriptedModel(["One.", "Two."])
    desk = LightAgent(name="desk", model=desk_model)
    swarm = swarm_of(desk, agent("finance"))
    swarm.run(desk, QUERY)
    swarm.register_agent(agent("travel"))
    swarm.run(desk, QUERY)
    offered = [[spec.name for spec in request.tools] for request in desk_model.requests]
    assert offered == [["transfer_to_finance"], ["transfer_to_finance", "transfer_to_travel"]]


def test_a_run_that_waits_after_a_handoff_goes_on_in_another_process() -> None:
    @tool(requires_approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    def members(*finance_replies: Reply) -> tuple[LightAgent[None, str], LightSwarm[None]]:
        desk = agent("desk", call_tool("transfer_to_finance"))
        finance = LightAgent(name="finance", model=ScriptedModel(finance_replies), tools=[pay])
        return desk, swarm_of(desk, finance)

    desk, swarm = members(call_tool("pay", amount=5))
    waiting = swarm.run(desk, QUERY, result_format="object")
    journal = Journal.from_json(waiting.journal.to_json())
    desk, swarm = members("It is paid.")
    assert swarm.member(desk).resume(journal, ApprovalDecision.approve()).content == "It is paid."


def test_a_run_is_not_resumed_without_the_agent_that_acts() -> None:
    @tool(requires_approval=True)
    def pay() -> str:
        """Pay."""
        return "paid"

    desk = agent("desk", call_tool("transfer_to_finance"))
    finance = LightAgent(name="finance", model=ScriptedModel([call_tool("pay")]), tools=[pay])
    journal = swarm_of(desk, finance).run(desk, QUERY, result_format="object").journal
    others = swarm_of(desk, agent("hr"))
    for alone in (desk, others.member(desk)):
        with pytest.raises(ConfigurationError, match=r"'finance'.*\n?.*swarm\.member\(agent\)"):
            alone.resume(journal, ApprovalDecision.approve())


def test_limits_hold_over_the_cut_of_a_run() -> None:
    """How often a run was handed over is in its journal."""

    @tool(requires_approval=True)
    def ask() -> str:
        """Ask."""
        return "asked"

    def members(one: Sequence[Reply], two: Sequence[Reply]) -> tuple[LightAgent[None, str], LightSwarm[None]]:
        first = LightAgent(name="one", model=ScriptedModel(one))
        second = LightAgent(name="two", model=ScriptedModel(two), tools=[ask])
        return first, swarm_of(first, second, limits=HandoffLimits(max_handoffs=1))

    first, swarm = members([call_tool("transfer_to_two")], [call_tool("ask")])
    journal = swarm.run(first, QUERY, result_format="object").journal
    first, swarm = members([], [call_tool("transfer_to_one"), "I stay."])
    resumed = swarm.member(first).resume(journal, ApprovalDecision.approve())
    assert resumed.content == "I stay."


def test_dependencies_of_tools() -> None:
    @tool
    def whose(ctx: RunContext[list[str]]) -> str:
        """Whose."""
        return ",".join(ctx.deps)

    desk = LightAgent(name="desk", deps_type=list[str], model=ScriptedModel([call_tool("transfer_to_finance")]))
    finance = LightAgent(
        name="finance", deps_type=list[str], model=ScriptedModel([call_tool("whose"), "Done."]), tools=[whose]
    )
    swarm = LightSwarm(deps_type=list[str])
    swarm.register_agent(desk, finance)
    result = swarm.run(desk, QUERY, deps=["ada"], result_format="object")
    assert result.tool_calls[-1].output == "ada"


def test_a_run_without_skills_has_none_whoever_acts(tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: hello\ndescription: Says hello.\n---\nSay hello.\n", encoding="utf-8")
    models = [ScriptedModel([call_tool("transfer_to_finance")]), ScriptedModel(["Hello."])]
    desk, finance = (
        LightAgent(name=name, model=model, skills_directories=[tmp_path])
        for name, model in zip(("desk", "finance"), models, strict=True)
    )
    assert swarm_of(desk, finance).run(desk, QUERY, use_skills=False) == "Hello."
    assert [[spec.name for spec in model.requests[0].tools] for model in models] == [
        ["transfer_to_finance"],
        ["transfer_to_desk"],
    ]


def test_an_agent_tells_the_last_run_that_it_began_in_its_swarm() -> None:
    desk = agent("desk", call_tool("transfer_to_finance"))
    swarm = swarm_of(desk, agent("finance", "Ask the CFO."))
    assert swarm.run(desk, QUERY, trace=True) == "Ask the CFO."
    assert [event["type"] for event in desk.export_trace() if event["type"] == "handoff"] == ["handoff"]
    assert desk.get_history()[-1]["content"] == "Ask the CFO."
    assert swarm.member(desk).export_trace() == desk.export_trace()
    journal = desk.export_journal()
    assert journal is not None
    assert journal.run.actors == ("desk", "finance")
