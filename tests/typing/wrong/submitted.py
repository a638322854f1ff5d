"""What is wrong of submitted runs."""

from lightagent import LightAgent, RunHandle

plain = LightAgent(name="plain")
tool_user = LightAgent(name="tool_user", deps_type=int)

plain.submit(3)  # wrong
plain.submit([{"type": "text", "text": "?"}])  # wrong
plain.submit("?", session_id="s")  # wrong: session_id
tool_user.submit("?")  # wrong
tool_user.run_handle("r")  # wrong
number: RunHandle[int] = plain.submit("?")  # wrong
LightAgent(engine="temporal")  # wrong
plain.run_handle("r").approve(True)  # wrong
