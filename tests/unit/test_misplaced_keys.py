"""A key that was given in the place of something else is not shown by the error that says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from lightagent import ConfigurationError, LightAgent
from lightagent.adapters.chat._profile_lookup import named_profile
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.registry import open_adapter
from lightagent.domain.secrets.masking import shown
from lightagent.settings import load_settings
from lightagent.settings.backends import open_backend

KEYS: Final = ("sk-canary-0123456789abcdef", "9f8e7d6c5b4a3928170655ab", "gsk_0123456789abcdefghij")
OPTIONS: Final[dict[str, Callable[[str], object]]] = {
    "base_url": lambda key: OpenAIChatModel("m", base_url=key),
    "azure_endpoint": lambda key: OpenAIChatModel("m", azure_endpoint=key),
    "profile": named_profile,
    "kind": lambda key: open_adapter("chat", key, {}),
    "option": lambda key: open_adapter("chat", "openai", {"model": "m", key: "x"}),
    "checked option": lambda key: open_adapter("chat", "openai", {"model": "m", "base_url": key}),
    "transport": lambda key: open_adapter("chat", "openai", {"model": "m", "transport": key}),
    "a name in a profile": lambda key: open_adapter("chat", "openai", {"model": "m", "profile": {key: key}}),
    "kind of a fallback": lambda key: open_adapter("chat", "fallback", {"models": [{"kind": key}]}),
    "code of a fallback": lambda key: open_adapter("chat", "fallback", {"models": [{"kind": "offline"}], "on": [key]}),
    "provider": lambda key: LightAgent(model="m", provider=key).run("Hi"),
}
FILES: Final = (
    '[default.model]\nkind = "{}"\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\nprofile = "{}"\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\nbase_url = "{}"\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\ntransport = "{}"\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\n{} = "x"\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\nprofile = {{ {} = 1 }}\n',
    '[default.model]\nkind = "openai"\nmodel = "m"\napi_key = {{ env = "{}" }}\n',
    '[default.agent]\nmax_retry = "{}"\n',
    "[default.agent]\n{} = 1\n",
    '[default.journals]\nkind = "{}"\n',
)
VARIABLES: Final = ("LIGHTAGENT__MODEL__KIND", "LIGHTAGENT__MODEL__PROFILE", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG")


def hides(key: str, open_: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_()
    for told in (str(caught.value), repr(caught.value), str(caught.value.info)):
        assert key not in told


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("option", OPTIONS)
def test_in_the_place_of_an_option(option: str, key: str) -> None:
    hides(key, lambda: OPTIONS[option](key))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", FILES)
def test_in_a_settings_file(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "some.toml"
    path.write_text(text.format(key))

    def load() -> object:
        settings = load_settings(path, environ={})
        return open_backend(settings, "journals" if "journals" in text else "model", {})

    hides(key, load)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("variable", VARIABLES)
def test_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, key: str) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"LIGHTAGENT__MODEL__KIND": "openai", "LIGHTAGENT__MODEL__MODEL": "m", variable: key}
    hides(key, lambda: open_backend(load_settings(environ=environ), "model", environ))


def test_what_people_write_is_repeated() -> None:
    for word in ("openia", "openai_compatible_v1", "gpt-4.1-mini-2025-04-14", "api.example.com/v1", "staging", "", 5):
        assert shown(word) == repr(word)
