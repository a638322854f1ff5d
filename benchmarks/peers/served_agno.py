"""agno's AgentOS, without its telemetry and without a database."""

import common
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.os import AgentOS
from starlette.types import ASGIApp


def application(url: str) -> ASGIApp:
    """Serves one agent."""
    model = OpenAIChat(id=common.MODEL, base_url=url + "/v1", api_key="x")
    agent = Agent(id="helper", name="helper", model=model, instructions=common.SYSTEM, telemetry=False)
    app: ASGIApp = AgentOS(agents=[agent], telemetry=False).get_app()
    return app
