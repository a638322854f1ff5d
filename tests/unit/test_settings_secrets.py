"""Secrets: never in the file, never shown."""

import json
from pathlib import Path

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.names import is_secret_name, is_secret_variable
from lightagent.settings import AgentSettings, Backend, Settings, load_settings
from lightagent.settings.backends import check_backend
from lightagent.settings.report import differences, rows
from lightagent.settings.secrets import Resolver, masked, masked_at

CANARY = "sk-canary-1234567890"


def write(folder: Path, text: str) -> Path:
    path = folder / "lightagent.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (f'api_key = "{CANARY}"', "default.model.api_key"),
        (f'headers = {{ Authorization = "Bearer {CANARY}" }}', "default.model.headers.Authorization"),
        (f'headers = {{ x-api-key = "{CANARY}" }}', "default.model.headers.x-api-key"),
        (f'endpoints = [{{ password = "{CANARY}" }}]', "default.model.endpoints.password"),
        (f'base_url = "http://me:{CANARY}@host/v1"', "default.model.base_url"),
        (f'keys = ["{CANARY}"]', "default.model.keys"),
        (f'store = {{ keys = {{ autumn = "{CANARY}" }} }}', "default.model.store.keys.autumn"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, line: str, place: str) -> None:
    path = write(tmp_path, f'[default.model]\nkind = "openai"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environ={})
    assert f"{place} ({path}:3): A secret is written out here." in str(caught.value)
    assert "{ env = " in str(caught.value)
    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)


def test_a_secret_that_has_no_telling_name_is_known_by_the_adapter(tmp_path: Path) -> None:
    """Here the adapter's options model types the option as SecretStr."""
    path = write(tmp_path, f'[default.model]\nkind = "openai"\napi_key = ["{CANARY}"]\n')
    with pytest.raises(ConfigurationError, match="A secret is written out here"):
        load_settings(path, environ={})


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ('api_key = { env = "PATH", x = 1 }', "default.model.api_key.x"),
        ('api_key = { x = "y", env = "PATH" }', "default.model.api_key.x"),
        ('models = [{ api_key = { env = "PATH", x = 1 } }]', "default.model.models.api_key.x"),
    ],
)
def test_a_reference_has_nothing_beside_env(tmp_path: Path, line: str, place: str) -> None:
    path = write(tmp_path, f'[default.model]\nkind = "openai"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, environ={})
    assert f"{place} ({path}:3): Unknown option 'x' beside env. A reference is api_key" in str(caught.value)
    assert "written out" not in str(caught.value)


def test_elsewhere_env_is_a_name_like_any_other(tmp_path: Path) -> None:
    path = write(tmp_path, '[default.agent.metadata.metadata]\nenv = "prod"\nteam = "a"\n')
    assert load_settings(path, environ={}).agent.metadata == {"metadata": {"env": "prod", "team": "a"}}


def test_a_reference_is_kept_as_a_reference(tmp_path: Path) -> None:
    path = write(tmp_path, '[default.model]\nkind = "openai"\napi_key = { env = "MY_KEY" }\n')
    settings = load_settings(path, environ={"MY_KEY": CANARY})
    assert settings.model.options == {"api_key": {"env": "MY_KEY"}}
    assert CANARY not in repr(settings)


def test_a_secret_in_its_own_variable_becomes_a_reference_to_it(tmp_path: Path) -> None:
    path = write(tmp_path, '[default.model]\nkind = "openai"\n')
    settings = load_settings(path, environ={"LIGHTAGENT__MODEL__API_KEY": CANARY})
    assert settings.model.options == {"api_key": {"env": "LIGHTAGENT__MODEL__API_KEY"}}


def test_a_secret_within_json_is_sent_to_its_own_variable(tmp_path: Path) -> None:
    value = json.dumps({"kind": "openai", "api_key": CANARY})
    with pytest.raises(ConfigurationError, match="LIGHTAGENT__MODEL__API_KEY=…") as caught:
        load_settings(write(tmp_path, ""), environ={"LIGHTAGENT__MODEL": value})
    assert CANARY not in str(caught.value)


def test_reports_show_references_and_mask_what_a_program_wrote_out() -> None:
    options: dict[str, JsonValue] = {"api_key": CANARY, "base_url": f"http://me:{CANARY}@host", "max_tokens": 5}
    settings = Settings(model=Backend(kind="openai", options=options))
    shown = {row.path: row.value for row in rows(settings)}
    assert shown["model.api_key"] == '"***"'
    assert shown["model.base_url"] == '"http://me:***@host"'
    assert shown["model.max_tokens"] == "5"
    told = f"{settings!r} {settings} {differences(settings, Settings())} {shown}"
    assert CANARY not in told


def test_a_difference_names_both_sides(tmp_path: Path) -> None:
    path = write(tmp_path, '[dev.agent]\nname="a"\n[prod.agent]\nname="b"\nrole="c"\n')
    found = differences(load_settings(path, "dev", {}), load_settings(path, "prod", {}))
    assert [(one.path, one.left, one.right) for one in found] == [
        ("agent.name", '"a"', '"b"'),
        ("agent.role", "(not set)", '"c"'),
    ]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("token", True),
        ("X-Api-Key", True),
        ("max_tokens", False),
        ("key_file", False),
        ("model", False),
    ],
)
def test_secret_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_looking_up_references() -> None:
    resolver = Resolver({"A": CANARY, "EMPTY": ""})
    value: JsonValue = {"x": [{"env": "A"}], "y": {"env": "EMPTY"}, "z": {"env": "A", "more": 1}}
    assert resolver.resolve(("o",), value) == {"x": [CANARY], "y": "", "z": {"env": "A", "more": 1}}
    assert resolver.missing == [(("o", "y"), "EMPTY")]
    assert resolver.redact(f"{CANARY} is bad") == "*** is bad"


