"""The one mechanism that keeps credentials out of texts: known ones by their value, others by where they stand.

`Mask` knows the values that must not be shown. It hides each in every spelling in which an endpoint, a URL or a log may
repeat it. A text is masked before it is cut, since a part of a key is a credential, too. `mask_urls` and `mask_named`
know nothing and go by the form alone: the password of a URL, the value beside a name such as ``accessToken``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.forms import looks_like_key, looks_random, mask_forms
from lightagent.domain.secrets.fragments import SecretRuns
from lightagent.domain.secrets.names import PASSWORD, is_secret_name, is_secret_within, suggests_secret
from lightagent.domain.secrets.spellings import escaped_spellings, rare_spellings, usual_spellings

MASK: Final = "***"

_LEAST: Final = 8
"""Characters of a secret that is hidden wherever it stands; of six, if it mixes letters and digits."""

_LEAST_NAMED: Final = 4
"""Characters of a secret that is hidden where a word such as "key" or "Bearer" comes before it."""

_LONG: Final = 16
"""Characters of a secret that no innocent text contains, not even as a part of a word."""

# What local servers and examples take for a key. To hide such a word would only make texts hard to read.
_PLACEHOLDERS: Final = frozenset(
    {
        *(
            "anonymous",
            "anything",
            "default",
            "empty",
            "example",
            "free",
            "ignored",
            "local",
            "localhost",
            "none",
            "null",
        ),
        *("optional", "placeholder", "required", "undefined", "unknown", "unused", "whatever"),
        *("changeme", "replaceme", "localhost"),
        *("key", "apikey", "mykey", "yourkey", "yourkeyhere", "yourapikey", "yourapikeyhere", "insertyourkeyhere"),
        *("openaiapikey", "youropenaiapikey", "password", "secret", "token", "test", "testkey", "mock"),
        *("dummy", "dummykey", "dummyapikey", "fake", "fakekey", "fakeapikey"),
        *("nokey", "nokeyneeded", "nokeyrequired", "notneeded", "notrequired", "notused"),
        *(
            "koboldcpp",
            "llamacpp",
            "lmstudio",
            "localai",
            "ollama",
            "openai",
            "sglang",
            "tabbyapi",
            "vllm",
            "xinference",
        ),
    }
)

_BEFORE_NAMED: Final = (
    r"(?i:(?<![a-z])(?:(?:api|access)[ _-]?)?"
    rf"(?:keys?|tokens?|secrets?|{PASSWORD}|bearer|basic|authorization)"
    r"(?: (?:provided|is|was|given))?[\"']?\s*[:=]?\s*[\"']?)"
)
# Where a word begins and ends; an escaped line end (\n) or blank (%20) before it does not belong to the word.
_BEGINS: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[abfnrtv])|(?<=%[0-9A-Fa-f]{2}))"
_ENDS: Final = r"(?![A-Za-z0-9])"

_USER_INFO: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@\[\"'<>]{0,200}):(?!\d{1,5}(?:[/?#\s]|$))[^\s\"'<>]{1,1000}@"
)
_LONE_USER: Final = re.compile(r"(?<=://)[^\s/:@?#\[\"'<>]{20,1000}@")
_WHOLE_USER: Final = re.compile(r"[^\s:/@]+:[^\s@/]+@[\w.-]+(?::\d+)?/?")
_QUERY: Final = re.compile(r"([?&;#]([A-Za-z][\w.~-]{0,60})=)([^&;#\s\"'<>]+)")
_NAMED: Final = re.compile(
    r"(?P<before>(?P<quote>\\?[\"']?)(?P<name>[A-Za-z][\w.-]{0,60})(?P=quote)\s{0,3}[:=]\s{0,3})"
    r"(?P<value>\\?\"(?:[^\"\\]|\\[^\"])*\\?\"|'[^']*'|[^\s,;&\"'{}\[\]]+)"
)


def is_placeholder(secret: str) -> bool:
    """Whether `secret` stands for a key that is not needed, such as ``EMPTY``, ``ollama`` or ``sk-no-key-required``."""
    word = re.sub(r"[^a-z0-9]", "", re.sub(r"^\W*sk[-_]", "", secret.strip().lower()))
    return len(set(word)) <= 1 or word in _PLACEHOLDERS


def mask_urls(text: str) -> str:
    """`text` with the passwords, and the keys in queries, of the URLs in it hidden."""
    if "://" in text:
        text = _USER_INFO.sub(rf"\1:{MASK}@", text)
        text = _LONE_USER.sub(f"{MASK}@", text)
    if "=" not in text:
        return text
    return _QUERY.sub(lambda found: found[1] + MASK if is_secret_name(found[2]) else found[0], text)


def shown(value: object) -> str:
    """A wrong value for the text of an error: its `repr`, unless it may be a key that was put in the wrong place."""
    return repr(unless_key(value)) if isinstance(value, str) else unless_key(repr(value))


def unless_key(text: str) -> str:
    """`text`, such as a name in an error, unless it may be a key that was put in the wrong place."""
    return MASK if looks_like_key(text) else text


def mask_options(name: str, value: JsonValue, secret: bool = False) -> JsonValue:
    """`value` as it may be shown: hidden where `name`, or a name within, says that it is secret."""
    if isinstance(value, str):
        if value and (secret or is_secret_name(name)):
            return MASK
        if suggests_secret(name) and looks_random(value):
            return MASK
        return MASK if _WHOLE_USER.fullmatch(value) else mask_forms(mask_named(value), MASK)
    if isinstance(value, list):
        return [mask_options(name, item, secret) for item in value]
    if isinstance(value, dict):
        return {
            inner: mask_options(inner, item, secret or is_secret_within(name, inner)) for inner, item in value.items()
        }
    return value


def mask_named(text: str) -> str:
    """`text` with what stands beside a secret's name hidden (``"accessToken": "…"``), for settings that are shown."""
    return _NAMED.sub(
        lambda found: found["before"] + MASK if is_secret_name(found["name"]) else found[0], mask_urls(text)
    )


