"""A key of the environment goes to its own host; a settings file cannot lead it to another without saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent.adapters._endpoints.endpoint import CHAT_PATH, resolve_endpoint
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonValue
from lightagent.settings import Backend, Settings, load_settings, open_file
from lightagent.settings.backends import open_backend
from lightagent.settings.check_profiles import check_profiles

KEY = "sk-default-0123456789"
OTHER = 'base_url = "https://other.example/v1"'


def model_of(tmp_path: Path, table: str, environ: dict[str, str]) -> tuple[OpenAIChatModel, dict[str, str]]:
    """The model that a file with this table makes, and the environment it was made in."""
    path = tmp_path / "some.toml"
    path.write_text(f'[default.model]\nkind = "openai"\nmodel = "m"\n{table}\n')
    variables = {"OPENAI_API_KEY": KEY, "AZURE_OPENAI_API_KEY": KEY, **environ}
    model = open_backend(load_settings(path, environ=variables), "model", variables)
    assert isinstance(model, OpenAIChatModel)
    return model, variables


@pytest.mark.parametrize(
    ("table", "environ"),
    [
        (OTHER, {}),
        (OTHER + "\ndefault_key_allowed = true", {}),
        ('base_url = "http://api.openai.com/v1"', {}),
        ('base_url = "https://api.openai.com:8443/v1"', {}),
        ('base_url = "https://api.openai.com.other.example/v1"', {}),
        ('base_url = "https://other-api.openai.com/v1"', {}),
        ('base_url = "http://eu.api.openai.com/v1"', {}),
        (OTHER, {"OPENAI_BASE_URL": "https://mine.example/v1"}),
        ('base_url = { env = "ELSEWHERE" }', {"ELSEWHERE": "https://other.example/v1"}),
        ('azure_endpoint = "https://other.example"\napi_version = "1"', {}),
    ],
)
def test_a_host_that_a_file_names_without_a_key_gets_none(tmp_path: Path, table: str, environ: dict[str, str]) -> None:
    model, variables = model_of(tmp_path, table, environ)
    told = model.missing_key(variables)
    assert "OPENAI_API_KEY is not sent to" in told
    assert 'api_key = { env = "' in told
    assert KEY not in told


@pytest.mark.parametrize(
    ("table", "environ"),
    [
        ("", {}),
        ("", {"OPENAI_BASE_URL": "https://mine.example/v1"}),
        ('base_url = "https://api.openai.com/v1"', {}),
        ('base_url = "https://eu.api.openai.com/v1"', {}),
        (OTHER, {"OPENAI_BASE_URL": "https://other.example/v2"}),
        (OTHER, {"LIGHTAGENT__MODEL__BASE_URL": "https://mine.example/v1"}),
        (OTHER, {"LIGHTAGENT__MODEL__DEFAULT_KEY_ALLOWED": "true"}),
        (OTHER + '\napi_key = { env = "OPENAI_API_KEY" }', {}),
    ],
)
def test_its_own_host_and_one_that_the_user_binds_get_the_default_key(
    tmp_path: Path, table: str, environ: dict[str, str]
) -> None:
    model, variables = model_of(tmp_path, table, environ)
    assert model.missing_key(variables) == ""
    assert resolve_endpoint(model._options, CHAT_PATH, variables).key == KEY


def test_a_host_on_this_machine_needs_no_key_and_gets_none(tmp_path: Path) -> None:
    model, variables = model_of(tmp_path, 'base_url = "http://127.0.0.1:9/v1"', {})
    assert model.missing_key(variables) == ""
    assert "Authorization" not in resolve_endpoint(model._options, CHAT_PATH, variables).headers


@pytest.mark.parametrize("transport", ["aiohttp", "sdk"])
def test_the_first_request_says_what_to_write(tmp_path: Path, transport: str) -> None:
    model, variables = model_of(tmp_path, f'{OTHER}\ntransport = "{transport}"', {})
    with pytest.raises(ProviderError, match=r'other\.example.* api_key = \{ env = "OPENAI_API_KEY" \}') as caught:
        resolve_endpoint(model._options, CHAT_PATH, variables)
    assert caught.value.code == "LA-401"


def test_the_models_of_a_fallback_are_no_way_around(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    inner = '{ kind = "fallback", models = [{ kind = "openai", model = "m", base_url = "https://other.example/v1" }] }'
    path.write_text(f'[default.model]\nkind = "fallback"\nmodels = [{inner}]\n')
    environ = {"OPENAI_API_KEY": KEY}
    (found,) = check_profiles(open_file(path, environ), None, environ)
    (problem,) = found.problems
    assert "OPENAI_API_KEY is not sent to other.example" in str(problem)


def test_settings_made_in_code_are_the_users_own() -> None:
    options: dict[str, JsonValue] = {"model": "m", "base_url": "https://other.example/v1"}
    made = open_backend(Settings(model=Backend(kind="openai", options=options)), "model", {"OPENAI_API_KEY": KEY})
    assert isinstance(made, OpenAIChatModel)
    assert resolve_endpoint(made._options, CHAT_PATH, {"OPENAI_API_KEY": KEY}).key == KEY