def test_keys_by_their_ids_are_masked_at_any_depth() -> None:
    behind: JsonValue = {"kind": "sealed", "keys": {"autumn": CANARY, "spring": {"env": "SPRING"}}}
    shown = masked("store", {"kind": "sealed", "store": behind})
    assert CANARY not in json.dumps(shown)
    assert "SPRING" in json.dumps(shown)


@pytest.mark.parametrize("inner", [("autumn",), ("autumn", "half")])
def test_a_value_of_a_table_of_keys_is_masked_where_it_is_shown_alone(inner: tuple[str, ...]) -> None:
    path = ("journals", "store", "keys", *inner)
    assert masked_at(path, "plain words") == "***"
    assert masked_at(path, {"env": "AUTUMN"}) == {"env": "AUTUMN"}


def test_masking_leaves_references_alone() -> None:
    assert masked("api_key", {"env": "A"}) == {"env": "A"}
    assert masked("headers", {"Authorization": "x", "Accept": "y"}) == {"Authorization": "***", "Accept": "y"}


@pytest.mark.parametrize("name", ["accessToken", "authtoken", "X-AuthToken", "clientSecret", "apikey"])
def test_names_in_any_spelling_are_refused_in_a_file_and_masked_in_reports(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, f'[default.model]\nkind = "openai"\nheaders = {{ {name} = "{CANARY}" }}\n')
    with pytest.raises(ConfigurationError, match="A secret is written out here"):
        load_settings(path, environ={})
    backend = Backend(kind="openai", options={"headers": {name: CANARY}, "extra": json.dumps({name: CANARY})})
    settings = Settings(model=backend, agent=AgentSettings(metadata={name: CANARY, "user": f"{name}={CANARY}"}))
    assert CANARY not in f"{settings!r} {settings} {rows(settings)}"


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://me:pa/{CANARY}@db:5432/x",
        f"me:{CANARY}@proxy:3128",
        f"https://db.example/x?accessToken={CANARY}",
    ],
)
def test_the_secrets_of_urls_are_masked_in_reports(url: str) -> None:
    settings = Settings(model=Backend(kind="openai", options={"proxy": url}))
    assert CANARY not in f"{settings!r} {rows(settings)}"


def test_the_environment_in_one_variable_shows_no_secret(tmp_path: Path) -> None:
    path = write(tmp_path, '[default.model]\nkind = "offline"\n')
    for value in (json.dumps({"accessToken": CANARY}), json.dumps({"nested": [{"authtoken": CANARY}]})):
        with pytest.raises(ConfigurationError, match="A secret inside JSON") as caught:
            load_settings(path, environ={"LIGHTAGENT__AGENT__METADATA": value})
        assert CANARY not in f"{caught.value} {caught.value!r}"
    broken = load_settings(path, environ={"LIGHTAGENT__AGENT__ROLE": f'{{"accessToken": "{CANARY}"'})
    assert CANARY not in f"{broken!r} {rows(broken)}"


