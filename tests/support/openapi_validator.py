"""What openapi-core says of a request that a server got, and of the answer that it is about to give."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema.exceptions import ValidationError
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_spec_validator.validation.validators import SpecValidator
from werkzeug.datastructures import Headers, ImmutableMultiDict

from lightagent.domain.json_types import JsonObject
from tests.servers.api_server import Seen


class NotAsked(SpecValidator):
    """The documents are of others: whether they are sound is not asked here."""

    def iter_errors(self, *args: Hashable, **kwargs: Hashable) -> Iterator[ValidationError]:
        """None."""
        return iter(())


UNCHECKED: Final = Config(spec_validator_cls=NotAsked)


class SeenRequest:
    """A request as openapi-core wants it."""

    def __init__(self, seen: Seen, server: str) -> None:
        parts = urlsplit(seen.target)
        self.host_url = server
        self.path = unquote(parts.path) if "%2F" not in parts.path else parts.path
        self.method = seen.method.lower()
        cookies = dict(one.partition("=")[::2] for one in seen.headers.get("cookie", "").split("; ") if one)
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True)),
            header=Headers(seen.headers),
            cookie=ImmutableMultiDict(cookies),
        )
        self.body = seen.content or None
        self.content_type = seen.headers.get("content-type", "").partition(";")[0]


class DocumentValidator:
    """Checks against one document."""

    def __init__(self, document: JsonObject, server: str) -> None:
        self._api = OpenAPI.from_dict(document, config=UNCHECKED)
        self._server = server

    def check(self, seen: Seen) -> None:
        """Raise unless the document allows the request."""
        self._api.validate_request(SeenRequest(seen, self._server))
