"""LiteLLM's proxy in an environment of its own, in front of an aimock that plays OpenAI, Anthropic and Ollama."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.child import Child, ServerError, free_port, running
from tests.servers.json_values import JsonObject

PROGRAM = Path(__file__).parents[2] / ".tools/litellm-proxy/bin/litellm"
TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 180.0
KEY = "sk-proxy-0123456789"
MODELS = ("openai", "anthropic", "ollama")


@dataclass(frozen=True)
class LiteLLMProxy:
    """`MODELS` are the models that it offers; `backend` plays the providers behind it."""

    base_url: str
    child: Child
    backend: Aimock


@contextmanager
def litellm_proxy_server(folder: Path) -> Iterator[LiteLLMProxy]:
    if not PROGRAM.is_file():
        raise ServerError(f"{PROGRAM} is missing: `make test-heavy` installs it")
    with aimock_server(folder / "aimock.log") as backend:
        settings = folder / "config.yaml"
        settings.write_text(json.dumps(_settings(backend.child.url)))  # JSON is YAML
        port = free_port()
        command = [sys.executable, str(TIED), str(port), str(PROGRAM), "--config", str(settings)]
        command += ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        with running(
            "litellm proxy", command, log=folder / "proxy.log", start_seconds=START_SECONDS, stop_seconds=30, env=env
        ) as child:
            yield LiteLLMProxy(f"{child.url}/v1", child, backend)


def _settings(backend: str) -> JsonObject:
    models: list[tuple[str, str, str]] = [
        ("openai", "openai/gpt", f"{backend}/v1"),
        ("anthropic", "anthropic/claude-sonnet-4-5", backend),
        ("ollama", "ollama_chat/llama3", backend),
    ]
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": model, "api_base": base, "api_key": "none"}}
            for name, model, base in models
        ],
        "general_settings": {"master_key": KEY},
    }
