"""What `adk api_server` serves: an agent of Google's ADK, through LiteLLM, its sessions in memory."""

import tempfile
from pathlib import Path

import common
from google.adk.cli.fast_api import get_fast_api_app
from starlette.types import ASGIApp

AGENT = """
from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm

model = LiteLlm(model="openai/{model}", api_base="{url}/v1", api_key="x")
root_agent = LlmAgent(name="helper", model=model, instruction="{system}")
"""


def application(url: str) -> ASGIApp:
    """Serves one agent, from a folder as that server takes it."""
    agents = Path(tempfile.mkdtemp(prefix="served-adk-"))
    folder = agents / "helper"
    folder.mkdir()
    (folder / "__init__.py").write_text("from . import agent\n")
    (folder / "agent.py").write_text(AGENT.format(model=common.MODEL, url=url, system=common.SYSTEM))
    app: ASGIApp = get_fast_api_app(
        agents_dir=str(agents), session_service_uri="memory://", web=False, auto_create_session=True
    )
    return app
