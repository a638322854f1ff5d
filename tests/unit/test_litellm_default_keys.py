"""A settings file that names a host for LiteLLM gets no credential of the environment there; asked over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from lightagent.adapters._endpoints.litellm_keys import NO_KEY
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ProviderError
from lightagent.ports.models import ChatRequest
from lightagent.settings import load_settings
from lightagent.settings.backends import open_backend
from tests.support.echo_server import echo_server

CANARY: Final = "sk-canary-0123456789abcdef"
ELSEWHERE: Final = 'api_base = "https://other.example/v1"'
VARIABLES: Final = {
    "openai/m": "OPENAI_API_KEY",
    "gpt-4.1": "OPENAI_API_KEY",
    "anthropic/claude-sonnet-4-5": "ANTHROPIC_API_KEY",
    "claude-sonnet-4-5": "ANTHROPIC_AUTH_TOKEN",
    "gemini/gemini-2.5-flash": "GEMINI_API_KEY",
    "deepseek/deepseek-chat": "DEEPSEEK_API_KEY",
    "mistral/mistral-large-latest": "MISTRAL_API_KEY",
    "groq/openai/gpt-oss-120b": "GROQ_API_KEY",
    "openrouter/openai/gpt-4.1": "OR_API_KEY",
    "together_ai/m": "TOGETHER_AI_TOKEN",
    "fireworks_ai/m": "FIREWORKS_AI_TOKEN",
    "cohere_chat/command-a": "CO_API_KEY",
    "perplexity/sonar": "PERPLEXITYAI_API_KEY",
    "moonshot/kimi-k2.5": "MOONSHOT_API_KEY",
    "dashscope/qwen-plus": "DASHSCOPE_API_KEY",
    "cerebras/m": "CEREBRAS_API_KEY",
    "sambanova/m": "SAMBANOVA_API_KEY",
    "nvidia_nim/m": "NVIDIA_NIM_API_KEY",
    "hosted_vllm/m": "HOSTED_VLLM_API_KEY",
    "ollama_chat/qwen3": "OLLAMA_API_KEY",
    "lm_studio/m": "LM_STUDIO_API_KEY",
}


def model_of(tmp_path: Path, name: str, table: str, environ: dict[str, str]) -> LiteLLMChatModel:
    """The model that a file with this table makes, in this environment."""
    path = tmp_path / "some.toml"
    path.write_text(f'[default.model]\nkind = "litellm"\nmodel = "{name}"\n{table}\n')
    model = open_backend(load_settings(path, environ=environ), "model", environ)
    assert isinstance(model, LiteLLMChatModel)
    return model


@pytest.mark.parametrize(("name", "variable"), VARIABLES.items())
def test_a_host_that_a_file_names_gets_no_key(tmp_path: Path, name: str, variable: str) -> None:
    model = model_of(tmp_path, name, ELSEWHERE, {variable: CANARY})
    told = model.missing_key({variable: CANARY})
    if name.partition("/")[0] in ("hosted_vllm", "ollama_chat", "lm_studio"):
        assert told == "", "it is asked without any"
        return
    assert f"{variable} is not sent to other.example" in told
    assert f'api_key = {{ env = "{variable}" }}' in told


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("openai/m", 'base_url = "https://other.example/v1"'),
        ("openai/m", ELSEWHERE + "\ndefault_key_allowed = true"),
        ("openai/m", 'api_base = "http://api.openai.com/v1"'),
        ("openai/m", 'api_base = "https://api.openai.com.other.example/v1"'),
        ("openai/m", 'arguments = { api_base = "https://other.example/v1" }'),
        ("openai/m", 'arguments = { base_url = "other.example:9" }'),
        ("openai/m", 'arguments = { fallbacks = [{ model = "openai/m", api_base = "https://other.example" }] }'),
        ("openai/m", 'api_base = "https://api.openai.com/v1"\narguments = { api_base = "https://other.example/v1" }'),
        ("huggingface/https://other.example/m", ""),
        ("bedrock/m", ELSEWHERE),
        ("bedrock/m", 'arguments = { aws_bedrock_runtime_endpoint = "https://other.example" }'),
        ("bedrock/m", 'arguments = { aws_region_name = "other.example/#" }'),
        ("vertex_ai/m", 'arguments = { vertex_location = "other.example/" }'),
        ("bedrock/m", 'api_base = "http://127.0.0.1:9"'),
        ("azure/m", ELSEWHERE),
        ("deepseek/m", 'api_base = "https://api.openai.com/v1"'),
    ],
)
def test_other_arguments_cannot_send_a_key_to_a_foreign_host(tmp_path: Path, name: str, table: str) -> None:
    environ = {"OPENAI_API_KEY": CANARY, "DEEPSEEK_API_KEY": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY}
    told = model_of(tmp_path, name, table, environ).missing_key(environ)
    assert "not sent to" in told
    assert CANARY not in told


@pytest.mark.parametrize(
    ("name", "table", "environ"),
    [
        ("openai/m", "", {}),
        ("openai/m", 'api_base = "https://api.openai.com/v1"', {}),
        ("deepseek/m", 'api_base = "https://api.deepseek.com/beta"', {}),
        ("openai/m", ELSEWHERE, {"OPENAI_API_BASE": "https://other.example/v2"}),
        ("deepseek/m", ELSEWHERE, {"DEEPSEEK_API_BASE": "https://other.example/v1"}),
        ("openai/m", ELSEWHERE, {"LIGHTAGENT__MODEL__DEFAULT_KEY_ALLOWED": "true"}),
        ("openai/m", ELSEWHERE, {"LIGHTAGENT__MODEL__API_BASE": "https://mine.example/v1"}),
        ("openai/m", ELSEWHERE + '\napi_key = { env = "OPENAI_API_KEY" }', {}),
        ("openai/m", ELSEWHERE + '\narguments = { api_key = { env = "OPENAI_API_KEY" } }', {}),
        ("openai/m", ELSEWHERE + '\nheaders = { Authorization = { env = "OPENAI_API_KEY" } }', {}),
        ("bedrock/m", 'arguments = { aws_region_name = "eu-central-1", temperature = 0.5 }', {}),
    ],
)
def test_its_own_host_and_one_that_the_user_binds_get_the_default_key(
    tmp_path: Path, name: str, table: str, environ: dict[str, str]
) -> None:
    variables = {"OPENAI_API_KEY": CANARY, "DEEPSEEK_API_KEY": CANARY, **environ}
    assert model_of(tmp_path, name, table, variables).missing_key(variables) == ""


@pytest.mark.litellm
@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("default")
async def test_the_first_request_is_not_sent_and_one_on_this_machine_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, CANARY)
    model = model_of(tmp_path, "openai/m", ELSEWHERE, {})
    with pytest.raises(ProviderError, match=r"OPENAI_API_KEY is not sent to other\.example") as caught:
        await anext(model.stream(ChatRequest((UserMessage("Hello"),))))
    assert (caught.value.code, caught.value.retryable) == ("LA-401", False)
    async with echo_server() as server:
        server.answer = "other spellings"  # a refusal
        for name in VARIABLES:
            model = model_of(tmp_path, name, f'api_base = "{server.base_url}"', {})
            server.heads.clear()
            with pytest.raises(ProviderError):
                await anext(model.stream(ChatRequest((UserMessage("Hello"),))))
            await model.aclose()
            (head,) = server.heads
            assert CANARY not in head, name
            assert NO_KEY in head, name
