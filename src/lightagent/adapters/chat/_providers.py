"""All providers as their users meet them, those of one's own among them; `docs/model-providers.md` is made of it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from lightagent.adapters._endpoints.hosted_providers import HOSTED, Provider
from lightagent.adapters.chat._profile_table import LINES, ProfileLine

__all__ = ["HOSTED", "OWN_SERVERS", "PROVIDERS", "Provider", "line_of", "provider_at"]

OWN_SERVERS: Final[tuple[Provider, ...]] = (
    Provider(
        "vllm",
        "vLLM",
        "",
        "http://localhost:8000/v1",
        "Qwen/Qwen3-8B",
        (
            "For tools it is started with `vllm serve Qwen/Qwen3-8B --enable-auto-tool-choice --tool-call-parser "
            "hermes`; the parser belongs to the model. With `--api-key` it wants that as `api_key=`.",
            "While tools are offered, an answer of a type is asked for by the prompt: vLLM would force JSON upon all "
            "that the model says, and so no tool would be called.",
            'Some chat templates take no two messages of one role in a row: `profile="alternating"`.',
        ),
        (
            (
                'LA-400, "requires --enable-auto-tool-choice and --tool-call-parser"',
                "Start it with both.",
            ),
            ("LA-404", "`model` must be the name that it serves: the path, or `--served-model-name`."),
            ("LA-413", "The conversation is longer than `--max-model-len`."),
        ),
    ),
    Provider(
        "llama.cpp",
        "llama.cpp",
        "",
        "http://localhost:8080/v1",
        "local",
        (
            "It is started with `llama-server -m model.gguf --jinja -c 8192`, and serves one model, whatever `model` "
            "says.",
            "While tools are offered, an answer of a type is asked for by the prompt: llama.cpp would force JSON upon "
            "all that the model says, and so no tool would be called.",
        ),
        (
            ('An error that says "tools param requires --jinja flag"', "Start it with `--jinja`."),
            ("LA-413", "The conversation is longer than its context: a larger `-c`."),
            ("LA-503 after the start", "The model is still being loaded. The request is tried again."),
        ),
    ),
    Provider(
        "ollama",
        "Ollama",
        "",
        "http://localhost:11434/v1",
        "qwen3",
        (
            "`ollama pull qwen3` fetches the model, `ollama serve` serves it.",
            "Parameters that it does not know, such as `max_completion_tokens`, it ignores.",
        ),
        (
            (
                "The model forgets the beginning, or its tools",
                "Its context is short by default: start the server with OLLAMA_CONTEXT_LENGTH=16384.",
            ),
            ('LA-400, "does not support tools"', "Choose a model whose page says tools."),
            ("LA-404", "The model is not there yet: `ollama pull`."),
        ),
    ),
    Provider(
        "litellm-proxy",
        "LiteLLM proxy",
        "LITELLM_API_KEY",
        "http://localhost:4000/v1",
        "gpt-4.1",
        (
            "`model` is a `model_name` of its configuration, the key is one of its own (virtual) keys. What it takes "
            "depends on the provider behind it: give that one's `profile=`.",
        ),
        (('LA-400, "UnsupportedParamsError"', "Set `drop_params: true` in its configuration, or leave them out."),),
    ),
)

PROVIDERS: Final = (*HOSTED, *OWN_SERVERS)


def line_of(provider: Provider) -> ProfileLine:
    """What is known of it."""
    return next(line for line in LINES if line.name == provider.line)


def provider_at(host: str) -> Provider | None:
    """The provider that serves at a host; None for one that is not known, or is a server of one's own."""
    for provider in HOSTED:
        if any(fnmatchcase(host.lower(), pattern) for pattern in line_of(provider).hosts):
            return provider
    return None
