"""Authenticate requests: by their access key and, for delegating keys, the user named in the request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from lightagent.adapters.registry import install_command
from lightagent.application.serving.callers import NOBODY, Caller
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.settings.secrets import reference
from lightagent.settings.sections.serve import ServeSettings

USER_JWT: Final = "x-openwebui-user-jwt"
"""Header with the signed token that names the user of Open WebUI."""

_LEEWAY: Final = 60
"""Tolerated clock difference between the machines, in seconds."""


class Authentication:
    """Determines the caller of a request.

    Args:
        keys: the access keys of the server.
        environ: variables for secrets that the settings refer to; by default those of the process.

    Raises:
        ConfigurationError: the secret for user tokens is missing or too short.
        MissingExtraError: a secret is set, but joserfc is not installed.
    """

    def __init__(self, keys: AccessKeys, settings: ServeSettings, environ: Mapping[str, str] | None = None) -> None:
        self._keys = keys
        self._settings = settings
        self._secret = _secret(settings, os.environ if environ is None else environ)

    async def needed(self) -> bool:
        """Return whether every request needs a key: as `serve.keys` says, by default if any key exists."""
        wanted = self._settings.keys
        return await self._keys.exist() if wanted is None else wanted

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return the caller of a request with these headers.

        Raises:
            RequestRefused: the key is missing, unknown or expired, or the user's token is invalid.
        """
        if not await self.needed():
            return NOBODY
        caller = await self._keys.caller(_bearer(headers))
        if caller is None:
            raise RequestRefused(
                401, "The access key is missing, unknown, expired or revoked.", "Send Authorization: Bearer KEY."
            )
        user = self._user(headers) if caller.delegating else ""
        return caller.for_user(user)

    def _user(self, headers: Mapping[str, str]) -> str:
        """Return the user named by a request with a delegating key; if a secret is set, only a signed token counts."""
        if self._secret is not None:
            return user_in(headers.get(USER_JWT, ""), self._secret)
        name = self._settings.user_header
        return "" if name is None else headers.get(name, "")


def user_in(token: str, secret: bytes) -> str:
    """Return the user named by a signed token, in its claim `sub` or `id`.

    Raises:
        RequestRefused: the token is missing, expired, not signed with this secret, or names no user.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    try:
        read = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"])
        jwt.JWTClaimsRegistry(leeway=_LEEWAY, exp={"essential": True}).validate(read.claims)
    except (JoseError, ValueError):
        raise RequestRefused(
            401,
            "The token of the user is invalid or has expired.",
            "Sign it with the shared secret, valid for some minutes.",
        ) from None
    user = read.claims.get("sub") or read.claims.get("id")
    if not isinstance(user, str) or not user:
        raise RequestRefused(401, "The token does not name a user.", "Put the user's id into the claim sub.")
    return user


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _secret(settings: ServeSettings, environ: Mapping[str, str]) -> bytes | None:
    given = settings.user_jwt_secret
    if given is None:
        return None
    variable = reference(given)
    text = given if isinstance(given, str) else environ.get(variable or "", "")
    if len(text) < 16:
        raise ConfigurationError(
            "serve.user_jwt_secret: must have at least 16 characters.",
            guidance="Give both servers the same long random text.",
        )
    if find_spec("joserfc") is None:
        raise MissingExtraError("Signed users need joserfc.", guidance=f"Type: {install_command('jwt', 'joserfc')}")
    return text.encode()
