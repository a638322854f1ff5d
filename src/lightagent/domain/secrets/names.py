"""Which names say that they name a secret: ``api_key``, ``accessToken``, ``X-AuthToken``, but not ``max_tokens``."""

from __future__ import annotations

import re
from typing import Final

PASSWORD: Final = "(?:passwords?|passwd|passphrase|passcode|pwd)"
"""The words for a password as a pattern, for those who look for them in texts, whatever their case."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_SECRET_WORDS: Final = frozenset(
    {
        *("key", "keys", "token", "secret", "secrets", "signature", "sig", "jwt", "bearer"),
        *("password", "passwords", "passwd", "passphrase", "passcode", "pass", "pwd"),
        *("authorization", "credential", "credentials", "creds", "cookie", "cookies"),
    }
)

# Words that are written without a border between them: authtoken, apikey, clientsecret, dbpassword.
_RUN_TOGETHER: Final = re.compile(
    r".+(?:token|secret|password|passwd|passphrase|credentials?|authorization)"
    r"|(?:x|my|our)?(?:api|app|auth|access|account|client|encryption|license|master|private|secret|server|service|session"
    r"|shared|signing|ssh|storage|sub|subscription)keys?"
)

# What may follow the telling word: api_key_1, tokenValue, password_old.
_TRAILING: Final = frozenset({"value", "string", "text", "raw", "plain", "old", "new", "current", "previous", "backup"})

# The word before says that no secret is meant: stop_token, prompt_cache_key.
_NO_TOKEN: Final = frozenset(
    {"stop", "eos", "bos", "pad", "unk", "sep", "mask", "cls", "start", "end", "special", "max", "min", "num", "total"}
)
_NO_KEY: Final = frozenset(
    {"public", "cache", "primary", "foreign", "sort", "partition", "routing", "index", "idempotency", "group"}
)
_MANY_TOKENS: Final = frozenset({"access", "api", "auth", "bearer", "refresh", "session"})


# Tables of what is sent with every request. Gateways call their keys whatever they like: X-Session, X-Corp, code.
_SENT: Final = frozenset({"headers", "default_headers", "extra_headers", "default_query", "extra_query"})
_HARMLESS: Final = frozenset({"accept", "content-type", "user-agent", "api-version"})

_TABLES: Final = frozenset({"keys", "secrets", "passwords"})
"""Tables whose values are secrets, whatever their names are, such as keys by their ids."""

_SUGGESTIVE: Final = re.compile(
    r"(?i)auth|key|token|secret|cookie|session|credential|pass|pwd|signature|jwt|bearer|otp|seed"
)


def is_secret_within(table: str, name: str) -> bool:
    """Whether `name` in `table` may be a credential by the table alone: one of secrets, of headers or of queries."""
    return holds_secrets(table) or (table.lower() in _SENT and name.lower() not in _HARMLESS)


def holds_secrets(table: str) -> bool:
    """Whether all values of a table are secrets, by its name."""
    return table.lower() in _TABLES


def suggests_secret(name: str) -> bool:
    """Whether the name has a telling word anywhere, so that a value that looks random is a secret: ``auth``,
    ``secretKeyBase64``, ``api_key_prod``.
    """
    return _SUGGESTIVE.search(name) is not None


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable holds a secret by its name. ``PWD`` is the current folder there."""
    return name not in ("PWD", "OLDPWD") and is_secret_name(name)


def is_secret_name(name: str) -> bool:
    """Whether the name says that its value is secret: its last word is one of few, in camelCase, kebab or snake."""
    words = [word.lower() for word in _WORD.findall(name)]
    while len(words) > 1 and words[-1] in _TRAILING:
        words.pop()
    if not words:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "token":
        return before not in _NO_TOKEN
    if last == "key":
        return before not in _NO_KEY
    if last == "tokens":
        return before in _MANY_TOKENS
    if last == "auth":
        return bool(before)
    return last in _SECRET_WORDS or _RUN_TOGETHER.fullmatch(last) is not None
