"""An agent, served as `lightagent serve` does."""

import common
from starlette.types import ASGIApp

from lightagent import LightAgent, OpenAIChatModel, serve
from lightagent.settings.sections.serve import ServeSettings


def application(url: str) -> ASGIApp:
    """Serves one agent."""
    model = OpenAIChatModel(common.MODEL, api_key="x", base_url=url + "/v1")
    agent = LightAgent(name="helper", model=model, instructions=common.SYSTEM)
    return serve(agent, settings=ServeSettings(runs=2_000, runs_of_key=2_000))
