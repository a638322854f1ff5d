"""What is no JSON, no message and no list of parts."""

from datetime import datetime

from lightagent import ApprovalDecision, ApprovalRequired, LightAgent, LightFlow
from lightagent.testing import call_tool


class Own:
    pass


def no_json(agent: LightAgent, flow: LightFlow, when: datetime) -> None:
    agent.run("?", metadata={"stop": {"a", "b"}})  # wrong
    agent.run("?", metadata={"stop": when})  # wrong
    agent.run("?", metadata={1: "a"})  # wrong
    agent.run("?", metadata=["stop"])  # wrong
    call_tool("pay", when=when)  # wrong
    ApprovalDecision.edit({"own": Own()})  # wrong
    ApprovalDecision.edit(["a"])  # wrong
    ApprovalRequired("?", {"own": Own()})  # wrong
    flow.signal("run", "paid", when)  # wrong
    flow.map("each", {"a", "b"}, agent=str.upper)  # wrong


def no_messages(agent: LightAgent) -> None:
    agent.run("?", history=[Own()])  # wrong
    agent.run("?", history=["Hello"])  # wrong
    agent.run("?", history={"role": "user", "content": "Hello"})  # wrong
    agent.run([Own()])  # wrong
    agent.run(["Hello"])  # wrong
    agent.run(3)  # wrong


def not_none(agent: LightAgent, flow: LightFlow) -> None:
    agent.run(None)  # wrong
    flow.get_run("run", user_id=None)  # wrong
