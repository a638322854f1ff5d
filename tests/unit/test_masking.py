"""The mask hides what it knows in every spelling, and no innocent text; names tell what else is secret."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent import LightAgent
from lightagent.adapters.chat.fallback import FallbackOptions
from lightagent.adapters.chat.litellm import LiteLLMChatModel, LiteLLMOptions
from lightagent.adapters.chat.openai import OpenAIChatModel, OpenAIOptions
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import MASK, Mask, is_placeholder, mask_named, mask_urls
from lightagent.domain.secrets.names import is_secret_name
from lightagent.testing import ScriptedModel

SECRET = 'p/ss+w0rd "9" <&> \\ é'
KEY = "sk-1234567890abcdef"


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%C3%A9", "%c3%a9"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET)[1:-1])[1:-1],
        repr(SECRET)[1:-1],
        repr(SECRET.encode())[2:-1],
    ],
)
def test_a_secret_is_hidden_in_every_spelling(spelled: str) -> None:
    assert Mask([f" {SECRET}\n"]).text(f"a {spelled} b") in (f"a {MASK} b", f"a {MASK}== b", f"a {MASK}= b")


@pytest.mark.parametrize("before", ["", "=", "'", "key:", "\\n", "%20", "b'", "Bearer", "x"])
def test_a_long_secret_is_hidden_whatever_stands_around_it(before: str) -> None:
    assert Mask([KEY]).text(f"{before}{KEY}z") == f"{before}{MASK}z"


def test_a_secret_that_somebody_cut_is_hidden_as_far_as_it_goes() -> None:
    assert Mask([KEY]).text(f"refused: {KEY[:12]}") == f"refused: {MASK}"


def test_a_short_secret_is_hidden_as_a_word_or_after_a_telling_one() -> None:
    mask = Mask(["s3cr3t", "hunter", "blue-sky-42"])
    assert mask.text("s3cr3t s3cr3ts blue-sky-42 hunter") == f"{MASK} s3cr3ts {MASK} hunter"
    assert mask.text('Bearer hunter, "password": "hunter"; Incorrect API key provided: hunter.') == (
        f'Bearer {MASK}, "password": "{MASK}"; Incorrect API key provided: {MASK}.'
    )


@pytest.mark.parametrize(
    "key",
    ["x", "1", "", "EMPTY", "none", "ollama", "lm-studio", "sk-no-key-required", "not-needed", "sk-xxxxxxxxxxxxxxxx"],
)
def test_a_placeholder_hides_nothing(key: str) -> None:
    text = f"The key {key} is {key}: max_tokens of ollama exceeds x 1 none EMPTY, see lm-studio {key}"
    assert Mask([key]).text(text) == text
    assert is_placeholder(key) or len(key) < 4


@given(st.text(), st.lists(st.text(min_size=1, max_size=12), max_size=4))
def test_a_text_without_a_credential_stays_as_it_is(text: str, secrets: list[str]) -> None:
    innocent = [one for one in secrets if one.strip() and one.strip()[:3] not in text]
    if "://" not in text and "=" not in text:
        assert Mask(innocent).text(text) == text


SENTENCES = st.lists(
    st.sampled_from(
        [
            *("the", "key", "of", "this", "model", "is", "EMPTY", "max_tokens"),
            *("https://host:8080/@me/x?page=2", "a=b", "none", "(test)", "401"),
        ]
    )
)


@given(SENTENCES.map(" ".join))
def test_innocent_sentences_stay_as_they_are(text: str) -> None:
    assert Mask([KEY, "x", "EMPTY", "test", "none", "401"]).text(text) == text


@given(st.text(alphabet=st.characters(codec="ascii", min_codepoint=33), min_size=16, max_size=40), st.text(), st.text())
def test_a_long_secret_is_never_left(secret: str, before: str, after: str) -> None:
    if not is_placeholder(secret) and secret not in MASK + before + MASK + after + MASK:
        assert secret not in Mask([secret]).text(before + secret + after)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgres://u:pa/ss@db:5432/x", f"postgres://u:{MASK}@db:5432/x"),
        ("http://u:p@ss@host/v1", f"http://u:{MASK}@host/v1"),
        ("redis://:pw@host", f"redis://:{MASK}@host"),
        ("https://0123456789abcdef0123456789@git.example/x", f"https://{MASK}@git.example/x"),
        (
            "https://host/v1?a=b&api_key=abc&accessToken=d#sig=e",
            f"https://host/v1?a=b&api_key={MASK}&accessToken={MASK}#sig={MASK}",
        ),
    ],
)
def test_the_secrets_of_a_url(url: str, masked: str) -> None:
    assert mask_urls(f"at {url} now") == f"at {masked} now"


@pytest.mark.parametrize(
    "url", ["https://host:8080/@me", "https://host/@me", "http://[::1]:80/a@b", "https://git@host/x", "a@b.example:c"]
)
def test_urls_without_a_secret(url: str) -> None:
    assert mask_urls(url) == url


@pytest.mark.parametrize(
    "text", ['{"accessToken": "SECRET-A", "n": 1}', "authtoken=SECRET-A", "{'x-api-key': 'SECRET-A'}"]
)
def test_what_stands_beside_a_secret_name(text: str) -> None:
    assert "SECRET-A" not in mask_named(text)
    assert mask_named("max_tokens=5, model: x") == "max_tokens=5, model: x"


@pytest.mark.parametrize(
    "name",
    [
        *("api_key", "token", "X-Api-Key", "accessToken", "authtoken", "X-AuthToken"),
        *("apiKey", "APIKEY", "clientSecret", "db_password", "PRIVATE-KEY", "refreshToken"),
        *("access_tokens", "key1", "token_value", "Ocp-Apim-Subscription-Key", "Cookie"),
        *("sessionToken", "X-Auth", "dbPass"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("max_tokens", "maxTokens", "key_file", "model", "monkey", "tokenizer"),
        *("stop_token", "prompt_cache_key", "public_key", "keyboard", "keyId", "token_url"),
        *("auth", "total_tokens", "author", "passage", "compass", "hotkey"),
    ],
)
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_options_show_no_secret() -> None:
    headers = {"X-Whatever": KEY}
    shown = [
        OpenAIOptions.model_validate(
            {"model": "m", "api_key": KEY, "headers": headers, "default_query": {"code": KEY}}
        ),
        LiteLLMOptions.model_validate(
            {"model": "m", "api_key": KEY, "headers": headers, "arguments": {"accessToken": KEY}}
        ),
        FallbackOptions.model_validate({"models": [{"kind": "openai", "api_key": KEY}]}),
        OpenAIChatModel("m", KEY, headers=headers)._options,
    ]
    assert KEY not in f"{shown!r} {[str(one) for one in shown]}"


def open_named(model: str, *, base_url: str) -> object:
    return open_adapter("chat", "openai", {"model": model, "base_url": base_url})


@pytest.mark.parametrize(
    "url", [f"http://me:{KEY}/x@host/v1", f"http://host/v1?api_key={KEY}", f"me:{KEY}@host/v1", f"http://h:{KEY}/v1"]
)
def test_a_refused_url_shows_no_secret(url: str) -> None:
    for open_it in (OpenAIChatModel, open_named):
        with pytest.raises(ConfigurationError) as caught:
            open_it("m", base_url=url)
        error: BaseException | None = caught.value
        while error is not None:
            assert KEY not in f"{error} {error!r}"
            error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "holder",
    [
        LightAgent(model=ScriptedModel(["yes"])),
        OpenAIChatModel("m", KEY),
        LiteLLMChatModel("openai/m", api_key=KEY),
    ],
    ids=lambda one: type(one).__name__,
)
def test_agents_and_models_are_their_own_copies_and_say_that_they_are_not_pickled(holder: object) -> None:
    with pytest.raises(TypeError, match=r"cannot be pickled.* in each process") as caught:
        pickle.dumps(holder)
    assert KEY not in str(caught.value)
    assert copy.copy(holder) is holder
    assert copy.deepcopy({"in": [holder]})["in"][0] is holder


def test_a_copied_agent_answers_after_use() -> None:
    agent = LightAgent(model=ScriptedModel(["one", "two"]))
    agent.run("?")
    assert copy.deepcopy(agent).run("?") == "two"


LONG_KEY = "sk-proj-Zq9/+aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA=="


@pytest.mark.parametrize("size", [12, 16, 20, 30, 40])
@pytest.mark.parametrize("start", [0, 5, 8, -1])
@pytest.mark.parametrize(
    "around", ["{}", "The credential starting with {} was revoked", "code{}x", "a\nb {}...", "{}{}"]
)
def test_a_part_of_a_key_is_hidden_wherever_it_stands(size: int, start: int, around: str) -> None:
    part = LONG_KEY[-size:] if start < 0 else LONG_KEY[start : start + size]
    for shift in range(8):
        text = "-" * shift + around.format(part, part)
        shown = Mask([LONG_KEY]).text(text)
        assert MASK in shown
        assert not any(LONG_KEY[at : at + 12] in shown for at in range(len(LONG_KEY) - 11))


@pytest.mark.parametrize(
    "spelled",
    [
        quote(quote(LONG_KEY, safe=""), safe=""),
        "".join(f"%{ord(one):02X}" for one in LONG_KEY),
        "".join(f"%{ord(one):02x}" for one in LONG_KEY),
        "".join(f"\\u{ord(one):04x}" for one in LONG_KEY),
        "".join(f"&#{ord(one)};" for one in LONG_KEY),
        LONG_KEY.replace("/", "&#x2F;").replace("+", "&#x2B;").replace("=", "&#x3D;"),
        LONG_KEY.replace("/", "&#47;").replace("+", "&#43;").replace("=", "&#61;"),
        LONG_KEY.replace("/", "\\u002f").replace("+", "\\u002b").replace("=", "\\u003d"),
        LONG_KEY.encode().hex(),
        LONG_KEY.encode().hex().upper(),
        LONG_KEY.upper(),
        LONG_KEY.lower(),
        *(base64.b64encode(f"{before}:{LONG_KEY}".encode()).decode() for before in ("u", "me", "you", "user")),
        base64.urlsafe_b64encode(f"Bearer {LONG_KEY}".encode()).decode(),
        repr('["' + LONG_KEY.replace("/", "\\/") + '"'),
        repr(repr('["' + LONG_KEY.replace("/", "\\/") + '"')),
    ],
)
def test_a_key_is_hidden_in_rare_spellings(spelled: str) -> None:
    shown = Mask([LONG_KEY]).text(f"refused: {spelled} (401)")
    assert MASK in shown
    assert not any(spelled[at : at + 16] in shown.removeprefix("refused: ") for at in range(8, len(spelled) - 24))


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("my-gateway-token-for-the-tests-1", "The my-gateway-token-for is no name of a gateway-token-for-the."),
        ("Basic authentication is Zq9aB3dE5fG7", "Use Basic authentication is what the server says."),
        ("0000000000000000000000000000000001", "000000000000 and 0000000000000"),
        (LONG_KEY, "Keys begin with sk-proj- and have 48 characters; sk-proj-Zq9 is too short."),
    ],
)
def test_what_a_secret_has_in_common_with_an_innocent_text_stays(secret: str, text: str) -> None:
    assert Mask([secret]).text(text) == text


@pytest.mark.parametrize(
    "repeated", ["the key sk-proj- is not known, ", LONG_KEY[:11] + " ", LONG_KEY[:13] + " ", "%73%6b"]
)
def test_parts_are_found_fast_in_a_long_text(repeated: str) -> None:
    """Sixty keys that begin alike, and a megabyte: about a tenth of a second. The watchdog allows a slow machine."""
    keys = ["sk-proj-Zq9" + base64.b64encode(f"{number:040}".encode()).decode() for number in range(60)]
    runs = Mask([LONG_KEY, *keys])._runs
    text = repeated * (1_000_000 // len(repeated))
    begun = time.perf_counter()
    shown = runs.hide(text, MASK)
    assert time.perf_counter() - begun < 10
    assert LONG_KEY[:12] not in shown
