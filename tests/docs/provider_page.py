"""Writes `docs/model-providers.md` from what the code knows of each provider: `make provider-page`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from lightagent.adapters.chat._profile_descriptions import as_toml, differences
from lightagent.adapters.chat._profile_table import Evidence
from lightagent.adapters.chat._providers import OWN_SERVERS, PROVIDERS, Provider, line_of
from tests.docs.blocks import ROOT, anchor

PAGE = ROOT / "docs/model-providers.md"
TEMPLATE = Path(__file__).with_name("provider_page_template.md")
IN_SETTINGS = "deepseek"

EVIDENCE: dict[Evidence, str] = {
    "tried": "tried out",
    "read": "read in the provider's own pages",
    "reported": "reported by others",
}


def page() -> str:
    """The page as it should be."""
    example = next(each for each in PROVIDERS if each.line == IN_SETTINGS)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        overview="\n".join(_overview()),
        settings="\n".join(_settings(example)),
        sections="\n".join(map(_section, PROVIDERS)),
    )


def _overview() -> Iterator[str]:
    yield "| provider | key | base URL | a model |"
    yield "|---|---|---|---|"
    for each in PROVIDERS:
        yield f"| [{each.title}](#{anchor(each.title)}) | {_key(each)} | `{each.base_url}` | `{each.model}` |"


def _settings(provider: Provider) -> Iterator[str]:
    yield "[default.model]"
    yield 'kind = "openai"'
    yield f'model = "{provider.model}"'
    yield f'api_key = {{ env = "{provider.key}" }}'
    yield f'base_url = "{provider.base_url}"'


def _section(provider: Provider) -> str:
    lines = [f"## {provider.title}", "", *_facts(provider), "", "```python", *_program(provider), "```"]
    if provider.notes:
        lines += ["", "Good to know:", "", *(f"* {note}" for note in provider.notes)]
    if provider.troubles:
        rows = (f"| {seen} | {remedy} |" for seen, remedy in provider.troubles)
        lines += ["", "| what you see | what to do |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _facts(provider: Provider) -> Iterator[str]:
    line = line_of(provider)
    told = differences(line.profile)
    sources = ", ".join(f"<{source}>" for source in line.source.split(", "))
    yield f"* Key: {_key(provider)}"
    yield f"* Base URL: `{provider.base_url}`"
    yield f"* A model: `{provider.model}`"
    yield f"* Profile: `{line.name}`, {'found by the host' if line.hosts else 'set by its name'}"
    yield f"* What differs: {' '.join(told) or 'nothing in the form of requests.'}"
    if told:
        yield f"* Written out: `profile = {as_toml(line.profile)}`"
    yield f"* How that is known: {EVIDENCE[line.evidence]}, {sources}"


def _key(provider: Provider) -> str:
    return f"`{provider.key}`" if provider.key else "none"


def _program(provider: Provider) -> Iterator[str]:
    if provider.key:
        yield "import os"
        yield ""
    yield "from lightagent import LightAgent"
    named = provider in OWN_SERVERS
    if named:
        yield "from lightagent.adapters.chat.openai import OpenAIChatModel"
    yield ""
    yield "model = OpenAIChatModel(" if named else "agent = LightAgent("
    yield f'    model="{provider.model}",'
    if provider.key:
        yield f'    api_key=os.environ["{provider.key}"],'
    yield f'    base_url="{provider.base_url}",'
    if named:
        yield f'    profile="{provider.line}",'
    yield ")"
    if named:
        yield "agent = LightAgent(model=model)"
    yield 'print(agent.run("Say hello."))'


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
