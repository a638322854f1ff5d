"""Any provider that LiteLLM knows, through the litellm package, which is loaded when first used.

LiteLLM's own retries, fallbacks, telemetry and downloads of prices are off. Its answers are read by the reader of the
`openai` adapter, since LiteLLM gives every provider's answer OpenAI's form.
"""

from __future__ import annotations

from lightagent.adapters.chat.litellm.model import LiteLLMChatModel
from lightagent.adapters.chat.litellm.options import LiteLLMOptions, open_model
from lightagent.adapters.registry import Adapter

__all__ = ["ADAPTER", "LiteLLMChatModel", "LiteLLMOptions"]

ADAPTER = Adapter(LiteLLMOptions, open_model, requires=("litellm",), extra="litellm")
