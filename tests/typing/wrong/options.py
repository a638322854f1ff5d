"""Options that do not exist, or have another type."""

from lightagent import LightAgent, Limits, OpenAIChatModel, RunOptions

agent = LightAgent()

LightAgent(intsructions="x")  # wrong: intsructions
LightAgent(temperature=0)  # wrong: temperature
LightAgent(limits={"max_retry": 1})  # wrong
LightAgent(limits=3)  # wrong
LightAgent(name=1)  # wrong
LightAgent(model=1)  # wrong
LightAgent(tools=5)  # wrong
LightAgent(tools=[7])  # wrong
LightAgent(metadata={"x": object()})  # wrong
LightAgent(capture_content="yes")  # wrong
LightAgent("a name")  # wrong
LightAgent(output_type=5)  # wrong
LightAgent(deps_type=len)  # wrong
Limits(max_retry="3")  # wrong
Limits(retries=3)  # wrong

OpenAIChatModel("m", idle_timout=3)  # wrong: idle_timout
OpenAIChatModel("m", idle_timeout="3")  # wrong
OpenAIChatModel(base_url="http://127.0.0.1")  # wrong

agent.run("?", user="u")  # wrong: user
agent.run("?", user_id=1)  # wrong
agent.run("?", timeout="1")  # wrong
agent.run("?", trace="yes")  # wrong
agent.run("?", max_retry=1.5)  # wrong
agent.run("?", history="before")  # wrong
agent.run("?", tools=[1])  # wrong
agent.run(5)  # wrong
agent.run()  # wrong
options: RunOptions = {"user": "u"}  # wrong
agent.name = "other"  # wrong

LightAgent(name="x", limits=Limits(max_retry=2))
agent.run("?", user_id="u", timeout=1)
