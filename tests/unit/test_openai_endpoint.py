"""Where requests go and with which key: settings, environment, and clear words for what is wrong."""

import os

import pytest

from lightagent.adapters._endpoints.endpoint import (
    CHAT_PATH,
    Endpoint,
    check_url,
    is_loopback,
    resolve_endpoint,
    url_problem,
)
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.registry import open_adapter
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.ports.models import ChatRequest

KEY = "sk-secret-0123456789"
LOCAL = "http://127.0.0.1:8000/v1"


def endpoint(model: OpenAIChatModel, **environ: str) -> Endpoint:
    return resolve_endpoint(model._options, CHAT_PATH, environ)


def test_settings_come_before_the_environment_and_that_before_the_default() -> None:
    environ = {"OPENAI_API_KEY": "env", "OPENAI_BASE_URL": "http://env.example/v1/"}
    explicit = endpoint(OpenAIChatModel("m", "own", "http://own.example/v1/"), **environ)
    assert (explicit.key, explicit.url) == ("own", "http://own.example/v1/chat/completions")
    named = endpoint(OpenAIChatModel("m"), **environ)
    assert (named.key, named.url) == ("env", "http://env.example/v1/chat/completions")
    assert endpoint(OpenAIChatModel("m", "own")).base_url == "https://api.openai.com/v1"


def test_headers() -> None:
    model = OpenAIChatModel("m", KEY, organization="org", headers={"authorization": "Basic x", "X-Team": "blue"})
    headers = endpoint(model, OPENAI_PROJECT_ID="proj").headers
    assert headers["OpenAI-Organization"] == "org"
    assert headers["OpenAI-Project"] == "proj"
    assert headers["X-Team"] == "blue"
    assert headers["authorization"] == "Basic x"
    assert "Authorization" not in headers


def test_a_missing_key_is_an_error_only_where_one_is_needed() -> None:
    with pytest.raises(ProviderError, match=r"no API key for api\.openai\.com") as caught:
        endpoint(OpenAIChatModel("m"), OPENAI_API_KEY="  ")
    assert (caught.value.code, caught.value.retryable) == ("LA-401", False)
    assert "OPENAI_API_KEY" in caught.value.guidance
    assert "Authorization" not in endpoint(OpenAIChatModel("m", base_url=LOCAL)).headers
    assert endpoint(OpenAIChatModel("m", headers={"api-key": "x"})).key is None


async def test_the_missing_key_is_found_at_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
    model = open_adapter("chat", "openai", {"model": "m"})
    assert isinstance(model, OpenAIChatModel)
    with pytest.raises(ProviderError, match="LA-401"):
        await anext(model.stream(ChatRequest((UserMessage("hi"),))))


def test_whitespace_around_a_key_is_removed() -> None:
    assert endpoint(OpenAIChatModel("m", f" {KEY}\n")).headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk\n-1", "sk-“x”", "sk\x00"])
def test_a_key_with_invalid_characters_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        endpoint(OpenAIChatModel("m", key))
    assert key not in str(caught.value)


def test_a_header_with_invalid_characters_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="X-Team"):
        endpoint(OpenAIChatModel("m", KEY, headers={"X-Team": "a\r\nb: c"}))


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://localhost:8080", "http://[::1]:8080/v1/", "https://x.example/a/b/v1"],
)
def test_good_base_urls(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not an http or https URL"),
        ("api.openai.com/v1", "has no scheme"),
        ("localhost:8080/v1", "has no scheme"),
        ("ftp://x.example", "not an http or https URL"),
        ("http://", "with a host"),
        ("https://x.example:99999/v1", "not a valid URL"),
        ("https://x.example:port/v1", "not a valid URL"),
        ("http://[::1/v1", "not a valid URL"),
        ("https://x.example/v1 ", "whitespace"),
        ("https://x.example/v1\r\nX: y", "whitespace"),
        ("https://user:pass@x.example/v1", "headers"),
        ("https://x.example/v1?a=1", "default_query"),
        ("https://x.example/v1#a", "fragment"),
        ("https://x.example/v1/chat/completions", "leave that off"),
    ],
)
def test_bad_base_urls_are_refused_at_once_with_the_remedy(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        OpenAIChatModel("m", KEY, url)
    assert "pass@" not in str(caught.value)
    assert caught.value.guidance
    with pytest.raises(ConfigurationError, match=r"model\.base_url"):
        open_adapter("chat", "openai", {"model": "m", "base_url": url}, at="model")


def test_a_bad_base_url_of_the_environment_is_named() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        endpoint(OpenAIChatModel("m", KEY), OPENAI_BASE_URL="localhost:8080")
    assert endpoint(OpenAIChatModel("m", KEY), OPENAI_BASE_URL="").base_url == "https://api.openai.com/v1"


def test_loopback_hosts() -> None:
    for host in ("localhost", "127.0.0.1", "127.1.2.3", "[::1]", "api.localhost"):
        assert is_loopback(f"http://{host}:1/v1")
    for host in ("127.0.0.1.example.com", "localhost.example", "10.0.0.1", "example.com"):
        assert not is_loopback(f"http://{host}:1/v1")
    assert url_problem("http://localhost/v1") is None


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(OpenAIChatModel("m", KEY, LOCAL))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "chat.model"),
        ({"model": ""}, "chat.model"),
        ({"model": "m", "base_urll": "x"}, "did you mean 'base_url'"),
        ({"model": "m", "timeout": 0}, "chat.timeout"),
        ({"model": "m", "timeout": "soon"}, "chat.timeout"),
        ({"model": "m", "transport": "httpx"}, "chat.transport"),
        ({"model": "m", "api_key": 5}, "chat.api_key"),
    ],
)
def test_options_are_checked_by_name(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        open_adapter("chat", "openai", options)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_limits_must_be_above_zero(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        OpenAIChatModel("m", timeout=timeout)
    with pytest.raises(ConfigurationError, match="connect_timeout"):
        OpenAIChatModel("m", connect_timeout=timeout)
    with pytest.raises(ConfigurationError, match="idle_timeout"):
        OpenAIChatModel("m", idle_timeout=timeout)
    with pytest.raises(ConfigurationError, match="max_response_bytes"):
        OpenAIChatModel("m", max_response_bytes=0)
