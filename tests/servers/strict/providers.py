"""All strict providers by name."""

from collections.abc import Mapping

from tests.servers.strict.anthropic import ANTHROPIC
from tests.servers.strict.deepseek import DEEPSEEK, DEEPSEEK_THINKING
from tests.servers.strict.gemini import GEMINI
from tests.servers.strict.groq import GROQ
from tests.servers.strict.mistral import MISTRAL
from tests.servers.strict.openai import OPENAI, OPENAI_REASONING
from tests.servers.strict.provider import Provider
from tests.servers.strict.vllm import VLLM, VLLM_ALTERNATING

ALL = (OPENAI, OPENAI_REASONING, DEEPSEEK, DEEPSEEK_THINKING, GEMINI, ANTHROPIC, GROQ, MISTRAL, VLLM, VLLM_ALTERNATING)
PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in ALL}
