"""Any OpenAI-compatible chat-completions endpoint: OpenAI, Azure, vLLM, llama.cpp, Ollama, a LiteLLM proxy and so on.

Two transports stand behind one model: a thin aiohttp client for a plain endpoint (a key and a base URL), and the openai
SDK for what the SDK knows better; `transport_choice` decides and says why. Neither is imported before a first request.

Read in this order: `model` (a request from end to end), `request_body` (what is sent), `exchange` (time limits),
`answers` (what comes back), `faults` (what can go wrong, as typed errors).
"""

from __future__ import annotations

from lightagent.adapters.chat.openai.model import OpenAIChatModel
from lightagent.adapters.chat.openai.options import OpenAIOptions, open_model
from lightagent.adapters.registry import Adapter

__all__ = ["ADAPTER", "OpenAIChatModel", "OpenAIOptions"]

ADAPTER = Adapter(OpenAIOptions, open_model)
