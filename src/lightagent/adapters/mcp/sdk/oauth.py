"""Logging in at servers that want it, as the SDK does it: found out from the server, and renewed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl, BaseModel, TypeAdapter

from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Logins

WithoutDeadline = Callable[[], AbstractContextManager[None]]
"""Within it the time to open does not count: a human logs in."""

_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)


def oauth(
    url: str, memory: ServerMemory, logins: Logins, scope: Scope, without_deadline: WithoutDeadline
) -> OAuthClientProvider:
    """What puts a user's token on requests, and gets one where the server wants it."""
    login = _Login(memory, logins, scope, without_deadline)
    metadata = OAuthClientMetadata(client_name="lightagent", redirect_uris=[AnyUrl(logins.redirect_uri)])
    return OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=_TokenStorage(memory.server.name, logins, scope),
        redirect_handler=login.send,
        callback_handler=login.wait,
    )


class _Login:
    """One login: the SDK gives the address, and then wants what came back."""

    def __init__(self, memory: ServerMemory, logins: Logins, scope: Scope, without_deadline: WithoutDeadline) -> None:
        self._memory = memory
        self._logins = logins
        self._scope = scope
        self._without_deadline = without_deadline
        self._address = ""

    async def send(self, address: str) -> None:
        self._address = address
        self._memory.remark("login", address)

    async def wait(self) -> AuthorizationCodeResult:
        with self._without_deadline():
            answer = await self._logins.log_in(self._memory.server.name, self._scope, self._address)
        return AuthorizationCodeResult(code=answer.code, state=answer.state or None, iss=answer.issuer or None)


class _TokenStorage:
    """What the SDK keeps between logins: the tokens of a user, and how this program is registered at the server."""

    def __init__(self, server: str, logins: Logins, scope: Scope) -> None:
        self._server = server
        self._logins = logins
        self._scope = scope

    async def get_tokens(self) -> OAuthToken | None:
        found = await self._load("tokens")
        return None if found is None else OAuthToken.model_validate(found)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        await self._save("tokens", tokens)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        found = await self._load("client")
        return None if found is None else OAuthClientInformationFull.model_validate(found)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        await self._save("client", client_info)

    async def _load(self, what: str) -> object:
        return (await self._logins.load(self._server, self._scope) or {}).get(what)

    async def _save(self, what: str, value: BaseModel) -> None:
        before = await self._logins.load(self._server, self._scope) or {}
        kept = _OBJECT.validate_python(value.model_dump(mode="json", exclude_none=True))
        await self._logins.save(self._server, self._scope, {**before, what: kept})
