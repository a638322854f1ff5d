"""The credentials that an adapter sends, and the mask that keeps them out of errors and logs.

A model tells every credential here before it is sent, or as soon as a client shows it: keys, tokens, headers,
queries, the passwords of proxies. Every error that leaves the model passes here, and so does every log record of the
libraries below it (`masked_logs`).
"""

from __future__ import annotations

import base64
import binascii
import copy
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn, Self
from urllib.parse import parse_qsl, unquote

from lightagent.domain.errors import LightAgentError, ProviderError, format_lightagent_error
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.forms import looks_random, path_tokens
from lightagent.domain.secrets.masking import Mask, mask_options
from lightagent.domain.secrets.names import is_secret_name, is_secret_variable

if TYPE_CHECKING:
    from pydantic import BaseModel

_MOST: Final = 256
"""How many credentials are remembered. The oldest are dropped, since tokens are fetched again and again."""

_MESSAGE: Final = 500
_DETAIL: Final = 200
"""How many characters of an error's message, and of a text in its details, are kept. They are cut after masking."""

_TELLING_HEADER: Final = re.compile(
    r"(?i)auth|key|token|secret|cookie|session|credential|password|signature|jwt|bearer"
)
# Headers that are not credentials, although their values look random.
_HARMLESS: Final = frozenset({"traceparent", "tracestate", "baggage", "user-agent", "content-type", "accept"})


class Credentials:
    """The credentials of one model. Safe to use from any thread."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._mask: Mask | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Credentials({len(self._known)})"

    @property
    def mask(self) -> Mask:
        """The mask for every credential that is known so far."""
        with self._lock:
            if self._mask is None:
                self._mask = Mask(self._known)
            return self._mask

    def add(self, *secrets: str | None) -> None:
        """Register keys, tokens and passwords."""
        for secret in secrets:
            if not secret or secret in self._known:
                continue
            with self._lock:
                self._known[secret] = None
                self._mask = None
                if len(self._known) > _MOST:
                    del self._known[next(iter(self._known))]

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Register the headers whose names or values look like credentials."""
        for name, value in headers.items():
            if name.lower() not in _HARMLESS and (_TELLING_HEADER.search(name) or looks_random(value)):
                self.add(*_in_header(value))

    def add_query(self, query: Mapping[str, str]) -> None:
        """Register the query parameters whose names or values look like credentials."""
        for name, value in query.items():
            if is_secret_name(name) or looks_random(value):
                self.add(value)

    def add_url(self, url: str) -> None:
        """Register the user, password, keys and tokens in a URL, such as that of a proxy or a gateway."""
        place, _, query = url.partition("?")
        info = place.partition("://")[2] or place
        user, _, password = info.rpartition("@")[0].partition(":")
        self.add_user(user, password)
        self.add_query(dict(parse_qsl(query)))
        self.add(*path_tokens(info.rpartition("@")[2].partition("/")[2]))

    def add_user(self, user: str, password: str) -> None:
        """Register a user and a password, also in the base64 form in which they are sent."""
        if not user and not password:
            return
        self.add(password or user, unquote(password or user))
        for pair in (f"{user}:{password}", f"{unquote(user)}:{unquote(password)}"):
            self.add(base64.b64encode(pair.encode()).decode())

    def add_environment(self, environ: Mapping[str, str], *prefixes: str) -> None:
        """Register the variables with secret names and one of the prefixes, and the passwords of proxies."""
        for name, value in environ.items():
            if name.lower().endswith("_proxy"):
                self.add_url(value)
            elif name.startswith(prefixes) and is_secret_variable(name):
                self.add(value)

    def add_json(self, value: JsonValue, name: str = "") -> None:
        """Register the values in JSON data whose names are those of secrets."""
        if isinstance(value, dict):
            for inner, item in value.items():
                self.add_json(item, inner)
        elif isinstance(value, list):
            for item in value:
                self.add_json(item, name)
        elif isinstance(value, str) and is_secret_name(name):
            self.add(*_in_header(value))

    def without(self, error: Exception) -> Exception:
        """Return the error without credentials in its text, details, notes and causes.

        What a client raises holds the request with all its headers, so an error of ours names it but has it for no
        cause. An exception of another kind stays what it is, unless it tells a credential.
        """
        if isinstance(error, LightAgentError):
            return self._safe(error)
        mask = self.mask
        text = "\n".join(_printed(error))
        if mask.text(text) == text:
            return error
        return self._safe(LightAgentError(f"{type(error).__name__}: {error}", code="LA-UNKNOWN"))

    def _safe(self, error: LightAgentError) -> LightAgentError:
        mask = self.mask
        safe = copy.copy(error)  # Copies its state, but neither cause nor context.
        info = error.info
        most = _MESSAGE if isinstance(error, ProviderError) else None
        details: JsonObject | None = None
        if info.details is not None:
            details = {mask.text(name): _cut(mask.json(value)) for name, value in info.details.items()}
        safe.info = replace(
            info, message=mask.text(info.message)[:most], guidance=mask.text(info.guidance), details=details
        )
        safe.args = (format_lightagent_error(safe.info),)
        if notes := getattr(error, "__notes__", None):
            safe.__notes__ = [mask.text(note) for note in notes]
        return safe.with_traceback(error.__traceback__)


def _in_header(value: str) -> Iterator[str]:
    """Yield a header's value and its parts, such as those of ``Bearer TOKEN`` and ``session=ID; other=…``."""
    yield value
    for part in re.split(r"[\s;,]+", value.strip()):
        yield part
        _, equals, inner = part.partition("=")
        if equals and inner.strip("="):
            yield inner.strip("\"'")
    if value.lower().startswith("basic "):
        try:
            pair = base64.b64decode(value[6:].strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield pair
        yield pair.partition(":")[2]


def _printed(error: BaseException) -> Iterator[str]:
    """Yield everything that a traceback or the `repr` of `error` would print."""
    seen: set[int] = set()
    open_: list[BaseException | None] = [error]
    while open_:
        one = open_.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield str(one)
        yield repr(one)
        yield from getattr(one, "__notes__", ())
        open_ += (one.__cause__, one.__context__)
        if isinstance(one, BaseExceptionGroup):
            open_ += one.exceptions


def _cut(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value[:_DETAIL]
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    return value


class CredentialHolder:
    """An object with credentials and connections: copying returns the object itself, and pickling raises.

    The bytes would hold its credentials, and none of its connections.
    """

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled: it holds credentials and connections. Make it anew in each process."
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def shown_options(options: BaseModel) -> Iterator[tuple[str, JsonValue]]:
    """Yield an adapter's options for its `repr`, with keys and the credentials in headers and queries masked."""
    dumped: JsonObject = options.model_dump(mode="json")
    for name, value in dumped.items():
        yield name, mask_options(name, value)
