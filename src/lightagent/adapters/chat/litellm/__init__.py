"""Any provider that LiteLLM knows, through the litellm package: loaded when first used, told to keep to itself.

LiteLLM's own retries, fallbacks, telemetry and look-ups of prices in the network are off; its answers are read by the
reader of the `openai` adapter, since LiteLLM makes every provider's answer look like OpenAI's.
"""

from __future__ import annotations

from lightagent.adapters.chat.litellm.model import LiteLLMChatModel
from lightagent.adapters.chat.litellm.options import LiteLLMOptions, open_model
from lightagent.adapters.registry import Adapter

__all__ = ["ADAPTER", "LiteLLMChatModel", "LiteLLMOptions"]

ADAPTER = Adapter(LiteLLMOptions, open_model, requires=("litellm",), extra="litellm")