class Mask:
    """Hides secrets whose values are known.

    Args:
        secrets: the values. A placeholder hides nothing, a short one only after a word such as "key".
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        stripped = {secret.strip() for secret in secrets}
        self._secrets = sorted(
            secret for secret in stripped if len(secret) >= _LEAST_NAMED and not is_placeholder(secret)
        )

    def text(self, text: str) -> str:
        """`text` without the secrets, and without what is a secret by its place in a URL."""
        if self._pattern is not None:
            text = self._pattern.sub(_hidden, text)
            text = self._without_beginning(self._runs.hide(text, MASK))
        return mask_urls(text)

    def json(self, value: JsonValue) -> JsonValue:
        """The same for every text in `value`, names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.json(item) for name, item in value.items()}
        return value

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        spelled = {
            spelling for secret in self._secrets if _is_long_enough(secret) for spelling in usual_spellings(secret)
        }
        # The longest first: one secret may begin with another.
        forms = [_form(spelling) for spelling in sorted(spelled, key=lambda one: (-len(one), one))]
        if short := "|".join(re.escape(one) for one in reversed(self._secrets) if not _is_long_enough(one)):
            forms.append(f"(?P<before>{_BEFORE_NAMED})(?:{short}){_ENDS}")
        return re.compile("|".join(forms)) if forms else None

    @cached_property
    def _runs(self) -> SecretRuns:
        telling = [secret for secret in self._secrets if _is_long_enough(secret)]
        whole = {one for secret in telling for one in (*rare_spellings(secret), *escaped_spellings(secret))}
        parts = {one for secret in telling for one in usual_spellings(secret)}
        # A short word in capitals, or a short escaped one, may be a part of another.
        return SecretRuns((one for one in whole if len(one) >= _LONG), parts)

    def _without_beginning(self, text: str) -> str:
        """Return `text` without the beginning of a secret at its end, which is left if the text was cut there."""
        for secret in self._secrets:
            for size in range(min(len(secret), len(text)) - 1, max(_LEAST, len(secret) // 2) - 1, -1):
                if text.endswith(secret[:size]):
                    return text[:-size] + MASK
        return text


def _hidden(found: re.Match[str]) -> str:
    """The mask, after the word that made a short secret known as one."""
    return (found.groupdict().get("before") or "") + MASK


def _is_long_enough(secret: str) -> bool:
    mixed = any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
    return len(secret) >= (6 if mixed else _LEAST)


def _form(spelling: str) -> str:
    """The pattern of one spelling; a short one counts as a whole word only."""
    form = re.sub(r"%([0-9A-F]{2})", r"%(?i:\1)", re.escape(spelling))
    if len(spelling) >= _LONG:
        return form
    return f"{_BEGINS if spelling[0].isalnum() else ''}{form}{_ENDS if spelling[-1].isalnum() else ''}"
