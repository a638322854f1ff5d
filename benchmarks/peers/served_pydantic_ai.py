"""pydantic-ai's agent behind AG-UI, which only streams."""

import common
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.ui.ag_ui import AGUIAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


def application(url: str) -> ASGIApp:
    """Serves one agent."""
    model = OpenAIChatModel(common.MODEL, provider=OpenAIProvider(base_url=url + "/v1", api_key="x"))
    agent = Agent(model, instructions=common.SYSTEM)

    async def run(request: Request) -> Response:
        response: Response = await AGUIAdapter.dispatch_request(request, agent=agent)
        return response

    return Starlette(routes=[Route("/", run, methods=["POST"])])
