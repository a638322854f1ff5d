"""Answer requests to unknown paths, with a suggestion of the path that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from lightagent.application.serving.callers import NOBODY
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.entrypoints.serving.endpoint import refusal
from lightagent.entrypoints.serving.models import MODEL_ROUTES
from lightagent.entrypoints.serving.requests import ServedRequest
from lightagent.entrypoints.serving.state import Serving

_SLASHES: Final = re.compile("/{2,}")

_ANY: Final = "The base URL of OpenAI's clients ends in /v1; docs/serving.md lists what is served."


class WrongAddresses:
    """Answers requests with an unknown path or method, in the format of OpenAI's errors.

    Nothing is redirected, since the target would be built from the Host header, which can be forged.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def answered_in(self, app: Starlette) -> None:
        """Install the handlers in an application, and turn off its redirects."""
        app.router.redirect_slashes = False
        app.add_exception_handler(404, self.no_such_address)
        app.add_exception_handler(405, self.other_method)

    async def no_such_address(self, http: Request, error: Exception) -> Response:
        """Answer a request for an unknown path with 404."""
        guidance = next((f"Did you mean {path}?" for path in _similar_paths(http)), _ANY)
        return self._answer(http, RequestRefused(404, f"The path {_shown(http)} does not exist.", guidance))

    async def other_method(self, http: Request, error: Exception) -> Response:
        """Answer a request whose path exists, but not for this method, with 405."""
        headers = error.headers if isinstance(error, HTTPException) else None
        taken = (headers or {}).get("Allow", "")
        answer = self._answer(
            http,
            RequestRefused(405, f"{_shown(http)} does not support {http.method[:20]!a}.", f"Use {taken}."),
        )
        answer.headers["allow"] = taken
        return answer

    def _answer(self, http: Request, refused: RequestRefused) -> Response:
        return refusal(refused, MODEL_ROUTES[0], ServedRequest(self._serving, http, NOBODY))


def _shown(http: Request) -> str:
    return ascii(http.url.path[:100])[1:-1]


def _similar_paths(http: Request) -> Iterator[str]:
    """Yield served paths that differ from the requested one only by a common mistake in slashes or the prefix /v1."""
    root = str(http.scope.get("root_path", ""))
    path = _SLASHES.sub("/", str(http.scope["path"]).removeprefix(root))
    routes: list[BaseRoute] = http.app.routes
    for one in dict.fromkeys((path, path.rstrip("/"), f"/v1{path.rstrip('/')}", path.removeprefix("/v1").rstrip("/"))):
        scope = {**http.scope, "path": f"{root}{one}"}
        if any(route.matches(scope)[0] is not Match.NONE for route in routes):
            yield f"{root}{one}"
