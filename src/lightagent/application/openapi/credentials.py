"""What an API's own server is shown of the application, and how that is kept from everybody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.openapi.service import OpenApiService
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.network.http_calls import HttpAnswer
from lightagent.domain.openapi import OpenApiDocument, Operation, Unusable
from lightagent.domain.openapi.parameters import may_be_sent
from lightagent.domain.openapi.values import percent_encoded, text_of

HIDDEN: Final = "***"
_SHORTEST: Final = 6
"""Characters of a credential that is masked; what is shorter stands in many texts by chance."""

_IN_COOKIES: Final = "!#$%&'()*+/:<=>?@[]^`{|}"
"""What a cookie's value may hold besides letters, digits and ``-._~``; servers do not decode it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is sent along to the service's own server: names and values, query and cookies as they are sent."""

    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    fills: frozenset[tuple[str, str]] = frozenset()
    """The parameters of an operation that these are, by their `Parameter.key`."""


def credentials_for(service: OpenApiService, document: OpenApiDocument, operation: Operation) -> Credentials:
    """What an operation is shown: the fixed headers, and the first way of its security that all is there for.

    Raises:
        Unusable: a security scheme is of a kind that is not known, or wants what cannot be sent.
    """
    headers, query, cookies = [*service.headers.items()], [], []
    fills = {("header", name.lower()) for name in service.headers}
    way = next((way for way in operation.security if way and all(name in service.auth for name in way)), ())
    for name in way:
        scheme = document.resolved(document.security_schemes.get(name, {}))
        place, key, value = _shown(name, {one: text_of(scheme.get(one)) for one in scheme}, service.auth[name])
        fills.add((place, key.lower() if place == "header" else key))
        if place == "header":
            headers.append((key, value))
        elif place == "query":
            query.append((percent_encoded(key), percent_encoded(value)))
        else:
            cookies.append((percent_encoded(key), percent_encoded(value, _IN_COOKIES)))
    return Credentials(tuple(headers), tuple(query), tuple(cookies), frozenset(fills))


def _shown(name: str, scheme: dict[str, str], secret: str) -> tuple[str, str, str]:
    """Where a security scheme wants the secret, under which name, and in which form."""
    kind, place, key = scheme.get("type"), scheme.get("in", ""), scheme.get("name", "")
    if kind == "apiKey" and place in ("header", "query", "cookie") and key:
        if place == "header":
            may_be_sent(key, required=True)
        return place, key, secret
    word = scheme.get("scheme", "").lower()
    if kind == "http" and word == "basic":
        return "header", "Authorization", f"Basic {base64.b64encode(secret.encode()).decode()}"
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and word in ("bearer", "")):
        return "header", "Authorization", f"Bearer {secret}"
    raise Unusable(
        f"its security scheme {name[:80]!r} is of a kind that is not known; pass the credential as one of the headers"
    )


def check_schemes(service: OpenApiService, document: OpenApiDocument) -> None:
    """Raise where a credential is for no scheme of the document: a typing mistake would send none.

    Raises:
        ConfigurationError: one is.
    """
    known = document.security_schemes
    for name in service.auth:
        if name not in known:
            listed = ", ".join(known)[:300] or "none"
            raise ConfigurationError(
                f"OpenAPI: the document of {service.name!r:.100} has no security scheme {name!r:.100}.",
                guidance=f"It has: {listed}. For other credentials there is headers=.",
            )


class SecretMask:
    """Takes the credentials of a service out of texts, in each form in which a server may repeat them."""

    def __init__(self, service: OpenApiService) -> None:
        values = (*service.headers.values(), *service.auth.values())
        found = {form for value in values for part in _parts(value) for form in _forms(part)}
        self._secrets = sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without credentials."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def answer(self, answer: HttpAnswer) -> HttpAnswer:
        """The answer without them: as a whole, since of a text that is cut a part of one could be left."""
        headers = tuple((name, self.text(value)) for name, value in answer.headers)
        text = answer.text if self._secrets else ""
        masked = self.text(text)
        if masked == text:
            return replace(answer, headers=headers)
        return replace(answer, headers=headers, content=masked.encode("utf-8", "replace"), charset="utf-8")


def _parts(value: str) -> Iterator[str]:
    """What is secret of a credential: all of it, what follows a word such as Bearer, a user and a password."""
    yield value
    yield value.rpartition(" ")[2]
    yield from value.split(":", 1)


def _forms(secret: str) -> Iterator[str]:
    """The spellings of one secret: as it is, in a URL, in JSON, and as `Basic` has it."""
    yield secret
    encoded = percent_encoded(secret)
    yield from (encoded, encoded.replace("%20", "+"), _lowered(encoded), percent_encoded(secret, _IN_COOKIES))
    for written in (json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        yield from (written[1:-1], written[1:-1].replace("/", "\\/"))
    yield base64.b64encode(secret.encode("utf-8", "replace")).decode()


def _lowered(encoded: str) -> str:
    """Percent-encoded text with the digits of its escapes in lower case."""
    first, *rest = encoded.split("%")
    return "%".join([first, *(one[:2].lower() + one[2:] for one in rest)])
