"""examples/chat_ui/page.py in the environment that has Gradio: a chat page over a served agent."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.child import Child, free_port, running

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".tools/gradio/bin/python"
TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 120.0


@contextmanager
def gradio_page(folder: Path, address: str, model: str) -> Iterator[Child]:
    """The page, whose address is `url`.

    Args:
        address: the API of the agent, up to `/v1`.
    """
    port = free_port()
    env = {
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "files"),
        "HF_HUB_OFFLINE": "1",
    }
    program = str(ROOT / "examples/chat_ui/page.py")
    command = [sys.executable, str(TIED), str(port), str(PYTHON), program, address, model]
    with running("gradio", command, log=folder / "gradio.log", start_seconds=START_SECONDS, env=env) as child:
        yield child
