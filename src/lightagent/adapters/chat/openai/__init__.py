"""Any OpenAI-compatible chat-completions endpoint: OpenAI, Azure, vLLM, llama.cpp, Ollama, a LiteLLM proxy and so on.

Two transports stand behind one model: a thin aiohttp client for a plain endpoint (a key and a base URL), and the openai
SDK for what the SDK knows better; `transport_choice` decides and says why. Neither is imported before a first request.

Read in this order: `model` (a request from end to end), `request_body` (what is sent), `exchange` (time limits),
`answers` (what comes back), `faults` (what can go wrong, as typed errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat.openai.model import OpenAIChatModel

if TYPE_CHECKING:
    from lightagent.adapters.chat.openai.adapter import ADAPTER, OpenAIOptions

__all__ = ["ADAPTER", "EndpointProfile", "OpenAIChatModel", "OpenAIOptions"]


if not TYPE_CHECKING:  # To a type checker every misspelt name would be an object.

    def __getattr__(name: str) -> object:
        """What needs pydantic, when it is asked for: options are checked only where they come from a configuration."""
        if name not in ("ADAPTER", "OpenAIOptions"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from lightagent.adapters.chat.openai import adapter

        return adapter.ADAPTER if name == "ADAPTER" else adapter.OpenAIOptions