LOOKED_UP = 'sk-ca/n"ary\\+1234567890' + "z" * 300


@pytest.mark.parametrize("option", ["base_url", "azure_endpoint", "timeout", "transport"])
def test_what_was_looked_up_is_in_no_problem(tmp_path: Path, option: str) -> None:
    for value in (LOOKED_UP, f"http://me:{LOOKED_UP}@host", f"http://host/{LOOKED_UP} x", f"http://host:{CANARY}/v1"):
        path = write(tmp_path, f'[default.model]\nkind = "openai"\nmodel = "m"\n{option} = {{ env = "A" }}\n')
        settings = load_settings(path, environ={})
        told = str(check_backend(settings, "model", {"A": value}))
        assert "problems=(Problem(" in told
        assert "1234567890" not in told
        assert "canary" not in told


RANDOM = "Zq9aB3dE5fG7hJ9kL1mN3pQ5"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "headers"), {"X-Corp": RANDOM, "X-Session": "letters"}),
        (("model", "default_query"), {"code": "letters"}),
        (("model", "base_url"), f"https://gateway.example/{RANDOM}/v1"),
        (("model", "arguments"), {"extra_headers": {"X-Corp": "letters"}}),
        (("agent", "metadata"), {"x": f"Bearer {RANDOM}"}),
        (("agent", "metadata"), {"auth": RANDOM}),
        (("agent", "metadata"), {"auth": {"bearer": RANDOM}}),
        (("agent", "metadata"), {"secretKeyBase64": RANDOM}),
        (("agent", "metadata"), {"api_key_prod": RANDOM}),
        (("agent", "metadata"), {"x": f"sk-proj-{RANDOM}"}),
        (("agent", "metadata"), {"x": f"ghp_{RANDOM}12345678901"}),
        (("agent", "metadata"), {"x": f"xoxb-12345-{RANDOM}"}),
        (("agent", "metadata"), {"hook": f"https://hooks.slack.com/services/T0/B0/{RANDOM}"}),
        (("agent", "instructions"), f"Use the password {RANDOM} for it."),
    ],
)
def test_what_looks_like_a_credential_is_not_shown(path: tuple[str, str], value: JsonValue) -> None:
    section, name = path
    options = {"model": "m", name: value}
    settings = (
        Settings(model=Backend(kind="openai", options=options))
        if section == "model"
        else Settings(agent=AgentSettings.model_validate({name: value}))
    )
    told = f"{settings!r} {rows(settings)}"
    assert RANDOM not in told
    assert "letters" not in told
    assert "***" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instructions", "Use the key word: the password is a secret that nobody knows, and skip sk-lists."),
        ("model", "gpt-4.1-mini-2025-04-14"),
        ("base_url", "https://resource.openai.azure.com/openai/deployments/gpt-4.1-mini/v1"),
        ("prompt_cache_key", "tenant-7"),
        ("headers", {"Accept": "application/json"}),
    ],
)
def test_what_is_no_credential_is_shown(name: str, value: JsonValue) -> None:
    assert masked(name, value) == value


def test_trust_shows_no_header_of_a_file() -> None:
    assert masked_at(("model", "headers", "X-Corp"), "letters") == "***"
    assert masked_at(("model", "headers", "X-Corp"), {"env": "CORP"}) == {"env": "CORP"}


def test_a_model_shows_no_token_in_the_path_of_its_url() -> None:
    model = OpenAIChatModel("m", "k", f"https://gateway.example/{RANDOM}/v1")
    assert repr(model) == "OpenAIChatModel('m', base_url='https://gateway.example/***/v1')"
    assert RANDOM not in repr(model._options)
    model._remember_credentials()
    assert model._credentials.mask.text(f"path /{RANDOM}/v1 refused") == "path /***/v1 refused"


def test_the_variable_of_the_current_folder_is_no_secret() -> None:
    assert not is_secret_variable("PWD")
    assert is_secret_variable("DB_PWD")
