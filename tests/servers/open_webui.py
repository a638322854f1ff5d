"""Open WebUI in an environment of its own, before a served agent: a chat interface that many people use."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.child import Child, free_port, running

PROGRAM = Path(__file__).parents[2] / ".tools/open-webui/bin/open-webui"
TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 400.0
STOP_SECONDS = 30.0


@contextmanager
def open_webui(folder: Path, address: str, key: str) -> Iterator[Child]:
    """The page, whose address is `url`: without a login, and asking nobody but the agent.

    Args:
        folder: where it keeps its things.
        address: the API of the agent, up to `/v1`.
    """
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "DATA_DIR": str(folder / "data"),
        "WEBUI_SECRET_KEY": "only for tests",
        "WEBUI_AUTH": "False",
        "OPENAI_API_BASE_URL": address,
        "OPENAI_API_KEY": key,
        "ENABLE_FORWARD_USER_INFO_HEADERS": "True",
        "ENABLE_OLLAMA_API": "False",
        "DEFAULT_MODELS": "helper",
        "DEFAULT_MODEL_METADATA": '{"capabilities": {"builtin_tools": false}}',
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_EMBEDDING_MODEL": "none",
        "ANONYMIZED_TELEMETRY": "False",
        "DO_NOT_TRACK": "true",
    }
    (folder / "data").mkdir()
    command = [sys.executable, str(TIED), str(port), str(PROGRAM), "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "open-webui.log"
    with running(
        "open-webui", command, log=log, start_seconds=START_SECONDS, stop_seconds=STOP_SECONDS, env=env
    ) as child:
        yield child
