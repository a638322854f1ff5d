"""Any OpenAI-compatible chat-completions endpoint: OpenAI, Azure, vLLM, llama.cpp, Ollama, a LiteLLM proxy and so on.

One model has two transports: a thin aiohttp client for a plain endpoint (a key and a base URL), and the openai SDK for
everything else; `endpoint.choose_transport` decides. Neither is imported before the first request.

Read in this order: `options`, `model` (a request from end to end), `request_body` (what is sent), `exchange` (time
limits), `answers` (what comes back, through `sse` and `choices`), and `_endpoints.faults` (the errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.adapters.chat.openai.model import OpenAIChatModel

if TYPE_CHECKING:
    from lightagent.adapters.chat.openai.adapter import ADAPTER, OpenAIOptions

__all__ = ["ADAPTER", "EndpointProfile", "OpenAIChatModel", "OpenAIOptions"]


if not TYPE_CHECKING:  # A type checker would accept every misspelt name as an object.

    def __getattr__(name: str) -> object:
        """Import what needs pydantic only on use: a program that makes its own model does not need it."""
        if name not in ("ADAPTER", "OpenAIOptions"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from lightagent.adapters.chat.openai import adapter

        return adapter.ADAPTER if name == "ADAPTER" else adapter.OpenAIOptions
