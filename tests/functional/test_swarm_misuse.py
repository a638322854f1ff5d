"""What a clumsy program passes to swarms, handoffs, messages and agents as tools: an error says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from lightagent import AgentMail, ConfigurationError, Handoff, LightAgent, LightSwarm, ToolError, tool
from lightagent.testing import ScriptedModel, call_tool

Wrong = dict[str, Any]


class Note(BaseModel):
    text: str


@tool
def pay() -> str:
    """Pay."""
    return "paid"


def agent(name: str, *replies: str) -> LightAgent[None, str]:
    return LightAgent(name=name, model=ScriptedModel(replies or ["Done."]))


def swarm_of(*agents: LightAgent[None, str]) -> LightSwarm[None]:
    swarm = LightSwarm(mail=True, consult=True)
    swarm.register_agent(*agents)
    return swarm


@pytest.mark.parametrize("given", [None, 5, "desk", [], object()])
def test_what_is_no_agent_is_asked_for_in_words(given: object) -> None:
    swarm, wrong = swarm_of(agent("desk")), Wrong(agent=given)
    deeds: list[Callable[[], object]] = [
        lambda: swarm.member(**wrong),
        lambda: swarm.asked(**wrong),
        lambda: swarm.run(query="?", **wrong),
        lambda: swarm.consult(query="?", **wrong),
    ]
    for deed in deeds:
        with pytest.raises(ConfigurationError, match="expected an agent, got"):
            deed()


@pytest.mark.parametrize("name", ["to", "sender", "message_id"])
@pytest.mark.parametrize("given", [None, 5, ["desk"]])
def test_names_of_a_message_are_texts(name: str, given: object) -> None:
    swarm = swarm_of(agent("desk"))
    words: Wrong = {"to": "desk", name: given}
    with pytest.raises(ConfigurationError, match=f"{name} is a text, not"):
        swarm.send_message(payload="Hello.", user_id="ada", **words)
    assert not swarm.messages("desk", user_id="ada")
    assert swarm.send_message("desk", "Hello.", user_id="ada").number == 1


@pytest.mark.parametrize("given", ["half \ud800", "x" * 201], ids=["half", "long"])
def test_names_that_a_mailbox_cannot_hold(given: str) -> None:
    swarm = swarm_of(agent("desk"))
    with pytest.raises(ConfigurationError, match="sender has at most 200 characters"):
        swarm.send_message("desk", "Hello.", user_id="ada", sender=given)
    with pytest.raises(ConfigurationError, match="message_id has at most 200 characters"):
        swarm.send_message("desk", "Hello.", user_id="ada", message_id=given)


def test_a_message_with_half_of_a_character() -> None:
    with pytest.raises(ToolError, match="half of a character"):
        swarm_of(agent("desk")).send_message("desk", "half \ud800", user_id="ada")
    typed = LightSwarm(mail=AgentMail(Note))
    typed.register_agent(agent("desk"))
    with pytest.raises(ToolError):
        typed.send_message("desk", {"text": "half \ud800"}, user_id="ada")
    assert typed.send_message("desk", {"text": "whole"}, user_id="ada").number == 1


@pytest.mark.parametrize(
    "sender", ["de\u200bsk", "\u2068desk\u2069", "\uff44\uff45\uff53\uff4b", "d\u0435sk", "DESK\n"]
)
def test_a_program_cannot_send_in_a_name_that_reads_as_that_of_an_agent(sender: str) -> None:
    with pytest.raises(ConfigurationError, match="is an agent"):
        swarm_of(agent("desk"), agent("finance")).send_message("finance", "Pay.", user_id="ada", sender=sender)


def test_the_mailbox_of_an_agent_that_there_is_not() -> None:
    with pytest.raises(ConfigurationError, match=r"Unknown agent 'dsk'.*desk, finance"):
        swarm_of(agent("desk"), agent("finance")).messages("dsk", user_id="ada")


@pytest.mark.parametrize("name", ["consult_finance", "send_message", "read_messages"])
def test_a_handoff_is_not_called_like_a_tool_of_the_swarm(name: str) -> None:
    desk, finance = agent("desk"), agent("finance")
    swarm = swarm_of(desk, finance)
    with pytest.raises(ConfigurationError, match=f"would hand over by {name}, which is a tool of the swarm"):
        swarm.register_handoff(Handoff(finance, tool_name=name))
    assert swarm.run(desk, "?") == "Done."


def test_an_agent_whose_consultation_is_called_like_a_handoff_is_not_added() -> None:
    desk, finance = agent("desk"), agent("finance")
    swarm = swarm_of(desk, finance)
    swarm.register_handoff(Handoff(finance, tool_name="consult_hr"))
    with pytest.raises(ConfigurationError, match="would hand over by consult_hr"):
        swarm.register_agent(agent("hr"))
    assert swarm.agents == ("desk", "finance")


def test_an_async_briefing_is_refused_where_it_is_given() -> None:
    async def later(reason: str) -> str:
        return reason

    with pytest.raises(ConfigurationError, match="briefing must not be async"):
        Handoff(agent("finance"), **Wrong(briefing=later))


def test_what_was_passed_along_is_in_a_journal() -> None:
    desk = LightAgent(name="desk", model=ScriptedModel([call_tool("transfer_to_finance", reason="Pay.")]))
    finance = agent("finance", "Paid.")
    swarm = swarm_of(desk, finance)
    paying = Handoff(finance)
    swarm.register_handoff(paying)
    result = swarm.run(desk, "?", result_format="object")
    with pytest.raises(ConfigurationError, match=r"got RunResult. Pass result.journal"):
        paying.passed(**Wrong(journal=result))
    assert paying.passed(result.journal) == ("Pay.",)


@pytest.mark.parametrize("given", [5, "read_*", [5], object()])
def test_tools_of_an_agent_as_a_tool_are_names(given: object) -> None:
    with pytest.raises(ConfigurationError, match="tools must be a list of names"):
        agent("desk").as_tool("ask_desk", "Asks.", **Wrong(tools=given))


@pytest.mark.parametrize("given", [None, 5, ["ask"]])
def test_the_name_of_an_agent_as_a_tool_is_a_text(given: object) -> None:
    with pytest.raises(ConfigurationError, match="A tool's name is a text, not"):
        agent("desk").as_tool(description="Asks.", **Wrong(name=given))


def test_a_type_of_messages_without_a_schema_names_its_option() -> None:
    with pytest.raises(ConfigurationError, match="AgentMail: payload: no JSON schema"):
        AgentMail(**Wrong(payload=5))


def test_a_member_as_a_tool_with_fewer_tools_still_hands_over_and_back() -> None:
    replies = [call_tool("pay"), call_tool("transfer_to_desk")]
    back = LightAgent(name="finance", model=ScriptedModel(replies), tools=[pay])
    desk = LightAgent(name="desk", model=ScriptedModel([call_tool("transfer_to_finance"), "Not paid."]))
    swarm = swarm_of(desk, back)
    asking = swarm.member(desk).as_tool("ask", "Asks.", tools=["transfer_to_*"])
    caller = LightAgent(model=ScriptedModel([call_tool("ask", query="Pay."), "Done."]), tools=[asking])
    result = caller.run("?", result_format="object", trace=True)
    assert result.tool_calls[0].output == "Not paid."
    (refused,) = [line for line in result.trace if line["data"].get("status") == "refused"]
    assert refused["data"]["path"] == ["call_1_1"]


def test_a_member_that_is_given_a_tool_is_handed_back_to_with_it(tmp_path: Path) -> None:
    (tmp_path / "ping.py").write_text('def ping() -> str:\n    """Ping."""\n    return "pong"\n', "utf-8")
    script = ScriptedModel([call_tool("transfer_to_finance"), call_tool("ping"), "Done."])
    desk = LightAgent(name="desk", model=script)
    finance = LightAgent(name="finance", model=ScriptedModel([call_tool("transfer_to_desk")]))
    member = swarm_of(desk, finance).member(desk)
    member.load_tools(["ping"], tmp_path)
    assert member.run("?", result_format="object").tool_calls[-1].output == "pong"
