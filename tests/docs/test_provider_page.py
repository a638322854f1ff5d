"""The page of the providers is what the code knows of them, and every provider that is promised is on it."""

from __future__ import annotations

import re

import pytest

from lightagent.adapters._endpoints.endpoint import check_url, host_of
from lightagent.adapters.chat._profile_table import LINES
from lightagent.adapters.chat._profiles import UNKNOWN
from lightagent.adapters.chat._providers import HOSTED, PROVIDERS, Provider, line_of, provider_at
from tests.docs.blocks import blocks
from tests.docs.provider_page import PAGE, page

PROMISED = (
    *("OpenAI", "OpenRouter", "Zhipu ChatGLM", "Baichuan", "StepFun", "DeepSeek", "Qwen", "Moonshot", "MiniMax"),
    *("Gemini", "Groq", "Mistral", "xAI", "Together", "Anthropic", "vLLM", "llama.cpp", "Ollama", "LiteLLM"),
)


def title(provider: Provider) -> str:
    return provider.title


def test_the_page_is_what_is_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "Type: make provider-page"


def test_every_provider_that_is_promised_has_a_section() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [name for name in PROMISED if not any(heading.startswith(name) for heading in headings)]


def test_every_line_of_the_table_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [line.name for line in LINES if not re.search(rf'[`"]{re.escape(line.name)}[`"]', text)]


@pytest.mark.parametrize("provider", PROVIDERS, ids=title)
def test_a_provider_has_a_program_that_reads_its_key_and_asks_at_its_base_url(provider: Provider) -> None:
    programs = [block.text for block in blocks(PAGE) if f'"{provider.base_url}"' in block.text]
    (program,) = (text for text in programs if "agent.run(" in text)
    assert f'"{provider.model}"' in program
    assert (f'os.environ["{provider.key}"]' in program) == bool(provider.key)
    assert check_url(provider.base_url) == provider.base_url


@pytest.mark.parametrize("provider", HOSTED, ids=title)
def test_the_host_of_a_provider_leads_to_its_line(provider: Provider) -> None:
    host = host_of(provider.base_url)
    found = provider_at(host)
    assert found is not None
    assert found.title == provider.title
    line = line_of(provider)
    assert f"`{line.name}`, found by the host" in PAGE.read_text(encoding="utf-8")


def test_what_differs_is_told_of_every_provider_that_differs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    differing = [line_of(provider) for provider in PROVIDERS if line_of(provider).profile != UNKNOWN]
    assert len(re.findall(r"^\* Written out: ", text, re.MULTILINE)) == len(differing) > 5


def test_other_hosts_lead_to_no_provider() -> None:
    assert provider_at("127.0.0.1") is None
    assert provider_at("api.deepseek.com.example") is None
